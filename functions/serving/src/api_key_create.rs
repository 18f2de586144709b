//! `POST /api/v1/api-keys`: a key for a program, shown once.

use http::StatusCode;
use serde::{Deserialize, Serialize};
use shared::http::response;
use shared::identity::api_key::ApiKey;
use shared::{Platform, Request, Response, Result, Timestamp};
use utoipa::ToSchema;

use crate::body;
use crate::views::problem::Problem;

/// What the key is for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ApiKeyRequest {
    /// What its owner calls it.
    #[schema(example = "ci")]
    pub name: String,
}

/// A new key.
#[derive(Debug, Serialize, ToSchema)]
pub struct NewApiKey {
    /// Its id.
    pub id: String,
    /// What its owner calls it.
    pub name: String,
    /// The key itself: it is shown here and never again.
    #[schema(example = "sml_…")]
    pub api_key: String,
    /// When it was made.
    pub created_at: Timestamp,
}

/// Create an API key
#[utoipa::path(
    post,
    path = "/api/v1/api-keys",
    operation_id = "api_key_create",
    tag = "Authentication",
    request_body = ApiKeyRequest,
    responses(
        (status = 201, description = "The key, shown once", body = NewApiKey),
        (status = 401, description = "Not logged in", body = Problem),
        (status = 422, description = "The name is empty or too long", body = Problem),
    )
)]
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let asked: ApiKeyRequest = body::read(&request)?;
    let (kept, api_key) = ApiKey::new(request.caller.user()?, &asked.name)?;
    platform.store()?.create_api_key(&kept).await?;
    response::json(StatusCode::CREATED, &NewApiKey { id: kept.id, name: kept.name, api_key, created_at: kept.created_at })
}
