//! `POST /api/v1/deployments/{deployment_id}/rollback`: an earlier version answers again. Document: serveml-api, "Rollback
//! Version".

use serde::Deserialize;
use shared::http::response;
use shared::{Error, Platform, Request, Response, Result, jobs};
use utoipa::ToSchema;

use crate::views::deployment::DeploymentView;
use crate::views::problem::Problem;
use crate::{body, deployment_id};

/// The version that is to answer.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RollbackRequest {
    /// Its number, as the list of versions has it.
    #[schema(example = "v2")]
    pub version: String,
}

/// Roll back to a version
///
/// The traffic moves at once and no request is lost. It goes forth as well as back.
#[utoipa::path(
    post,
    path = "/api/v1/deployments/{deployment_id}/rollback",
    operation_id = "serving_deployment_rollback",
    tag = "Deployments",
    params(("deployment_id" = String, Path, description = "As it was deployed")),
    request_body = RollbackRequest,
    responses(
        (status = 200, description = "The deployment, with the version that answers", body = DeploymentView),
        (status = 400, description = "The deployment is being changed at this moment", body = Problem),
        (status = 401, description = "Not logged in", body = Problem),
        (status = 404, description = "The user has no such deployment, or it has no such version", body = Problem),
        (status = 422, description = "That is no version", body = Problem),
    )
)]
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let asked: RollbackRequest = body::read(&request)?;
    let shown: String = asked.version.chars().take(40).collect();
    let number = asked.version.strip_prefix('v').unwrap_or(&asked.version);
    let number: u64 = number.parse().map_err(|_| Error::field("version", format!("must be like \"v2\", not {shown:?}")))?;
    let deployment = deployment_id::of_path(platform, &request).await?;
    let deployment = jobs::rollback::rollback(platform, &deployment, number).await?;
    response::ok(&DeploymentView::new(platform, &request.base_url, deployment))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;
    use testing::TestPlatform;

    use crate::fixtures::{deploy, get_as, go_live, live, post_as, register};

    #[tokio::test]
    async fn an_earlier_version_answers_again() {
        let test = TestPlatform::start().await;
        let (token, other) = (register(&test, "johndoe").await, register(&test, "janedoe").await);
        let id = live(&test, &token).await;
        deploy(&test, &token, &[("deployment_id", None, id.as_bytes()), ("memory", None, b"4096")]).await;
        go_live(&test, &id).await;
        let path = format!("/api/v1/deployments/{id}/rollback");
        assert_eq!(post_as(&test, &path, &other, &json!({ "version": "v1" })).await.0, 404);
        let before = test.calls().len();
        for _ in 0..2 {
            let (status, answer) = post_as(&test, &path, &token, &json!({ "version": "v1" })).await;
            let seen = (status, &answer["current_version"], &answer["status"], &answer["configuration"]["memory_mb"]);
            assert_eq!(seen, (200, &json!("v1"), &json!("active"), &json!(1024)), "{answer}");
        }
        let calls = test.calls().split_off(before);
        assert_eq!((calls.len(), &calls[0].body["FunctionVersion"]), (1, &json!("1")), "the second time there is nothing to do");
        let (_, versions) = get_as(&test, &format!("/api/v1/deployments/{id}/versions"), &token).await;
        let current: Vec<_> = versions["versions"].as_array().unwrap().iter().map(|one| &one["status"]).collect();
        assert_eq!(current, [&json!("inactive"), &json!("active")]);
        // And forth.
        assert_eq!(post_as(&test, &path, &token, &json!({ "version": "2" })).await.1["current_version"], "v2");
    }

    #[tokio::test]
    async fn what_is_no_version_is_refused() {
        let test = TestPlatform::start().await;
        let token = register(&test, "johndoe").await;
        let id = live(&test, &token).await;
        let path = format!("/api/v1/deployments/{id}/rollback");
        for (version, status) in
            [("v9", 404), ("v0", 404), ("", 422), ("v", 422), ("vv1", 422), ("-1", 422), ("99999999999999999999999", 422)]
        {
            assert_eq!(post_as(&test, &path, &token, &json!({ "version": version })).await.0, status, "{version}");
        }
        assert_eq!(post_as(&test, &path, &token, &json!({ "version": 1 })).await.0, 422);
        assert_eq!(post_as(&test, &path, &token, &json!({})).await.0, 422);
        let store = test.platform.store().unwrap();
        assert!(store.lease_deployment(crate::deployment_id::read(&id), "another").await.unwrap());
        assert_eq!(post_as(&test, &path, &token, &json!({ "version": "v1" })).await.0, 400, "somebody changes it");
    }
}
