//! What can be asked of projects: find what a caller may use, deploy a model, decide what is in production.

pub mod analysis;
pub mod choices;
pub mod deploy;
pub mod models;
pub mod routing;

use crate::domain::deployment::Deployment;
use crate::domain::project::Project;
use crate::identity::Caller;
use crate::{Error, Platform, Result, config};

/// An id as somebody wrote it, short enough to be shown.
fn shown(id: &str) -> String {
    id.chars().take(80).collect()
}

/// A project by its id, whoever asks.
///
/// # Errors
/// `NotFound` when there is none; `Internal` when DynamoDB does not answer.
pub async fn by_id(platform: &Platform, id: &str) -> Result<Project> {
    let prefix = platform.config.get(config::MODEL_FUNCTION_PREFIX)?;
    let project = platform.store()?.project(id, &prefix).await?;
    project.ok_or_else(|| Error::not_found(format!("Project {} not found", shown(id))))
}

/// A project that the caller may use, by its id.
///
/// # Errors
/// `NotFound` when there is none, or the caller is no member of it; `Internal` when DynamoDB does not answer.
pub async fn find(platform: &Platform, caller: &Caller, id: &str) -> Result<Project> {
    let project = by_id(platform, id).await?;
    match project.admits(caller) {
        true => Ok(project),
        false => Err(Error::not_found(format!("Project {} not found", shown(id)))),
    }
}

/// A deployment that the caller may use, with its project, by its id.
///
/// # Errors
/// `NotFound` when there is none, or the caller is no member of its project, or it was made for another user alone through
/// another API; `Internal` when DynamoDB does not answer.
pub async fn deployment(platform: &Platform, caller: &Caller, id: &str) -> Result<(Project, Deployment)> {
    let missing = || Error::not_found(format!("Deployment {} not found", shown(id)));
    let deployment = platform.store()?.deployment(id).await?.ok_or_else(missing)?;
    let project = by_id(platform, deployment.project()).await?;
    let own = deployment.project_id.is_some() || caller.may_use(deployment.owner.as_deref());
    if own && project.admits(caller) { Ok((project, deployment)) } else { Err(missing()) }
}

/// A deployment that was read, if the caller may look at it and ask it for predictions: the caller's own, one that nobody in
/// particular made, or one of a project of the caller's.
///
/// # Errors
/// `Internal` when DynamoDB does not answer.
pub async fn if_seen(platform: &Platform, caller: &Caller, deployment: Option<Deployment>) -> Result<Option<Deployment>> {
    let Some(deployment) = deployment else { return Ok(None) };
    let seen = match deployment.project_id.as_deref() {
        None => caller.may_use(deployment.owner.as_deref()),
        // Whoever made it: one who left the project made it for the project.
        Some(project_id) => platform.store()?.seen_by(caller).shows_project(Some(project_id)).await?,
    };
    Ok(seen.then_some(deployment))
}
