//! `GET /api/v1/auth/me`: the user who asks. Document: serveml-api, "Get Current User".

use serde::Serialize;
use shared::http::response;
use shared::{Error, Platform, Request, Response, Result};
use utoipa::ToSchema;

use crate::views::problem::Problem;
use crate::views::user::UserView;

/// The user who asks.
#[derive(Debug, Serialize, ToSchema)]
pub struct MeResponse {
    /// The user.
    #[serde(flatten)]
    pub user: UserView,
    /// How many deployments the user has.
    #[schema(example = 5)]
    pub deployment_count: u64,
    /// How many predictions they made.
    #[schema(example = 15420)]
    pub total_predictions: u64,
}

/// Get the current user
#[utoipa::path(
    get,
    path = "/api/v1/auth/me",
    operation_id = "auth_me",
    tag = "Authentication",
    responses((status = 200, description = "The user", body = MeResponse), (status = 401, description = "Not logged in", body = Problem))
)]
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let id = request.caller.user()?;
    let store = platform.store()?;
    let (user, totals) = tokio::try_join!(store.user(id), store.user_totals(id))?;
    let user = user.ok_or_else(|| Error::unauthorized("This user is not registered any more."))?;
    response::ok(&MeResponse { user: UserView::from(user), deployment_count: totals.deployments, total_predictions: totals.predictions })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use testing::TestPlatform;

    use crate::fixtures::{get, get_as, register};

    #[tokio::test]
    async fn only_a_user_is_told() {
        let test = TestPlatform::start().await;
        let token = register(&test, "johndoe").await;
        let (status, me) = get_as(&test, "/api/v1/auth/me", &token).await;
        assert_eq!((status, me["deployment_count"].as_u64(), me["total_predictions"].as_u64()), (200, Some(0), Some(0)), "{me}");
        assert_eq!(get(&test, "/api/v1/auth/me").await.0, 401);
        for wrong in ["", "x", "sml_0000000000000000000000000000000000000000000000000000000000000000", "job.x.y", &token[1..]] {
            let (status, refused) = get_as(&test, "/api/v1/auth/me", wrong).await;
            assert_eq!((status, refused["error"]["code"].as_str()), (401, Some("UNAUTHORIZED")), "{wrong}");
        }
    }
}
