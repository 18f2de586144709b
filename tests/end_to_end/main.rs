//! The whole product over HTTP: each test starts the laptop cloud, or shares one, and talks to it as a user would, with
//! real Python and real packages. They run in parallel, on free ports, in data folders of their own.
#![allow(clippy::unwrap_used)]

mod support;

mod accounts;
mod alerts;
mod api;
mod artifacts;
mod command_line;
mod deployments_api;
mod documents;
mod durability;
mod examples;
mod failures;
mod feature_store;
mod images;
mod ml_development;
mod mlflow_client;
mod model_files;
mod privacy;
mod updates;
mod webhooks;
