//! `POST /mlops/deployments/{job_id}/cancel`: stops a deployment that is under way.

use shared::domain::job::JobKind;
use shared::http::response;
use shared::{Platform, Request, Response, Result, jobs};

use crate::views::deployment::DeploymentView;
use crate::views::problem::Problem;

/// Cancel a deployment
///
/// The deployment ends as `failed` with the error "Cancelled by request"; a script that trains is stopped with everything
/// it started. The version that was live stays live.
#[utoipa::path(
    post,
    path = "/mlops/deployments/{job_id}/cancel",
    operation_id = "deployment_cancel",
    tag = "Deployment",
    params(("job_id" = String, Path, description = "As the deploy request answered it")),
    responses(
        (status = 200, description = "The deployment, cancelled", body = DeploymentView),
        (status = 404, description = "There is no such deployment", body = Problem),
        (status = 409, description = "The deployment has ended already", body = Problem),
        (status = 500, description = "Internal error", body = Problem),
    )
)]
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let job = jobs::find(platform, &request.caller, JobKind::Deployment, request.path_parameter("job_id")?).await?;
    let job = jobs::cancel::cancel(platform, &job).await?;
    response::ok(&DeploymentView::with_logs(platform, job).await?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use http::Method;
    use serde_json::json;
    use shared::domain::job::{Job, JobKind, JobStatus, ScriptRun};
    use shared::store::jobs::JobChange;
    use testing::TestPlatform;

    use crate::fixtures::{deployed, send, version};

    #[tokio::test]
    async fn the_training_within_is_stopped_too_and_the_deployment_is_free_again() {
        let test = TestPlatform::start().await;
        let store = test.platform.store().unwrap();
        let script = ScriptRun {
            script_name: "train.py".to_owned(),
            requirements: Vec::new(),
            environment_vars: std::collections::BTreeMap::new(),
            timeout_seconds: 300,
        };
        let job = Job { script: Some(script), ..Job::new(JobKind::Deployment, "m".to_owned()) };
        store.create_job(&job, None).await.unwrap();
        let deployment = store.ensure_deployment("m", "serveml-model-").await.unwrap();
        let change = JobChange { deployment_id: Some(deployment.id.clone()), ..JobChange::default() };
        store.move_job(&job.id, JobStatus::Building, change).await.unwrap();
        assert!(store.lease_deployment(&deployment.id, &job.id).await.unwrap());

        let (status, view) = send(&test, Method::POST, &format!("/mlops/deployments/{}/cancel", job.id), None).await;
        assert_eq!((status, &view["status"], &view["error"]), (200, &json!("failed"), &json!("Cancelled by request")), "{view}");
        let stopped: Vec<_> = test.calls().into_iter().map(|call| call.body["executionArn"].as_str().unwrap().to_owned()).collect();
        let arn = |machine: &str, name: String| format!("arn:aws:states:us-east-1:000000000000:execution:{machine}:{name}");
        assert_eq!(stopped, [arn("deploy", job.id.clone()), arn("train", format!("train-{}", job.id))]);
        assert!(store.lease_deployment(&deployment.id, "another job").await.unwrap());
    }

    #[tokio::test]
    async fn what_is_deployed_cannot_be_cancelled() {
        let test = TestPlatform::start().await;
        let (job, _) = deployed(&test, &version(&test, "m").await).await;
        let (status, _) = send(&test, Method::POST, &format!("/mlops/deployments/{}/cancel", job.id), None).await;
        assert_eq!((status, test.calls().len()), (409, 0));
    }
}
