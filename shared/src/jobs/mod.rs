//! What can be asked of jobs, whichever API asks: submit one, cancel one, take down what one deployed.

pub mod cancel;
pub mod deploy_file;
pub mod output;
pub mod reconfigure;
pub mod remove;
pub mod rollback;
pub mod submit;
pub mod take_down;

use crate::domain::deployment::Deployment;
use crate::domain::job::{Job, JobKind, JobStatus};
use crate::identity::Caller;
use crate::{Error, ErrorKind, Platform, Result};

/// A deployment that the caller may see and change, by its id.
///
/// # Errors
/// `NotFound` when there is none, it was deleted, or it is another user's; `Internal` when DynamoDB does not answer.
pub async fn own_deployment(platform: &Platform, caller: &Caller, id: &str) -> Result<Deployment> {
    let deployment = platform.store()?.deployment(id).await?;
    // A deployment of a project's is one version of a function that others share: only its project's routes may change it.
    let own = deployment.filter(|deployment| deployment.project_id.is_none() && caller.may_use(deployment.owner.as_deref()));
    own.ok_or_else(|| {
        let shown: String = id.chars().take(80).collect();
        Error::not_found(format!("Deployment {shown} not found"))
    })
}

/// Tells the deployment of a job that failed; for any other job this does nothing.
///
/// # Errors
/// `Internal` when DynamoDB does not answer.
pub async fn failed_to_deploy(platform: &Platform, job: &Job) -> Result<()> {
    let (Some(deployment_id), JobStatus::Failed) = (&job.deployment_id, job.status) else { return Ok(()) };
    let reason = job.error.as_deref().unwrap_or("The job failed without a reason");
    match platform.store()?.fail_deployment(deployment_id, &job.id, reason).await {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// A job of that kind that the caller may see and change, by its id.
///
/// # Errors
/// `NotFound` when there is none of that kind, or it is another user's; `Internal` when DynamoDB does not answer.
pub async fn find(platform: &Platform, caller: &Caller, kind: JobKind, id: &str) -> Result<Job> {
    let job = platform.store()?.job(id).await?;
    let job = job.filter(|job| job.kind == kind && caller.may_use(job.owner.as_deref()));
    job.ok_or_else(|| {
        let what = match kind {
            JobKind::Training => "Training job",
            JobKind::Deployment => "Deployment",
            JobKind::Configuration => "Configuration job",
            JobKind::StagedDeployment => "Deployment job",
            JobKind::Drift => "Drift job",
            JobKind::Export => "Export",
        };
        let shown: String = id.chars().take(80).collect();
        Error::not_found(format!("{what} {shown} not found"))
    })
}
