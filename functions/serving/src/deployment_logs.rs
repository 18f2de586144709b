//! `GET /api/v1/deployments/{deployment_id}/logs`: what its last job wrote.

use serde::Serialize;
use shared::http::response;
use shared::jobs::output;
use shared::{Platform, Request, Response, Result};
use utoipa::ToSchema;

use crate::deployment_id;
use crate::views::problem::Problem;

/// What a deployment's last job wrote.
#[derive(Debug, Serialize, ToSchema)]
pub struct LogsResponse {
    /// The deployment.
    #[schema(example = "dep-0199f0a2-7c3e-7d21-b1a5-0f6f3f1f2c11")]
    pub deployment_id: String,
    /// Lines of text, the oldest first; the beginning is left out where there is very much of it.
    #[schema(example = "Dependency layer built: 5 packages, 38.2 MB, in 6.1 s\n")]
    pub logs: String,
}

/// Read a deployment's logs
///
/// What the last job that brought a version or a configuration to it has written so far, and why it failed if it did.
#[utoipa::path(
    get,
    path = "/api/v1/deployments/{deployment_id}/logs",
    operation_id = "serving_deployment_logs",
    tag = "Deployments",
    params(("deployment_id" = String, Path, description = "As it was deployed")),
    responses(
        (status = 200, description = "The output", body = LogsResponse),
        (status = 401, description = "Not logged in", body = Problem),
        (status = 404, description = "The user has no such deployment", body = Problem),
    )
)]
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let deployment = deployment_id::seen(platform, &request).await?;
    let mut logs = match deployment.job_id.as_ref().or(deployment.live_job_id.as_ref()) {
        Some(job_id) => platform.store()?.job_logs(job_id).await?,
        None => String::new(),
    };
    if let Some(error) = &deployment.error {
        logs.push_str(&format!("Failed: {error}\n"));
    }
    response::ok(&LogsResponse { deployment_id: deployment_id::shown(&deployment.id), logs: output::fit(logs) })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use testing::TestPlatform;

    use crate::fixtures::{deploy, get, get_as, register};

    #[tokio::test]
    async fn the_last_jobs_output_is_its_owners() {
        let test = TestPlatform::start().await;
        let (token, other) = (register(&test, "johndoe").await, register(&test, "janedoe").await);
        let id = deploy(&test, &token, &[]).await;
        let store = test.platform.store().unwrap();
        let deployment = store.deployment(crate::deployment_id::read(&id)).await.unwrap().unwrap();
        let job_id = deployment.job_id.unwrap();
        store.append_log(&job_id, u32::MAX, 1, "Dependency layer built\n").await.unwrap();
        store.fail_deployment(&deployment.id, &job_id, "no room").await.unwrap();
        let path = format!("/api/v1/deployments/{id}/logs");
        let (status, logs) = get_as(&test, &path, &token).await;
        assert_eq!((status, logs["logs"].as_str()), (200, Some("Dependency layer built\nFailed: no room\n")), "{logs}");
        assert_eq!(get_as(&test, &path, &other).await.0, 404);
        assert_eq!(get(&test, &path).await.0, 401);
    }
}
