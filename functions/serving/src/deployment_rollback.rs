//! `POST /api/v1/deployments/{deployment_id}/rollback`: an earlier version answers again. Document: serveml-api, "Rollback
//! Version".

use serde::Deserialize;
use shared::http::response;
use shared::{Error, Platform, Request, Response, Result, jobs};
use utoipa::ToSchema;

use crate::views::deployment::DeploymentView;
use crate::views::problem::Problem;
use crate::{body, deployment_id};

/// The version that is to answer.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RollbackRequest {
    /// Its number, as the list of versions has it.
    #[schema(example = "v2")]
    pub version: String,
}

/// Roll back to a version
///
/// The traffic moves at once and no request is lost. It goes forth as well as back.
#[utoipa::path(
    post,
    path = "/api/v1/deployments/{deployment_id}/rollback",
    operation_id = "serving_deployment_rollback",
    tag = "Deployments",
    params(("deployment_id" = String, Path, description = "As it was deployed")),
    request_body = RollbackRequest,
    responses(
        (status = 200, description = "The deployment, with the version that answers", body = DeploymentView),
        (status = 400, description = "The deployment is being changed at this moment", body = Problem),
        (status = 401, description = "Not logged in", body = Problem),
        (status = 404, description = "The user has no such deployment, or it has no such version", body = Problem),
        (status = 422, description = "That is no version", body = Problem),
    )
)]
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let asked: RollbackRequest = body::read(&request)?;
    let shown: String = asked.version.chars().take(40).collect();
    let number = asked.version.strip_prefix('v').unwrap_or(&asked.version);
    let number: u64 = number.parse().map_err(|_| Error::field("version", format!("must be like \"v2\", not {shown:?}")))?;
    let deployment = deployment_id::of_path(platform, &request).await?;
    let deployment = jobs::rollback::rollback(platform, &deployment, number).await?;
    response::ok(&DeploymentView::new(platform, &request.base_url, deployment))
}
