//! `GET /api/v1/deployments/{deployment_id}/logs`: what its last job wrote.

use serde::Serialize;
use shared::http::response;
use shared::jobs::output;
use shared::{Platform, Request, Response, Result};
use utoipa::ToSchema;

use crate::deployment_id;
use crate::views::problem::Problem;

/// What a deployment's last job wrote.
#[derive(Debug, Serialize, ToSchema)]
pub struct LogsResponse {
    /// The deployment.
    #[schema(example = "dep-0199f0a2-7c3e-7d21-b1a5-0f6f3f1f2c11")]
    pub deployment_id: String,
    /// Lines of text, the oldest first; the beginning is left out where there is very much of it.
    #[schema(example = "Dependency layer built: 5 packages, 38.2 MB, in 6.1 s\n")]
    pub logs: String,
}

/// Read a deployment's logs
///
/// What the last job that brought a version or a configuration to it has written so far, and why it failed if it did.
#[utoipa::path(
    get,
    path = "/api/v1/deployments/{deployment_id}/logs",
    operation_id = "serving_deployment_logs",
    tag = "Deployments",
    params(("deployment_id" = String, Path, description = "As it was deployed")),
    responses(
        (status = 200, description = "The output", body = LogsResponse),
        (status = 401, description = "Not logged in", body = Problem),
        (status = 404, description = "The user has no such deployment", body = Problem),
    )
)]
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let deployment = deployment_id::of_path(platform, &request).await?;
    let mut logs = match deployment.job_id.as_ref().or(deployment.live_job_id.as_ref()) {
        Some(job_id) => platform.store()?.job_logs(job_id).await?,
        None => String::new(),
    };
    if let Some(error) = &deployment.error {
        logs.push_str(&format!("Failed: {error}\n"));
    }
    response::ok(&LogsResponse { deployment_id: deployment_id::shown(&deployment.id), logs: output::fit(logs) })
}
