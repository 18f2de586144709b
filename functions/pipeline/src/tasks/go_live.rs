//! Moves the traffic to the version that was verified.

use shared::domain::job::JobStatus;
use shared::store::deployments::Live;
use shared::store::jobs::JobChange;
use shared::{Error, Platform, Result};

use super::JobEvent;

/// Sets the limit of instances, moves the alias, opens the URL and records the deployment as live.
///
/// # Errors
/// `Conflict` when another job took the deployment meanwhile; `BadRequest` when the account cannot reserve as many
/// instances as the job asks for.
pub async fn perform(platform: &Platform, event: JobEvent) -> Result<JobEvent> {
    let store = platform.store()?;
    let job = super::job(platform, &event.job_id).await?;
    if job.status == JobStatus::Deployed {
        return Ok(event);
    }
    let deployment = super::deployment(platform, &job).await?;
    if !store.lease_deployment(&deployment.id, &job.id).await? {
        return Err(Error::conflict("Another deployment of the same model took over."));
    }
    let version = job.function_version.clone().ok_or_else(|| Error::broken(format!("job {} has published no version", job.id)))?;
    let image_uri = job.image_uri.clone().ok_or_else(|| Error::broken(format!("job {} has no image", job.id)))?;
    let functions = platform.model_functions();
    functions.limit_instances(&deployment.function_name, job.replicas).await?;
    functions.move_traffic(&deployment.function_name, &version).await?;
    let url = functions.public_url(&deployment.function_name).await?;
    super::say(platform, &job, 50, &format!("Live at {url}")).await?;
    let live = Live { url: url.clone(), model_version: super::model_version(&job)?, function_version: version, image_uri };
    store.set_live(&deployment.id, &job.id, &live).await?;
    store.move_job(&job.id, JobStatus::Deployed, JobChange { deployment_url: Some(url), ..JobChange::default() }).await?;
    store.release_deployment(&deployment.id, &job.id).await?;
    Ok(event)
}
