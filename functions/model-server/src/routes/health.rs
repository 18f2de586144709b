//! `GET /health`: whether the model answers predictions.

use crate::{app::App, deadline::deadline};
use axum::{
    Json,
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use http::StatusCode;
use serde_json::json;
use std::sync::Arc;
use tokio::time::timeout_at;

/// Waits until the model is loaded and answers `{"status": "healthy", …}`; 503 with `detail` where loading has failed
/// (`unhealthy`) or takes longer than a request may (`loading`).
pub async fn health(State(app): State<Arc<App>>, request: Request) -> Response {
    let deadline = deadline(request.extensions(), app.limits.time);
    let model = &app.served.model;
    let (status, problem) = match timeout_at(deadline, app.engine.ready()).await {
        Ok(Ok(_)) => {
            return Json(json!({
                "status": "healthy",
                "model_name": model.model_name,
                "model_version": model.model_version,
                "framework": model.framework,
                "deployment_id": app.served.deployment.id,
                "timestamp": jiff::Timestamp::now().round(jiff::Unit::Second).ok(),
            }))
            .into_response();
        }
        Ok(Err(problem)) => ("unhealthy", problem.to_string()),
        Err(_) => ("loading", "The model is still being loaded.".to_owned()),
    };
    let body = json!({
        "status": status,
        "model_name": model.model_name,
        "model_version": model.model_version,
        "detail": problem,
    });
    (StatusCode::SERVICE_UNAVAILABLE, Json(body)).into_response()
}
