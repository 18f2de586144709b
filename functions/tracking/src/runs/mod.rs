//! Runs.

pub mod create;
pub mod delete;
pub mod delete_tag;
pub mod get;
mod inputs;
pub mod log_batch;
pub mod log_inputs;
pub mod log_metric;
pub mod log_model;
pub mod log_parameter;
mod model_metrics;
pub mod outputs;
pub mod restore;
pub mod search;
pub mod set_tag;
pub mod update;
