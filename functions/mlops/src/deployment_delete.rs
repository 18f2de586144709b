//! `DELETE /mlops/deployments/{job_id}`: takes a deployed model's URL down.

use shared::domain::job::JobKind;
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
    let job = jobs::find(platform, &request.caller, JobKind::Deployment, request.path_parameter("job_id")?).await?;
    jobs::take_down::take_down(platform, &job).await?;
    Ok(response::no_content())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use http::Method;
    use serde_json::Value;
    use shared::domain::job::{Job, JobKind, JobStatus};
    use shared::store::jobs::JobChange;
    use testing::TestPlatform;

    use crate::fixtures::{deployed, get, send, version};

    async fn delete(test: &TestPlatform, id: &str) -> (u16, Value) {
        send(test, Method::DELETE, &format!("/mlops/deployments/{id}"), None).await
    }

    #[tokio::test]
    async fn the_live_one_goes_and_its_record_stays() {
        let test = TestPlatform::start().await;
        let (job, deployment) = deployed(&test, &version(&test, "m").await).await;
        for _ in 0..2 {
            assert_eq!(delete(&test, &job.id).await, (204, Value::Null));
        }
        let calls = test.calls();
        assert_eq!(calls.len(), 1);
        assert_eq!(calls[0].operation, format!("DELETE /2015-03-31/functions/{}", deployment.function_name));
        let (status, view) = get(&test, &format!("/mlops/deployments/{}", job.id)).await;
        assert_eq!((status, view["status"].as_str(), view["live"].as_bool()), (200, Some("deployed"), Some(false)));
        assert!(view["deployment_url"].is_null());
        assert_eq!(test.platform.store().unwrap().deployment_of_model("m").await.unwrap(), None);

        // A new deployment of the model is another one, which the old record does not reach.
        let (again, _) = deployed(&test, &version(&test, "m").await).await;
        assert_eq!(delete(&test, &job.id).await.0, 204);
        assert_eq!(get(&test, &format!("/mlops/deployments/{}", again.id)).await.1["live"], true);
    }

    #[tokio::test]
    async fn one_that_was_replaced_leads_to_the_live_one() {
        let test = TestPlatform::start().await;
        let (first, _) = deployed(&test, &version(&test, "m").await).await;
        let (second, _) = deployed(&test, &version(&test, "m").await).await;
        let (status, answer) = delete(&test, &first.id).await;
        assert!(status == 409 && answer["detail"].as_str().unwrap().contains(&second.id), "{answer}");
        assert_eq!(delete(&test, &second.id).await.0, 204);
        assert_eq!(delete(&test, &first.id).await.0, 204);
    }

    #[tokio::test]
    async fn one_that_runs_is_refused_and_one_that_failed_has_nothing_to_take_down() {
        let test = TestPlatform::start().await;
        let store = test.platform.store().unwrap();
        let (live, deployment) = deployed(&test, &version(&test, "m").await).await;
        let job = Job::new(JobKind::Deployment, "m".to_owned());
        store.create_job(&job, None).await.unwrap();
        let (status, answer) = delete(&test, &job.id).await;
        assert!(status == 409 && answer["detail"].as_str().unwrap().contains("cancel it"), "{answer}");

        assert!(store.lease_deployment(&deployment.id, &job.id).await.unwrap());
        let (status, answer) = delete(&test, &live.id).await;
        assert!(status == 409 && answer["detail"].as_str().unwrap().contains(&job.id), "{answer}");
        store.release_deployment(&deployment.id, &job.id).await.unwrap();

        let change = JobChange { deployment_id: Some(deployment.id.clone()), ..JobChange::default() };
        store.move_job(&job.id, JobStatus::Failed, change).await.unwrap();
        assert_eq!(delete(&test, &job.id).await.0, 204);
        assert_eq!(get(&test, &format!("/mlops/deployments/{}", live.id)).await.1["live"], true);
        assert_eq!(delete(&test, "unknown").await.0, 404);
        assert_eq!(test.calls(), []);
    }
}
