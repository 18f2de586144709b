//! `GET /health`: that the tracking API answers and its table does too.

use http::StatusCode;
use shared::http::response;
use shared::{Platform, Request, Response, Result};

use crate::access::Caller;

/// Gives `OK` as plain text.
///
/// # Errors
/// In MLflow's shape and codes.
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    Caller::of(platform, &request).await?;
    platform.store()?.check().await?;
    Ok(response::with_type(StatusCode::OK, "text/plain; charset=utf-8", "OK"))
}
