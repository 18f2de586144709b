//! The laptop cloud: runs `template.yaml` as it is, with no AWS account and no Docker.
//!
//! It is deliberately small: only the operations and states that a serverless product of this kind uses, each true to
//! AWS in shape, limits and errors; everything else is refused with a message that says so. It knows AWS and the
//! template, and nothing of the product that it runs.

pub mod account;
pub mod atomic_file;
pub mod aws_api;
pub mod aws_error;
pub mod builds;
pub mod cloud;
pub mod code_build;
pub mod console;
pub mod container;
pub mod ecr;
pub mod gateway;
pub mod http_server;
pub mod invoke;
pub mod lambda;
pub mod logs;
pub mod object_storage;
pub mod options;
pub mod rights;
pub mod schedules;
pub mod services;
pub mod step_functions;
pub mod steps;
pub mod supervise;
pub mod table_storage;
pub mod template;
