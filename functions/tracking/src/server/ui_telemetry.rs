//! `GET` and `POST ui-telemetry`: whether MLflow's web pages may report to its makers what their users click. They may not.

use http::Method;
use serde_json::json;
use shared::http::response;
use shared::{Platform, Request, Response, Result};

use crate::access::Caller;

/// Gives that there is no telemetry; takes records and keeps none.
///
/// # Errors
/// In MLflow's shape and codes.
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    Caller::of(platform, &request).await?;
    match request.method {
        Method::POST => response::ok(&json!({ "status": "disabled" })),
        _ => response::ok(&json!({ "disable_ui_telemetry": true, "disable_ui_events": [], "ui_rollout_percentage": 0 })),
    }
}
