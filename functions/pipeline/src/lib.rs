//! The pipeline: the tasks that the state machines call, and the routes through which the training program talks to
//! the platform.
//!
//! `statemachines/train.asl.json`: `begin_training` → `train` → `finish_training`.
//! `statemachines/deploy.asl.json`: training (nested) → `build` → `push` → `deploy_function` → `publish_version` →
//! `verify_version` → `go_live`. A failure anywhere goes to `record_failure`. `compute_drift` and `export_logs` are the work of
//! jobs of their own, which `schedule_drift` asks for too. `statemachines/webhook.asl.json`: `publish_event` → `deliver_webhook`,
//! until it succeeds or is given up → `close_event`. `evaluate_alerts` and `capture_monitoring` look at what was counted. Every
//! task can run twice.

pub mod base_image;
pub mod export;
pub mod image;
pub mod packaging;
pub mod repository;
pub mod routes;
pub mod tasks;
pub mod training;
pub mod webhooks;

use shared::http::error_style;
use shared::identity::Access;
use shared::{FunctionSet, route, task};

/// The functions of this crate.
pub const FUNCTIONS: FunctionSet = FunctionSet {
    name: "pipeline",
    routes: &[
        route!(POST "/pipeline/jobs/{job_id}/claim" => routes::job_claim),
        route!(POST "/pipeline/jobs/{job_id}/logs" => routes::job_logs),
        route!(POST "/pipeline/jobs/{job_id}/outcome" => routes::job_outcome),
    ],
    tasks: &[
        task!(tasks::begin_training),
        task!(tasks::train),
        task!(tasks::finish_training),
        task!(tasks::build),
        task!(tasks::push),
        task!(tasks::deploy_function),
        task!(tasks::publish_version),
        task!(tasks::verify_version),
        task!(tasks::go_live),
        task!(tasks::record_failure),
        task!(tasks::compute_drift),
        task!(tasks::export_logs),
        task!(tasks::schedule_drift),
        task!(tasks::reconcile_jobs),
        task!(tasks::model_log),
        task!(tasks::publish_event),
        task!(tasks::deliver_webhook),
        task!(tasks::close_event),
        task!(tasks::reconcile_events),
        task!(tasks::capture_monitoring),
        task!(tasks::evaluate_alerts),
    ],
    access: Access::Own,
    error_style: error_style::detail,
};

/// Runs the pipeline's binary: with the argument `train` the training program for the job that `JOB_ID` names (the way
/// a build project runs it), else the Lambda function that `_HANDLER` names.
///
/// # Errors
/// When the function or the training cannot be run.
pub fn main() -> Result<(), lambda_runtime::Error> {
    match std::env::args().nth(1).as_deref() {
        Some("train") => tasks::train::command(),
        _ => shared::functions::main(FUNCTIONS),
    }
}

/// A client for downloads over HTTP.
///
/// # Errors
/// `Internal` when it cannot be set up.
pub fn http_client() -> shared::Result<reqwest::Client> {
    // The second installation is refused; the first one serves.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().connect_timeout(std::time::Duration::from_secs(10)).build();
    client.map_err(|error| shared::Error::internal("setting up the HTTP client", error))
}
