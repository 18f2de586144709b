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
    let job = jobs::find(platform, &request.caller, JobKind::Training, request.path_parameter("job_id")?).await?;
    response::ok(&TrainingJobView::with_logs(platform, job).await?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use shared::domain::job::{Job, JobKind, JobStatus};
    use shared::store::jobs::JobChange;
    use testing::TestPlatform;

    use crate::fixtures::get;

    #[tokio::test]
    async fn a_job_shows_what_the_document_shows() {
        let test = TestPlatform::start().await;
        let store = test.platform.store().unwrap();
        let job = Job { experiment_name: Some("customer_churn".to_owned()), ..Job::new(JobKind::Training, "churn_predictor".to_owned()) };
        store.create_job(&job, None).await.unwrap();
        let path = format!("/mlops/training/jobs/{}", job.id);
        let (status, view) = get(&test, &path).await;
        assert_eq!((status, view["status"].as_str(), view["logs"].as_str()), (200, Some("queued"), Some("")));
        assert!(
            ["run_id", "model_version", "error", "started_at", "completed_at", "duration_seconds"]
                .iter()
                .all(|field| view[field].is_null())
        );

        store.move_job(&job.id, JobStatus::Running, JobChange::default()).await.unwrap();
        store.append_log(&job.id, 1, 0, "Training started...\n").await.unwrap();
        store.append_log(&job.id, 1, 1, "Epoch 1/10...").await.unwrap();
        let change = JobChange { run_id: Some("run".to_owned()), model_version: Some(1), ..JobChange::default() };
        store.move_job(&job.id, JobStatus::Completed, change).await.unwrap();
        let (_, view) = get(&test, &path).await;
        let mut fields: Vec<_> = view.as_object().unwrap().keys().map(String::as_str).collect();
        fields.sort_unstable();
        assert_eq!(
            fields,
            [
                "completed_at",
                "created_at",
                "duration_seconds",
                "error",
                "experiment_name",
                "job_id",
                "logs",
                "model_name",
                "model_version",
                "run_id",
                "script_name",
                "stages",
                "started_at",
                "status"
            ]
        );
        assert_eq!((view["status"].as_str(), view["model_version"].as_str()), (Some("completed"), Some("1")));
        assert_eq!(view["logs"], "Training started...\nEpoch 1/10...");
        assert!(view["duration_seconds"].is_f64() && view["stages"].as_array().unwrap().len() == 3, "{view}");
    }

    #[tokio::test]
    async fn what_is_no_training_job_is_not_found() {
        let test = TestPlatform::start().await;
        let deployment = Job::new(JobKind::Deployment, "m".to_owned());
        test.platform.store().unwrap().create_job(&deployment, None).await.unwrap();
        for id in [deployment.id.as_str(), "abc-123-def", "0199f0a2-7c3e-7d21-b1a5-0f6f3f1f2c11", "%00", &"x".repeat(5000)] {
            let (status, answer) = get(&test, &format!("/mlops/training/jobs/{id}")).await;
            assert!(status == 404 && answer["detail"].as_str().unwrap().starts_with("Training job "), "{answer}");
        }
    }
}
