//! `POST /mlops/deployments/{job_id}/cancel`: stops a deployment that is under way.

use shared::domain::job::JobKind;
use shared::http::response;
use shared::{Platform, Request, Response, Result, jobs};

use crate::views::deployment::DeploymentView;
use crate::views::problem::Problem;

/// Cancel a deployment
///
/// The deployment ends as `failed` with the error "Cancelled by request"; a script that trains is stopped with everything
/// it started. The version that was live stays live. Cancelling it again changes nothing.
#[utoipa::path(
    post,
    path = "/mlops/deployments/{job_id}/cancel",
    operation_id = "deployment_cancel",
    tag = "Deployment",
    params(("job_id" = String, Path, description = "As the deploy request answered it")),
    responses(
        (status = 200, description = "The deployment, cancelled", body = DeploymentView),
        (status = 404, description = "There is no such deployment", body = Problem),
        (status = 409, description = "The deployment ended by itself", body = Problem),
        (status = 500, description = "Internal error", body = Problem),
    )
)]
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let job = jobs::cancel::cancel(platform, JobKind::Deployment, request.path_parameter("job_id")?).await?;
    response::ok(&DeploymentView::with_logs(platform, job).await?)
}
