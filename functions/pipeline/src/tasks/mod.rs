//! What the state machines, the schedule and the log subscription call. A file for each task.

pub mod begin_training;
pub mod build;
pub mod deploy_function;
pub mod finish_training;
pub mod go_live;
pub mod model_log;
pub mod publish_version;
pub mod push;
pub mod reconcile_jobs;
pub mod record_failure;
pub mod train;
pub mod verify_version;
