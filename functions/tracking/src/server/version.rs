//! `GET /version`: the MLflow version whose API this is.

use http::StatusCode;
use shared::http::response;
use shared::{Platform, Request, Response, Result};

use crate::access::Caller;

/// The version that clients are told. They compare it with their own and warn when it is older.
const VERSION: &str = "3.18.0";

/// Gives the version as plain text.
///
/// # Errors
/// In MLflow's shape and codes.
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    Caller::of(platform, &request).await?;
    Ok(response::with_type(StatusCode::OK, "text/plain; charset=utf-8", VERSION))
}
