//! Going back, or forth, to a version that was live before: the alias moves, and no request is lost.

use crate::domain::deployment::Deployment;
use crate::{Error, Platform, Result, id};

/// Makes a version of a deployment live again. Requests under way end where they began. Where it is live already this
/// changes nothing.
///
/// # Errors
/// `NotFound` when there is no such version; `Conflict` when a job changes the deployment at this moment; `Internal` when
/// AWS does not answer.
pub async fn rollback(platform: &Platform, deployment: &Deployment, number: u64) -> Result<Deployment> {
    let store = platform.store()?;
    let missing = || Error::not_found(format!("The deployment has no version v{number}; GET …/versions lists those that it has."));
    if store.deployment_version(&deployment.id, number).await?.is_none() {
        return Err(missing());
    }
    let holder = id::new_id();
    if !store.lease_deployment(&deployment.id, &holder).await? {
        return Err(Error::conflict("The deployment is being changed at this moment; wait until it is active, then try again."));
    }
    let rolled_back = while_leased(platform, &deployment.id, &holder, number).await;
    store.release_deployment(&deployment.id, &holder).await?;
    rolled_back
}

async fn while_leased(platform: &Platform, id: &str, holder: &str, number: u64) -> Result<Deployment> {
    let store = platform.store()?;
    // Read again: another job may have changed both before the deployment was held.
    let (deployment, version) = tokio::try_join!(store.deployment(id), store.deployment_version(id, number))?;
    let gone = || Error::not_found(format!("Deployment {id} not found"));
    let (deployment, version) = deployment.zip(version).ok_or_else(gone)?;
    if deployment.live_version == Some(number) {
        return Ok(deployment);
    }
    let functions = platform.model_functions();
    functions.move_traffic(&deployment.function_name, &version.function_version).await?;
    let deployment = store.set_rolled_back(id, holder, &version).await?;
    tracing::info!(deployment_id = id, version = number, "a version was made live again");
    Ok(deployment)
}
