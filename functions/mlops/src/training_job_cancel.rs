//! `POST /mlops/training/jobs/{job_id}/cancel`: stops a training.

use shared::domain::job::JobKind;
use shared::http::response;
use shared::{Platform, Request, Response, Result, jobs};

use crate::views::problem::Problem;
use crate::views::training_job::TrainingJobView;

/// Cancel a training job
///
/// The job ends as `failed` with the error "Cancelled by request", and the script is stopped with everything it started.
///
#[utoipa::path(
    post,
    path = "/mlops/training/jobs/{job_id}/cancel",
    operation_id = "training_job_cancel",
    tag = "Training",
    params(("job_id" = String, Path, description = "As the upload answered it")),
    responses(
        (status = 200, description = "The job, cancelled", body = TrainingJobView),
        (status = 404, description = "There is no such job", body = Problem),
        (status = 409, description = "The job has ended already", body = Problem),
        (status = 500, description = "Internal error", body = Problem),
    )
)]
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let job = jobs::find(platform, &request.caller, JobKind::Training, request.path_parameter("job_id")?).await?;
    let job = jobs::cancel::cancel(platform, &job).await?;
    response::ok(&TrainingJobView::with_logs(platform, job).await?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use http::Method;
    use serde_json::json;
    use shared::domain::job::{Job, JobKind, JobStatus};
    use shared::store::jobs::JobChange;
    use testing::TestPlatform;

    use crate::fixtures::send;

    #[tokio::test]
    async fn a_job_is_stopped_once_and_ends_as_failed() {
        let test = TestPlatform::start().await;
        let job = Job::new(JobKind::Training, "m".to_owned());
        test.platform.store().unwrap().create_job(&job, None).await.unwrap();
        let path = format!("/mlops/training/jobs/{}/cancel", job.id);
        let (status, view) = send(&test, Method::POST, &path, None).await;
        assert_eq!((status, &view["status"], &view["error"]), (200, &json!("failed"), &json!("Cancelled by request")));
        assert_eq!(send(&test, Method::POST, &path, None).await.0, 409);
        let calls = test.calls();
        assert_eq!((calls.len(), calls[0].operation.as_str()), (1, "StopExecution"));
        assert_eq!(calls[0].body["executionArn"], format!("arn:aws:states:us-east-1:000000000000:execution:train:{}", job.id));
    }

    #[tokio::test]
    async fn a_job_that_has_ended_stays_as_it_is() {
        let test = TestPlatform::start().await;
        let store = test.platform.store().unwrap();
        let job = Job::new(JobKind::Training, "m".to_owned());
        store.create_job(&job, None).await.unwrap();
        let change = JobChange { error: Some("ValueError: x".to_owned()), ..JobChange::default() };
        store.move_job(&job.id, JobStatus::Failed, change).await.unwrap();
        let (status, answer) = send(&test, Method::POST, &format!("/mlops/training/jobs/{}/cancel", job.id), None).await;
        assert!(status == 409 && answer["detail"].as_str().unwrap().contains("ended already"), "{answer}");
        assert_eq!(store.job(&job.id).await.unwrap().unwrap().error.as_deref(), Some("ValueError: x"));
        let (status, _) = send(&test, Method::POST, "/mlops/training/jobs/unknown/cancel", None).await;
        assert_eq!((status, test.calls().len()), (404, 0));
    }
}
