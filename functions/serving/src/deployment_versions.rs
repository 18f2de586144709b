//! `GET /api/v1/deployments/{deployment_id}/versions`: what was live, and is. Document: serveml-api, "List Deployment
//! Versions".

use serde::Serialize;
use shared::http::response;
use shared::paging::PageRequest;
use shared::{Platform, Request, Response, Result, Timestamp};
use utoipa::ToSchema;

use crate::deployment_id;
use crate::views::problem::Problem;

/// So many of the newest versions are listed.
const MOST: u32 = 1000;

/// The versions of a deployment.
#[derive(Debug, Serialize, ToSchema)]
pub struct VersionsResponse {
    /// The versions, newest first.
    pub versions: Vec<VersionView>,
}

/// A version.
#[derive(Debug, Serialize, ToSchema)]
pub struct VersionView {
    /// Its number.
    #[schema(example = "v3")]
    pub version: String,
    /// When it first answered.
    pub created_at: Timestamp,
    /// `active` for the one that answers, else `inactive`.
    #[schema(example = "active")]
    pub status: &'static str,
    /// Whether it answers.
    pub is_current: bool,
    /// What it changed, as its deployment said.
    #[schema(example = "Updated model with new training data")]
    pub changes: Option<String>,
}

/// List a deployment's versions
#[utoipa::path(
    get,
    path = "/api/v1/deployments/{deployment_id}/versions",
    operation_id = "serving_deployment_versions",
    tag = "Deployments",
    params(("deployment_id" = String, Path, description = "As it was deployed")),
    responses(
        (status = 200, description = "The newest 1000 versions that answered, newest first", body = VersionsResponse),
        (status = 401, description = "Not logged in", body = Problem),
        (status = 404, description = "The user has no such deployment", body = Problem),
    )
)]
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let deployment = deployment_id::seen(platform, &request).await?;
    let page = PageRequest { limit: MOST, after: None };
    let versions = platform.store()?.deployment_versions(&deployment.id, &page).await?;
    let versions = versions.items.into_iter().map(|version| {
        let is_current = deployment.live_version == Some(version.number);
        VersionView {
            version: format!("v{}", version.number),
            created_at: version.created_at,
            status: if is_current { "active" } else { "inactive" },
            is_current,
            changes: version.changes,
        }
    });
    response::ok(&VersionsResponse { versions: versions.collect() })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use testing::TestPlatform;

    use crate::fixtures::{deploy, get, get_as, register};

    #[tokio::test]
    async fn versions_are_their_owners() {
        let test = TestPlatform::start().await;
        let (token, other) = (register(&test, "johndoe").await, register(&test, "janedoe").await);
        let id = deploy(&test, &token, &[]).await;
        let path = format!("/api/v1/deployments/{id}/versions");
        let (status, versions) = get_as(&test, &path, &token).await;
        assert_eq!((status, versions["versions"].as_array().unwrap().len()), (200, 0), "none answers yet");
        assert_eq!(get_as(&test, &path, &other).await.0, 404);
        assert_eq!(get(&test, &path).await.0, 401);
    }
}
