//! Brings the deployed model's function one step nearer to the image that was pushed. The state machine calls it again
//! until it is ready.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use shared::config;
use shared::domain::deployment::Deployment;
use shared::domain::job::{Job, JobStatus};
use shared::model_functions::Specification;
use shared::store::jobs::JobChange;
use shared::{Error, Platform, Result};

use super::JobEvent;

/// What the state machine is told.
#[derive(Debug, Serialize, Deserialize)]
pub struct Output {
    /// The job.
    pub job_id: String,
    /// True once the function is as it should be; until then the task is to be called again.
    pub ready: bool,
}

/// Takes the model's deployment for this job, or waits while another job has it; then creates or updates the function.
///
/// # Errors
/// `BadRequest` when Lambda refuses the function or its image; `Conflict` when the job was cancelled.
pub async fn perform(platform: &Platform, event: JobEvent) -> Result<Output> {
    let store = platform.store()?;
    let job = super::job(platform, &event.job_id).await?;
    let deployment = match &job.deployment_id {
        Some(_) => super::deployment(platform, &job).await?,
        // Jobs that were made before they named their deployment find it by its model.
        None => store.ensure_deployment(&job.model_name, &platform.config.get(config::MODEL_FUNCTION_PREFIX)?).await?,
    };
    let change = JobChange { deployment_id: Some(deployment.id.clone()), ..JobChange::default() };
    let job = if job.status == JobStatus::Deploying && job.deployment_id.as_ref() == Some(&deployment.id) {
        job
    } else {
        store.move_job(&job.id, JobStatus::Deploying, change).await?
    };
    if !store.lease_deployment(&deployment.id, &job.id).await? {
        return Ok(Output { job_id: job.id, ready: false });
    }
    // All deployments of a project are versions of one function: one job at a time gives it code.
    if let Some(project_id) = &deployment.project_id
        && !store.lease_project(project_id, &job.id).await?
    {
        return Ok(Output { job_id: job.id, ready: false });
    }
    // What another job made live, it did before this one held the deployment.
    let deployment = super::deployment(platform, &job).await?;
    let wanted = specification(platform, &job, &deployment)?;
    let ready = platform.model_functions().converge(&wanted).await?;
    Ok(Output { job_id: job.id, ready })
}

pub(super) fn specification(platform: &Platform, job: &Job, deployment: &Deployment) -> Result<Specification> {
    let configuration = super::configuration(job, deployment);
    let (image_uri, model_version) = super::served(job, deployment)?;
    let digest = image_uri.rsplit_once('@').map_or("", |(_, digest)| digest).to_owned();
    let number = |chosen: Option<u32>, variable| -> Result<i32> {
        let value = chosen.map_or_else(|| platform.config.number(variable), |chosen| Ok(i64::from(chosen)))?;
        i32::try_from(value).map_err(|error| Error::internal(format!("{} is out of range", variable.name), error))
    };
    Ok(Specification {
        function_name: deployment.function_name.clone(),
        image_uri,
        role_arn: platform.config.get(config::MODEL_ROLE_ARN)?,
        memory_mb: number(configuration.memory_mb, config::MODEL_MEMORY_MB)?,
        timeout_seconds: number(configuration.timeout_seconds, config::MODEL_TIMEOUT_SECONDS)?,
        log_group: platform.config.get(config::MODEL_LOG_GROUP)?,
        environment: HashMap::from([
            ("DEPLOYMENT_ID".to_owned(), deployment.id.clone()),
            ("MODEL_NAME".to_owned(), job.model_name.clone()),
            ("MODEL_VERSION".to_owned(), model_version.to_string()),
            ("IMAGE_DIGEST".to_owned(), digest),
        ]),
    })
}
