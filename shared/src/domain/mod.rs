//! The things that the platform is about, in the field's own words, and the rules that hold for each.

pub mod artifact_uri;
pub mod audience;
pub mod deployment;
pub mod environment_variable;
pub mod event;
pub mod experiment;
pub mod image;
pub mod inference_log;
pub mod job;
pub mod lifecycle;
pub mod logged_model;
pub mod metrics;
pub mod name;
pub mod network;
pub mod outcome;
pub mod prices;
pub mod rate_limit;
pub mod registered_model;
pub mod requirement;
pub mod run;
pub mod script;
pub mod search;
pub mod tracking_rules;
pub mod upload;
pub mod user;
pub mod webhook;
