//! `GET /`: that the API answers. Document: serveml-api, "Health Check".

use serde::Serialize;
use shared::http::response;
use shared::{Platform, Request, Response, Result, Timestamp};
use utoipa::ToSchema;

/// That the API answers.
#[derive(Debug, Serialize, ToSchema)]
pub struct HealthResponse {
    /// Always `healthy`: what does not answer is not.
    #[schema(example = "healthy")]
    pub status: String,
    /// A greeting.
    #[schema(example = "Welcome to ServeML API")]
    pub message: String,
    /// The API's version.
    #[schema(example = "1.0.0")]
    pub version: String,
    /// When this was so.
    pub timestamp: Timestamp,
}

/// Health check
#[utoipa::path(
    get,
    path = "/",
    operation_id = "root",
    tag = "System",
    responses((status = 200, description = "The API answers", body = HealthResponse))
)]
pub async fn handle(_platform: &Platform, _request: Request) -> Result<Response> {
    response::ok(&HealthResponse {
        status: "healthy".to_owned(),
        message: "Welcome to ServeML API".to_owned(),
        version: "1.0.0".to_owned(),
        timestamp: Timestamp::now(),
    })
}
