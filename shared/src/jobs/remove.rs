//! Deleting a deployment: its function with its URL goes, its images go, and its record says that it is deleted.

use std::collections::BTreeSet;

use crate::domain::deployment::{Deployment, DeploymentStatus};
use crate::paging::PageRequest;
use crate::projects::routing;
use crate::{Error, ErrorKind, Platform, Result, id, images};

/// How many versions' images are read at once.
const PAGE: u32 = 100;

/// Deletes a deployment, after cancelling the job that may be bringing something to it. Deleting it again changes
/// nothing.
///
/// # Errors
/// `Conflict` when another request changes it at this moment; `Internal` when AWS does not answer.
pub async fn remove(platform: &Platform, deployment: &Deployment) -> Result<()> {
    if deployment.status == DeploymentStatus::Deleted {
        return Ok(());
    }
    let store = platform.store()?;
    if let Some(job_id) = &deployment.job_id
        && let Some(job) = store.job(job_id).await?
        && !job.status.is_final()
    {
        match super::cancel::cancel(platform, &job).await {
            // It ended meanwhile.
            Err(error) if !matches!(error.kind(), ErrorKind::Conflict | ErrorKind::NotFound) => return Err(error),
            _ => {}
        }
    }
    let holder = id::new_id();
    if !store.lease_deployment(&deployment.id, &holder).await? {
        return match store.deployment(&deployment.id).await? {
            None => Ok(()),
            Some(_) => Err(Error::conflict("The deployment is being changed at this moment; try again in a moment.")),
        };
    }
    let removed = while_leased(platform, deployment).await;
    if removed.is_err() {
        store.release_deployment(&deployment.id, &holder).await?;
    }
    removed
}

async fn while_leased(platform: &Platform, deployment: &Deployment) -> Result<()> {
    routing::leave(platform, deployment).await?;
    platform.model_functions().delete(&deployment.function_name).await?;
    let images = images_of(platform, &deployment.id).await?;
    images::delete(platform, &images).await?;
    platform.store()?.delete_deployment(deployment).await?;
    tracing::info!(deployment_id = deployment.id, images = images.len(), "a deployment was deleted");
    Ok(())
}

/// The images of a deployment's versions. A registered model has one deployment, and an image one model: with the
/// deployment nobody uses them any more.
async fn images_of(platform: &Platform, id: &str) -> Result<BTreeSet<String>> {
    let mut images = BTreeSet::new();
    let mut page = PageRequest { limit: PAGE, after: None };
    loop {
        let versions = platform.store()?.deployment_versions(id, &page).await?;
        images.extend(versions.items.into_iter().map(|version| version.image_uri));
        let Some(token) = versions.next_page_token else { return Ok(images) };
        page = PageRequest::new(PAGE, PAGE, Some(&token))?;
    }
}
