//! `GET /mlops/deployments/{job_id}`: where a deployment is, and its URL. Document: mlops-quick-reference.

use shared::domain::job::JobKind;
use shared::http::response;
use shared::{Platform, Request, Response, Result, jobs};

use crate::views::deployment::DeploymentView;
use crate::views::problem::Problem;

/// Check a deployment's status
///
/// With its URL once it is `deployed`, the output so far in `logs`, and the cause in `error` where it failed.
#[utoipa::path(
    get,
    path = "/mlops/deployments/{job_id}",
    operation_id = "deployment_get",
    tag = "Deployment",
    params(("job_id" = String, Path, description = "As the deploy request answered it")),
    responses(
        (status = 200, description = "The deployment", body = DeploymentView),
        (status = 404, description = "There is no such deployment", body = Problem),
        (status = 500, description = "Internal error", body = Problem),
    )
)]
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let job = jobs::find(platform, JobKind::Deployment, request.path_parameter("job_id")?).await?;
    response::ok(&DeploymentView::with_logs(platform, job).await?)
}
