//! `DELETE /api/v1/deployments/{deployment_id}`: takes a deployment down. Document: serveml-api, "Delete Deployment".

use serde::Serialize;
use shared::domain::deployment::Deployment;
use shared::http::response;
use shared::{Error, Platform, Request, Response, Result, jobs};
use utoipa::ToSchema;

use crate::deployment_id;
use crate::views::problem::Problem;

/// What was deleted.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeploymentDeleted {
    /// For a person.
    #[schema(example = "Deployment deleted successfully")]
    pub message: String,
    /// The deployment's id.
    #[schema(example = "dep-0199f0a2-7c3e-7d21-b1a5-0f6f3f1f2c11")]
    pub id: String,
}

/// Delete a deployment
///
/// Its function with its URL and the images of its versions are deleted; a job that brings something to it is cancelled.
/// Deleting it again answers the same.
#[utoipa::path(
    delete,
    path = "/api/v1/deployments/{deployment_id}",
    operation_id = "serving_deployment_delete",
    tag = "Deployments",
    params(("deployment_id" = String, Path, description = "As it was deployed")),
    responses(
        (status = 200, description = "Nothing of it answers any more", body = DeploymentDeleted),
        (status = 400, description = "Another request changes it at this moment", body = Problem),
        (status = 401, description = "Not logged in", body = Problem),
        (status = 404, description = "The user has no such deployment", body = Problem),
    )
)]
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let id = deployment_id::read(request.path_parameter("deployment_id")?);
    let deployment = platform.store()?.deployment_even_deleted(id).await?;
    // A project's deployments are versions of one function, which would go with any of them.
    let own = |deployment: &Deployment| deployment.project_id.is_none() && request.caller.may_use(deployment.owner.as_deref());
    let deployment = deployment.filter(own);
    let deployment = deployment.ok_or_else(|| Error::not_found("There is no such deployment."))?;
    jobs::remove::remove(platform, &deployment).await?;
    let message = "Deployment deleted successfully".to_owned();
    response::ok(&DeploymentDeleted { message, id: deployment_id::shown(&deployment.id) })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;
    use testing::TestPlatform;

    use crate::fixtures::{delete_as, deploy, get_as, go_live, live, register};

    #[tokio::test]
    async fn function_and_images_go_once_and_the_answer_stays_the_same() {
        let test = TestPlatform::start().await;
        let (token, other) = (register(&test, "johndoe").await, register(&test, "janedoe").await);
        let id = live(&test, &token).await;
        deploy(&test, &token, &[("deployment_id", None, id.as_bytes())]).await;
        let deployment = go_live(&test, &id).await;
        let path = format!("/api/v1/deployments/{id}");
        assert_eq!(delete_as(&test, &path, &other).await.0, 404);
        let before = test.calls().len();
        for _ in 0..2 {
            let expected = json!({ "message": "Deployment deleted successfully", "id": id });
            assert_eq!(delete_as(&test, &path, &token).await, (200, expected));
        }
        let calls = test.calls().split_off(before);
        assert_eq!(calls.len(), 2, "{calls:?}");
        assert_eq!(calls[0].operation, format!("DELETE /2015-03-31/functions/{}", deployment.function_name));
        let digests = calls[1].body["imageIds"].as_array().unwrap();
        assert_eq!((calls[1].operation.as_str(), digests.len()), ("BatchDeleteImage", 2), "{calls:?}");
        assert_eq!(get_as(&test, "/api/v1/auth/me", &token).await.1["deployment_count"], 0);
        assert_eq!(delete_as(&test, "/api/v1/deployments/dep-x", &token).await.0, 404);
    }

    #[tokio::test]
    async fn what_is_being_built_is_cancelled() {
        let test = TestPlatform::start().await;
        let token = register(&test, "johndoe").await;
        let id = deploy(&test, &token, &[]).await;
        assert_eq!(delete_as(&test, &format!("/api/v1/deployments/{id}"), &token).await.0, 200);
        assert!(test.calls().iter().any(|call| call.operation == "StopExecution"));
    }

    #[tokio::test]
    async fn what_is_being_changed_is_left_alone() {
        let test = TestPlatform::start().await;
        let token = register(&test, "johndoe").await;
        let id = live(&test, &token).await;
        let store = test.platform.store().unwrap();
        assert!(store.lease_deployment(crate::deployment_id::read(&id), "another").await.unwrap());
        let path = format!("/api/v1/deployments/{id}");
        assert_eq!(delete_as(&test, &path, &token).await.0, 400);
        assert_eq!(get_as(&test, &path, &token).await.1["status"], "active");
    }
}
