//! Cancelling a job: it is marked, its execution stopped, and it ends as failed.

use crate::domain::job::{Job, JobStatus};
use crate::domain::outcome::TrainingOutcome;
use crate::store::jobs::JobChange;
use crate::{Error, ErrorKind, Platform, Result};

/// Cancels a job. It ends as `failed` with the error "Cancelled by request"; a training program that runs
/// learns of it when it next reports and stops the script with everything it started.
///
/// # Errors
/// `NotFound` when there is no such job; `Conflict` when it has ended already; `Internal` when AWS does not answer.
pub async fn cancel(platform: &Platform, job: &Job) -> Result<Job> {
    let id = &job.id;
    let reason = TrainingOutcome::Cancelled.error().unwrap_or_default();
    let store = platform.store()?;
    let job = store.request_cancel(&job.id).await?;
    platform.state_machines().stop(&job, &reason).await?;
    let change = JobChange { error: Some(reason), ..JobChange::default() };
    let ended = match store.move_job(&job.id, JobStatus::Failed, change).await {
        // Another request to cancel it may have been faster, and so may the job's own end.
        Err(error) if error.kind() == ErrorKind::Conflict => {
            let job = store.job(id).await?.ok_or_else(|| Error::not_found(format!("Job {id} not found")))?;
            if job.status == JobStatus::Failed { Ok(job) } else { Err(error) }
        }
        result => result,
    }?;
    if let Some(deployment_id) = &ended.deployment_id {
        store.release_deployment(deployment_id, &ended.id).await?;
        super::failed_to_deploy(platform, &ended).await?;
    }
    tracing::info!(job_id = ended.id, "a job was cancelled");
    Ok(ended)
}
