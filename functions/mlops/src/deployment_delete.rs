//! `DELETE /mlops/deployments/{job_id}`: takes a deployed model's URL down.

use shared::http::response;
use shared::{Platform, Request, Response, Result, jobs};

use crate::views::problem::Problem;

/// Delete a deployment
///
/// The model's function and URL are deleted, if the version of this deployment is the live one; where a later deployment
/// of the model is live, delete that one. The deployment's record stays with its logs and history and shows no URL any
/// more. Deleting it again changes nothing. A deployment that runs must be cancelled first.
#[utoipa::path(
    delete,
    path = "/mlops/deployments/{job_id}",
    operation_id = "deployment_delete",
    tag = "Deployment",
    params(("job_id" = String, Path, description = "As the deploy request answered it")),
    responses(
        (status = 204, description = "Nothing of this deployment is served"),
        (status = 404, description = "There is no such deployment", body = Problem),
        (status = 409, description = "The deployment still runs, or a later one of the same model is live or under way", body = Problem),
        (status = 500, description = "Internal error", body = Problem),
    )
)]
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    jobs::take_down::take_down(platform, request.path_parameter("job_id")?).await?;
    Ok(response::no_content())
}
