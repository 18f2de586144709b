//! Taking a deployment down: its function with the URL goes, then the deployment is forgotten. The job that made it keeps
//! its history.

use crate::domain::deployment::{Deployment, DeploymentStatus};
use crate::domain::job::{Job, JobStatus};
use crate::projects::routing;
use crate::{Error, Platform, Result};

/// Takes down what a deployment job serves, so that nothing of it answers any more. Where nothing of it is served (it
/// failed, or was taken down before) this changes nothing.
///
/// The job has to be the one whose version is live. What a failed first deployment left behind, a function that never
/// took traffic, goes too.
///
/// # Errors
/// `Conflict` when the job still runs, when a later job's version is live, or when
/// another job is changing the deployment right now; `Internal` when AWS does not answer.
pub async fn take_down(platform: &Platform, job: &Job) -> Result<()> {
    let store = platform.store()?;
    let id = &job.id;
    if !job.status.is_final() {
        return Err(Error::conflict(format!("Deployment {id} is still running; cancel it before you delete it")));
    }
    let Some(deployment) = deployment_of(platform, job).await? else { return Ok(()) };
    if !is_to_go(job, &deployment)? {
        return Ok(());
    }
    if !store.lease_deployment(&deployment.id, &job.id).await? {
        let Some(deployment) = store.deployment(&deployment.id).await? else { return Ok(()) };
        if job.status == JobStatus::Failed {
            return Ok(());
        }
        return Err(Error::conflict(format!(
            "Deployment {} is bringing another version of {} to this URL right now; cancel it, or wait for its end",
            deployment.lease_job_id.unwrap_or_default(),
            deployment.model_name
        )));
    }
    let taken_down = while_leased(platform, job, &deployment.id).await;
    // The right to change the deployment goes with it; where it stays, others must not wait for it to lapse.
    store.release_deployment(&deployment.id, &job.id).await?;
    taken_down
}

async fn while_leased(platform: &Platform, job: &Job, deployment_id: &str) -> Result<()> {
    let store = platform.store()?;
    // Another job may have gone live before the right to change the deployment was this one's.
    let Some(deployment) = store.deployment(deployment_id).await? else { return Ok(()) };
    if !is_to_go(job, &deployment)? {
        return Ok(());
    }
    routing::leave(platform, &deployment).await?;
    platform.model_functions().delete(&deployment.function_name).await?;
    store.delete_deployment(&deployment).await?;
    tracing::info!(job_id = job.id, deployment_id, function_name = deployment.function_name, "a deployment was taken down");
    Ok(())
}

async fn deployment_of(platform: &Platform, job: &Job) -> Result<Option<Deployment>> {
    match &job.deployment_id {
        Some(id) => platform.store()?.deployment(id).await,
        None => Ok(None),
    }
}

/// True when the deployment is this job's to take down; false when nothing of the job is served.
fn is_to_go(job: &Job, deployment: &Deployment) -> Result<bool> {
    let under_way = matches!(deployment.status, DeploymentStatus::Building | DeploymentStatus::Updating);
    let another = deployment.job_id.as_ref().filter(|latest| under_way && **latest != job.id);
    match (&deployment.live_job_id, another) {
        (None, None) => Ok(true),
        (None, Some(_)) => Ok(false),
        (Some(live), None) if *live == job.id => Ok(true),
        (Some(live), Some(another)) if *live == job.id => Err(Error::conflict(format!(
            "Deployment {another} is bringing another version of {} to this URL right now; cancel it, or wait for its end",
            deployment.model_name
        ))),
        (Some(_), _) if job.status == JobStatus::Failed => Ok(false),
        (Some(live), _) => Err(Error::conflict(format!(
            "The version that this job deployed was replaced: version {} is live now; to take the URL down, delete the deployment of \
             job {live}",
            deployment.live_model_version.unwrap_or_default()
        ))),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::domain::job::JobKind;

    #[test]
    fn only_the_job_whose_version_is_live_takes_it_down() {
        let mut job = Job { status: JobStatus::Deployed, ..Job::new(JobKind::Deployment, "m".to_owned()) };
        let mut deployment = Deployment::new("m", "serveml-model-");
        deployment.live_job_id = Some(job.id.clone());
        assert!(is_to_go(&job, &deployment).unwrap());
        deployment.live_job_id = Some("another".to_owned());
        assert!(is_to_go(&job, &deployment).unwrap_err().public_message().contains("job another"));
        job.status = JobStatus::Failed;
        assert!(!is_to_go(&job, &deployment).unwrap());
        deployment.live_job_id = None;
        assert!(is_to_go(&job, &deployment).unwrap());
    }
}
