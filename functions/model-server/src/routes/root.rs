//! `GET /`: what this is and what can be asked.

use crate::app::App;
use axum::{Json, extract::State};
use serde_json::{Value, json};
use std::sync::Arc;

/// Answers the model's name and version and the list of endpoints, without waiting for the model.
pub async fn root(State(app): State<Arc<App>>) -> Json<Value> {
    let model = &app.served.model;
    Json(json!({
        "name": model.model_name,
        "version": model.model_version,
        "model_name": model.model_name,
        "model_version": model.model_version,
        "endpoints": {
            "GET /": "API info",
            "GET /health": "Health check",
            "GET /metadata": "Model info",
            "POST /predict": "Make predictions",
        },
    }))
}
