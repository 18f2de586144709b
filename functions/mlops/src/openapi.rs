//! `GET /openapi.json`: the description of every route, made from the handlers' own types and committed as
//! `openapi.json` at the project's root. `tests/openapi_file.rs` makes it and tells when it is stale.

use http::{HeaderValue, StatusCode, header};
use shared::http::response;
use shared::{Platform, Request, Response, Result};

const DOCUMENT: &str = include_str!("../../../openapi.json");

/// Answers with the OpenAPI document.
pub async fn handle(_platform: &Platform, _request: Request) -> Result<Response> {
    let mut answer = response::with_type(StatusCode::OK, "application/json", DOCUMENT);
    answer.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    Ok(answer)
}
