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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;
    use testing::TestPlatform;

    use crate::fixtures::{deployed, get, version};

    #[tokio::test]
    async fn a_deployment_shows_its_url_and_whether_it_is_live() {
        let test = TestPlatform::start().await;
        let (first, _) = deployed(&test, &version(&test, "my_model").await).await;
        let (status, view) = get(&test, &format!("/mlops/deployments/{}", first.id)).await;
        assert_eq!((status, &view["status"], &view["deployment_url"]), (200, &json!("deployed"), &json!("http://localhost:21000")));
        assert_eq!((&view["live"], &view["model_version"]), (&json!(true), &json!("1")));
        assert_eq!(view["stages"].as_array().unwrap().len(), 5, "{view}");

        let (second, _) = deployed(&test, &version(&test, "my_model").await).await;
        let (_, list) = get(&test, "/mlops/deployments").await;
        let seen: Vec<_> = list["deployments"].as_array().unwrap().iter().map(|view| (&view["job_id"], &view["live"])).collect();
        assert_eq!(seen, [(&json!(second.id), &json!(true)), (&json!(first.id), &json!(false))]);
    }
}
