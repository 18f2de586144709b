//! What a route's path names, if the caller may use it.

use shared::domain::deployment::Deployment;
use shared::domain::project::Project;
use shared::{Platform, Request, Result, projects};

/// The project that the path names.
///
/// # Errors
/// `NotFound` when it is not there for this caller; `Internal` when DynamoDB does not answer.
pub async fn project(platform: &Platform, request: &Request) -> Result<Project> {
    projects::find(platform, &request.caller, request.path_parameter("project_id")?).await
}

/// The deployment that the path names, with its project.
///
/// # Errors
/// `NotFound` when it is not there for this caller; `Internal` when DynamoDB does not answer.
pub async fn deployment(platform: &Platform, request: &Request) -> Result<(Project, Deployment)> {
    projects::deployment(platform, &request.caller, request.path_parameter("deployment_id")?).await
}
