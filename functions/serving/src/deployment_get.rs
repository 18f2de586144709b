//! `GET /api/v1/deployments/{deployment_id}`: a deployment. Document: serveml-api, "Get Deployment".

use shared::http::response;
use shared::{Error, Platform, Request, Response, Result, projects};

use crate::deployment_id;
use crate::views::deployment::{DeploymentView, MetricsSummaryView};
use crate::views::problem::Problem;

/// Get a deployment
///
/// One that was deleted is still shown, with the status `deleted`. One of a project is shown to the project's members, and to
/// nobody else; the list has what a user deployed alone, and what is of a project is listed and changed under `/api/mlops`.
#[utoipa::path(
    get,
    path = "/api/v1/deployments/{deployment_id}",
    operation_id = "serving_deployment_get",
    tag = "Deployments",
    params(("deployment_id" = String, Path, description = "As it was deployed")),
    responses(
        (status = 200, description = "The deployment", body = DeploymentView),
        (status = 401, description = "Not logged in", body = Problem),
        (status = 404, description = "The user has no such deployment", body = Problem),
    )
)]
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let id = deployment_id::read(request.path_parameter("deployment_id")?);
    let deployment = platform.store()?.deployment_even_deleted(id).await?;
    let deployment = projects::if_seen(platform, &request.caller, deployment).await?;
    let deployment = deployment.ok_or_else(|| Error::not_found("There is no such deployment."))?;
    let summary = platform.store()?.metrics_summary(&deployment.id).await?;
    let mut view = DeploymentView::new(platform, &request.base_url, deployment);
    view.metrics_summary = Some(MetricsSummaryView::from(summary));
    response::ok(&view)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;
    use shared::domain::deployment::DeploymentStatus;
    use testing::TestPlatform;

    use crate::fixtures::{delete_as, deploy, get, get_as, go_live, register};

    #[tokio::test]
    async fn a_deployment_is_its_owners_with_and_without_the_ids_beginning() {
        let test = TestPlatform::start().await;
        let (token, other) = (register(&test, "johndoe").await, register(&test, "janedoe").await);
        let id = deploy(&test, &token, &[]).await;
        for id in [id.as_str(), id.trim_start_matches("dep-")] {
            let path = format!("/api/v1/deployments/{id}");
            let (status, view) = get_as(&test, &path, &token).await;
            assert_eq!((status, &view["status"], &view["metrics_summary"]["total_predictions"]), (200, &json!("building"), &json!(0)));
            assert_eq!(get_as(&test, &path, &other).await.0, 404);
            assert_eq!(get(&test, &path).await.0, 401);
        }
        for wrong in ["dep-", "x", "dep-01890000-0000-7000-8000-000000000000", "%2e%2e"] {
            assert_eq!(get_as(&test, &format!("/api/v1/deployments/{wrong}"), &token).await.0, 404, "{wrong}");
        }
        go_live(&test, &id).await;
        let path = format!("/api/v1/deployments/{id}");
        let (_, view) = get_as(&test, &path, &token).await;
        assert_eq!((&view["status"], &view["current_version"]), (&json!("active"), &json!("v1")));
        delete_as(&test, &path, &token).await;
        assert_eq!(get_as(&test, &path, &token).await.1["status"], "deleted");
        assert_eq!(get_as(&test, &path, &other).await.0, 404);
    }

    #[tokio::test]
    async fn a_failed_version_leaves_the_live_one_and_says_why() {
        let test = TestPlatform::start().await;
        let token = register(&test, "johndoe").await;
        let id = deploy(&test, &token, &[]).await;
        let path = format!("/api/v1/deployments/{id}");
        let store = test.platform.store().unwrap();
        let fail = async || {
            let deployment = store.deployment(crate::deployment_id::read(&id)).await.unwrap().unwrap();
            let job_id = deployment.job_id.unwrap();
            store.fail_deployment(&deployment.id, "another job", "nothing").await.unwrap();
            store.fail_deployment(&deployment.id, &job_id, "no room").await.unwrap().status
        };
        assert_eq!(fail().await, DeploymentStatus::Failed);
        let (_, view) = get_as(&test, &path, &token).await;
        assert_eq!((&view["status"], &view["error"]), (&json!("failed"), &json!("no room")));
        deploy(&test, &token, &[("deployment_id", None, id.as_bytes())]).await;
        let (_, view) = get_as(&test, &path, &token).await;
        assert_eq!((&view["status"], &view["error"]), (&json!("building"), &json!(null)));
        go_live(&test, &id).await;
        deploy(&test, &token, &[("deployment_id", None, id.as_bytes())]).await;
        assert_eq!(fail().await, DeploymentStatus::Active);
        assert_eq!(get_as(&test, &path, &token).await.1["error"], "no room");
    }
}
