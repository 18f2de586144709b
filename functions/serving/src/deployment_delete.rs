//! `DELETE /api/v1/deployments/{deployment_id}`: takes a deployment down. Document: serveml-api, "Delete Deployment".

use serde::Serialize;
use shared::http::response;
use shared::{Error, Platform, Request, Response, Result, jobs};
use utoipa::ToSchema;

use crate::deployment_id;
use crate::views::problem::Problem;

/// What was deleted.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeploymentDeleted {
    /// For a person.
    #[schema(example = "Deployment deleted successfully")]
    pub message: String,
    /// The deployment's id.
    #[schema(example = "dep-0199f0a2-7c3e-7d21-b1a5-0f6f3f1f2c11")]
    pub id: String,
}

/// Delete a deployment
///
/// Its function with its URL and the images of its versions are deleted; a job that brings something to it is cancelled.
/// Deleting it again answers the same.
#[utoipa::path(
    delete,
    path = "/api/v1/deployments/{deployment_id}",
    operation_id = "serving_deployment_delete",
    tag = "Deployments",
    params(("deployment_id" = String, Path, description = "As it was deployed")),
    responses(
        (status = 200, description = "Nothing of it answers any more", body = DeploymentDeleted),
        (status = 400, description = "Another request changes it at this moment", body = Problem),
        (status = 401, description = "Not logged in", body = Problem),
        (status = 404, description = "The user has no such deployment", body = Problem),
    )
)]
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let id = deployment_id::read(request.path_parameter("deployment_id")?);
    let deployment = platform.store()?.deployment_even_deleted(id).await?;
    let deployment = deployment.filter(|deployment| request.caller.may_use(deployment.owner.as_deref()));
    let deployment = deployment.ok_or_else(|| Error::not_found("There is no such deployment."))?;
    jobs::remove::remove(platform, &deployment).await?;
    let message = "Deployment deleted successfully".to_owned();
    response::ok(&DeploymentDeleted { message, id: deployment_id::shown(&deployment.id) })
}
