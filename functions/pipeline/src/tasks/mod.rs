//! What the state machines, the schedule and the log subscription call. A file for each task.

pub mod begin_training;
pub mod build;
pub mod capture_monitoring;
pub mod close_event;
pub mod compute_drift;
pub mod deliver_webhook;
pub mod deploy_function;
pub mod evaluate_alerts;
pub mod export_logs;
pub mod finish_training;
pub mod go_live;
pub mod model_log;
pub mod publish_event;
pub mod publish_version;
pub mod push;
pub mod reconcile_events;
pub mod reconcile_jobs;
pub mod record_failure;
pub mod schedule_drift;
pub mod train;
pub mod verify_version;

use serde::{Deserialize, Serialize};
use shared::domain::deployment::{Configuration, Deployment};
use shared::domain::job::{Job, JobKind};
use shared::{Error, Platform, Result};

/// The event of a task that works on a job.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct JobEvent {
    /// The job.
    pub job_id: String,
}

/// The job of an event.
async fn job(platform: &Platform, id: &str) -> Result<Job> {
    platform.store()?.job(id).await?.ok_or_else(|| Error::not_found(format!("Job {id} not found")))
}

/// The model version that a job deploys.
fn model_version(job: &Job) -> Result<u64> {
    job.model_version.ok_or_else(|| Error::broken(format!("job {} has no model version to deploy", job.id)))
}

/// What a job gives the deployment's function: what the deployment has with the job's change, else with its bound on the
/// instances. The deployment is one that was read while the job holds it.
fn configuration(job: &Job, deployment: &Deployment) -> Configuration {
    match &job.configuration {
        Some(change) => change.apply(deployment.configuration),
        None => Configuration { max_instances: job.replicas, ..deployment.configuration },
    }
}

/// The image and the model version that a job brings to the deployment: for a new configuration those that are live.
fn served(job: &Job, deployment: &Deployment) -> Result<(String, u64)> {
    let (image_uri, model_version) = match job.kind {
        JobKind::Configuration => (&deployment.live_image_uri, deployment.live_model_version),
        _ => (&job.image_uri, job.model_version),
    };
    let image_uri = image_uri.clone().ok_or_else(|| Error::broken(format!("job {} has no image to deploy", job.id)))?;
    let model_version = model_version.ok_or_else(|| Error::broken(format!("job {} has no model version to deploy", job.id)))?;
    Ok((image_uri, model_version))
}

/// The deployment that a job serves.
async fn deployment(platform: &Platform, job: &Job) -> Result<Deployment> {
    let id = job.deployment_id.as_ref().ok_or_else(|| Error::broken(format!("job {} has no deployment", job.id)))?;
    platform.store()?.deployment(id).await?.ok_or_else(|| Error::not_found(format!("Deployment {id} was deleted")))
}

/// Adds a line of the platform's own to a job's output, behind what the training wrote. `place` orders the lines of one
/// job; writing a line again does no harm.
async fn say(platform: &Platform, job: &Job, place: u64, line: &str) -> Result<()> {
    platform.store()?.append_log(&job.id, u32::MAX, place, &format!("{line}\n")).await
}
