//! `GET /api/v1/deployments/{deployment_id}`: a deployment. Document: serveml-api, "Get Deployment".

use shared::http::response;
use shared::{Error, Platform, Request, Response, Result};

use crate::deployment_id;
use crate::views::deployment::{DeploymentView, MetricsSummaryView};
use crate::views::problem::Problem;

/// Get a deployment
///
/// One that was deleted is still shown, with the status `deleted`.
#[utoipa::path(
    get,
    path = "/api/v1/deployments/{deployment_id}",
    operation_id = "serving_deployment_get",
    tag = "Deployments",
    params(("deployment_id" = String, Path, description = "As it was deployed")),
    responses(
        (status = 200, description = "The deployment", body = DeploymentView),
        (status = 401, description = "Not logged in", body = Problem),
        (status = 404, description = "The user has no such deployment", body = Problem),
    )
)]
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let id = deployment_id::read(request.path_parameter("deployment_id")?);
    let deployment = platform.store()?.deployment_even_deleted(id).await?;
    let deployment = deployment.filter(|deployment| request.caller.may_use(deployment.owner.as_deref()));
    let deployment = deployment.ok_or_else(|| Error::not_found("There is no such deployment."))?;
    let summary = platform.store()?.metrics_summary(&deployment.id).await?;
    let mut view = DeploymentView::new(platform, &request.base_url, deployment);
    view.metrics_summary = Some(MetricsSummaryView::from(summary));
    response::ok(&view)
}
