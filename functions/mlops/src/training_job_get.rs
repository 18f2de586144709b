//! `GET /mlops/training/jobs/{job_id}`: where a training is. Documents: mlops-api-v5 2, mlops-quick-reference.

use shared::domain::job::JobKind;
use shared::http::response;
use shared::{Platform, Request, Response, Result, jobs};

use crate::views::problem::Problem;
use crate::views::training_job::TrainingJobView;

/// Check a training job's status
///
/// With the script's output so far in `logs`, and the cause in `error` where it failed.
#[utoipa::path(
    get,
    path = "/mlops/training/jobs/{job_id}",
    operation_id = "training_job_get",
    tag = "Training",
    params(("job_id" = String, Path, description = "As the upload answered it")),
    responses(
        (status = 200, description = "The job", body = TrainingJobView),
        (status = 404, description = "There is no such job", body = Problem),
        (status = 500, description = "Internal error", body = Problem),
    )
)]
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let job = jobs::find(platform, JobKind::Training, request.path_parameter("job_id")?).await?;
    response::ok(&TrainingJobView::with_logs(platform, job).await?)
}
