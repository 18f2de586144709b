//! `POST /api/mlops/deployments/{deployment_id}/deactivate`: a deployment serves nothing any more. Document: deployments-api,
//! "Deactivate Deployment".

use serde::Serialize;
use shared::http::response;
use shared::projects::routing;
use shared::{Platform, Request, Response, Result};
use utoipa::ToSchema;

use crate::access;
use crate::views::problem::Problem;

/// It is done.
#[derive(Debug, Serialize, ToSchema)]
pub struct Deactivated {
    /// True.
    pub ok: bool,
}

/// Deactivate a deployment
///
/// It is archived. What a canary took goes back to what is in production; where it was in production itself, nothing is.
#[utoipa::path(
    post,
    path = "/api/mlops/deployments/{deployment_id}/deactivate",
    operation_id = "deployments_deactivate",
    tag = "Project deployments",
    params(("deployment_id" = String, Path, description = "The deployment")),
    responses(
        (status = 200, description = "It is done", body = Deactivated),
        (status = 401, description = "Not signed in", body = Problem),
        (status = 404, description = "The caller has no such deployment", body = Problem),
        (status = 409, description = "A canary takes a part of its traffic", body = Problem),
    )
)]
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let (project, deployment) = access::deployment(platform, &request).await?;
    routing::deactivate(platform, &project.id, &deployment.id).await?;
    response::ok(&Deactivated { ok: true })
}
