//! `GET /api/v1/api-keys`: the user's keys, without the keys themselves.

use serde::Serialize;
use shared::http::response;
use shared::{Platform, Request, Response, Result, Timestamp};
use utoipa::ToSchema;

use crate::views::problem::Problem;

/// A key as lists show it.
#[derive(Debug, Serialize, ToSchema)]
pub struct ApiKeyView {
    /// Its id.
    pub id: String,
    /// What its owner calls it.
    pub name: String,
    /// Its first characters.
    #[schema(example = "sml_1f2e3d4c")]
    pub prefix: String,
    /// When it was made.
    pub created_at: Timestamp,
}

/// The user's keys.
#[derive(Debug, Serialize, ToSchema)]
pub struct ApiKeysResponse {
    /// The keys, the oldest first.
    pub items: Vec<ApiKeyView>,
}

/// List API keys
#[utoipa::path(
    get,
    path = "/api/v1/api-keys",
    operation_id = "api_keys_list",
    tag = "Authentication",
    responses((status = 200, description = "The keys", body = ApiKeysResponse), (status = 401, description = "Not logged in", body = Problem))
)]
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let keys = platform.store()?.api_keys(request.caller.user()?).await?;
    let items = keys.into_iter().map(|key| ApiKeyView { id: key.id, name: key.name, prefix: key.prefix, created_at: key.created_at });
    response::ok(&ApiKeysResponse { items: items.collect() })
}
