//! `GET /metadata`: what is served, where it came from and what it takes.

use crate::{app::App, example};
use axum::{Json, extract::State};
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};
use tokio::time::timeout;

/// How long the answer waits for a model that is being loaded; what only the loaded model knows is null after that.
const PATIENCE: Duration = Duration::from_secs(10);

/// Answers everything known of the model.
pub async fn metadata(State(app): State<Arc<App>>) -> Json<Value> {
    let (model, deployment) = (&app.served.model, &app.served.deployment);
    let ready = timeout(PATIENCE, app.engine.ready()).await.ok().and_then(Result::ok);
    let ready = ready.as_deref();
    Json(json!({
        "name": model.model_name,
        "version": model.model_version,
        "model_name": model.model_name,
        "model_version": model.model_version,
        "framework": model.framework,
        "flavors": app.served.flavors.as_object().map(|flavors| flavors.keys().collect::<Vec<_>>()),
        "signature": model.signature,
        "input_example": app.served.example,
        "example_inputs": example::inputs(
            app.served.example.as_ref(),
            model.signature.as_ref(),
            ready.and_then(|ready| ready.names.as_deref()),
            ready.and_then(|ready| ready.features),
        ),
        "run_id": model.run_id,
        "model_uri": model.model_uri,
        "created_at": model.created_at,
        "image_digest": deployment.image_digest,
        "deployment_id": deployment.id,
        "engine": model.engine,
        "python_version": ready.and_then(|ready| ready.python_version.clone()).or_else(|| model.python_version.clone()),
        "loaded": ready.is_some(),
        "loader": ready.map(|ready| ready.loader.as_str()),
        "load_ms": ready.map(|ready| ready.load_ms),
        "features": ready.and_then(|ready| ready.features),
        "feature_names": ready.and_then(|ready| ready.names.clone()),
        "classes": ready.and_then(|ready| ready.classes.clone()),
        "probabilities": ready.map(|ready| ready.probabilities),
        "imports": ready.map(|ready| json!({"modules": ready.modules, "pandas": ready.pandas, "mlflow": ready.mlflow})),
    }))
}
