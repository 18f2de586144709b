//! `POST /mlops/training/jobs/{job_id}/cancel`: stops a training.

use shared::domain::job::JobKind;
use shared::http::response;
use shared::{Platform, Request, Response, Result, jobs};

use crate::views::problem::Problem;
use crate::views::training_job::TrainingJobView;

/// Cancel a training job
///
/// The job ends as `failed` with the error "Cancelled by request", and the script is stopped with everything it started.
/// Cancelling it again changes nothing.
#[utoipa::path(
    post,
    path = "/mlops/training/jobs/{job_id}/cancel",
    operation_id = "training_job_cancel",
    tag = "Training",
    params(("job_id" = String, Path, description = "As the upload answered it")),
    responses(
        (status = 200, description = "The job, cancelled", body = TrainingJobView),
        (status = 404, description = "There is no such job", body = Problem),
        (status = 409, description = "The job ended by itself", body = Problem),
        (status = 500, description = "Internal error", body = Problem),
    )
)]
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let job = jobs::cancel::cancel(platform, JobKind::Training, request.path_parameter("job_id")?).await?;
    response::ok(&TrainingJobView::with_logs(platform, job).await?)
}
