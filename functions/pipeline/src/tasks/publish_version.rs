//! Publishes the deployed model's function as an immutable version. The state machine calls it again until the version
//! can be invoked.

use shared::domain::job::JobStatus;
use shared::store::jobs::JobChange;
use shared::{Error, Platform, Result};

use super::JobEvent;
use super::deploy_function::Output;

/// Publishes the version once and says whether it is ready.
///
/// # Errors
/// `Conflict` when another job took the deployment meanwhile; `BadRequest` when the version can never start.
pub async fn perform(platform: &Platform, event: JobEvent) -> Result<Output> {
    let store = platform.store()?;
    let job = super::job(platform, &event.job_id).await?;
    let deployment = super::deployment(platform, &job).await?;
    if !store.lease_deployment(&deployment.id, &job.id).await? {
        return Err(Error::conflict("Another deployment of the same model took over."));
    }
    let functions = platform.model_functions();
    let version = match job.function_version {
        Some(version) => version,
        None => {
            // Where this job was held up for very long, another deployment of the project may have given the function its code.
            if let Some(project_id) = &deployment.project_id {
                let converged = store.lease_project(project_id, &job.id).await?
                    && functions.converge(&super::deploy_function::specification(platform, &job, &deployment)?).await?;
                if !converged {
                    return Ok(Output { job_id: job.id, ready: false });
                }
            }
            let version = functions.publish(&deployment.function_name).await?;
            let change = JobChange { function_version: Some(version.clone()), ..JobChange::default() };
            store.move_job(&job.id, JobStatus::Deploying, change).await?;
            if let Some(project_id) = &deployment.project_id {
                store.release_project(project_id, &job.id).await?;
            }
            version
        }
    };
    let ready = functions.version_is_ready(&deployment.function_name, &version).await?;
    Ok(Output { job_id: job.id, ready })
}
