//! Moves the traffic to the version that was verified.

use shared::domain::deployment::{Deployment, ModelMetadata};
use shared::domain::job::{Job, JobKind, JobStatus};
use shared::store::deployments::Live;
use shared::store::jobs::JobChange;
use shared::{Error, Platform, Result, projects};

use super::JobEvent;

/// Moves the alias, sets the limits of instances, opens the URL and records the deployment as live.
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
    let deployment = super::deployment(platform, &job).await?;
    let (image_uri, model_version) = super::served(&job, &deployment)?;
    let functions = platform.model_functions();
    let configuration = super::configuration(&job, &deployment);
    // A deployment of a project's takes no traffic but what is sent to its own version, until it is promoted.
    if deployment.project_id.is_none() {
        functions.move_traffic(&deployment.function_name, &version).await?;
        functions.set_instances(&deployment.function_name, configuration.min_instances, configuration.max_instances).await?;
    }
    let url = match deployment.public {
        true => Some(functions.public_url(&deployment.function_name).await?),
        false => None,
    };
    let line = url.as_ref().map_or_else(|| "Live".to_owned(), |url| format!("Live at {url}"));
    super::say(platform, &job, 50, &line).await?;
    let live = Live {
        republished: deployment.live_version.filter(|_| job.kind == JobKind::Configuration),
        configuration,
        model: job.model.clone().unwrap_or_else(|| unknown_model(&job, &deployment)),
        changes: job.changes.clone(),
        ..Live::new(url.clone(), model_version, version, image_uri)
    };
    let deployment = store.set_live(&deployment.id, &job.id, &live).await?;
    if deployment.goes_to_production && !projects::routing::go_to_production(platform, &deployment).await? {
        super::say(platform, &job, 51, "Another deployment, asked for later, is in production; this one stays where it is").await?;
    }
    store.move_job(&job.id, JobStatus::Deployed, JobChange { deployment_url: url, ..JobChange::default() }).await?;
    store.release_deployment(&deployment.id, &job.id).await?;
    Ok(event)
}

/// What is known of the model of a job that says nothing of it: what was known, where the job brings no other model.
fn unknown_model(job: &Job, deployment: &Deployment) -> ModelMetadata {
    if job.kind == JobKind::Configuration { deployment.model.clone() } else { ModelMetadata::default() }
}
