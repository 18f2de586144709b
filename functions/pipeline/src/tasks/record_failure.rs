//! Records on a job why it failed. The first reason counts: a job that has ended is left as it is.

mod cause;

use serde::{Deserialize, Serialize};
use shared::domain::job::{Job, JobStatus};
use shared::store::jobs::JobChange;
use shared::{ErrorKind, Platform, Result};

use super::JobEvent;

/// What a state machine knows of a failure.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Failure {
    /// The error's name, for example `States.Timeout`.
    #[serde(rename = "Error", default)]
    pub error: Option<String>,
    /// Its cause: text, or a document as text.
    #[serde(rename = "Cause", default)]
    pub cause: Option<String>,
}

/// A job that failed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FailedJob {
    /// The job.
    pub job_id: String,
    /// What the state machine caught.
    #[serde(default)]
    pub error: Option<Failure>,
}

/// Fails the job with its cause, and gives back the deployment that it may hold.
///
/// # Errors
/// `NotFound` when there is no such job; `Internal` when the table does not answer.
pub async fn perform(platform: &Platform, event: FailedJob) -> Result<JobEvent> {
    let job = super::job(platform, &event.job_id).await?;
    let reason = reason(&job, &event.error.unwrap_or_default());
    fail(platform, &job, reason).await?;
    Ok(JobEvent { job_id: job.id })
}

/// Fails a job, unless it has ended; gives back the deployment that it may hold.
///
/// # Errors
/// `Internal` when the table does not answer.
pub async fn fail(platform: &Platform, job: &Job, reason: String) -> Result<()> {
    let store = platform.store()?;
    let mut ended = job.clone();
    if !job.status.is_final() {
        let change = JobChange { error: Some(reason), ..JobChange::default() };
        match store.move_job(&job.id, JobStatus::Failed, change).await {
            Ok(failed) => ended = failed,
            // It ended meanwhile, and how is known.
            Err(error) if error.kind() == ErrorKind::Conflict => {
                tracing::info!(job_id = job.id, "the job has ended already");
            }
            Err(error) => return Err(error),
        }
    }
    // Again, in case an earlier run of this task was lost before it told the recipe's run.
    store.follow_job(&ended).await?;
    if let Some(deployment_id) = &job.deployment_id {
        store.release_deployment(deployment_id, &job.id).await?;
        if let Some(project_id) = store.deployment(deployment_id).await?.and_then(|deployment| deployment.project_id) {
            store.release_project(&project_id, &job.id).await?;
        }
        shared::jobs::failed_to_deploy(platform, &ended).await?;
    }
    Ok(())
}

/// Why a job failed: what its script reported, that somebody cancelled it, or what the state machine caught.
pub fn reason(job: &Job, failure: &Failure) -> String {
    if let Some(error) = job.outcome.as_ref().and_then(|outcome| outcome.error()) {
        return error;
    }
    if job.cancel_requested {
        return "Cancelled by request".to_owned();
    }
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    cause::in_words(&text(&failure.error), &text(&failure.cause), job.status)
}

#[cfg(test)]
mod tests {
    use shared::domain::job::JobKind;
    use shared::domain::outcome::TrainingOutcome;

    use super::*;

    #[test]
    fn what_the_script_reported_comes_first() {
        let mut job = Job::new(JobKind::Training, "m".to_owned());
        let failure = Failure { error: Some("States.Timeout".to_owned()), cause: None };
        assert!(reason(&job, &failure).starts_with("Timeout exceeded"));
        job.cancel_requested = true;
        assert_eq!(reason(&job, &failure), "Cancelled by request");
        job.outcome = Some(TrainingOutcome::Killed { signal: 11 });
        assert_eq!(reason(&job, &failure), "The script was ended by signal 11");
    }

    #[test]
    fn an_event_needs_no_error() {
        let event: FailedJob = serde_json::from_value(serde_json::json!({ "job_id": "1", "error": { "Error": "X" } })).expect("an event");
        assert_eq!(event.error.and_then(|failure| failure.error).as_deref(), Some("X"));
        let event: FailedJob = serde_json::from_value(serde_json::json!({ "job_id": "1" })).expect("an event");
        assert!(event.error.is_none());
    }
}
