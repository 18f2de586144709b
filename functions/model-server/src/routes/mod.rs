//! The routes of a deployed model.

mod health;
mod metadata;
mod predict;
mod root;

use crate::{app::App, error::Failure};
use axum::{
    Router,
    extract::Request,
    middleware::{Next, from_fn},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use std::sync::Arc;

/// All routes over this state.
pub fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/", get(root::root))
        .route("/health", get(health::health))
        .route("/metadata", get(metadata::metadata))
        .route("/predict", post(predict::predict))
        .fallback(unknown_path)
        .method_not_allowed_fallback(wrong_method)
        .layer(from_fn(across_origins))
        .with_state(app)
}

async fn unknown_path(request: Request) -> Failure {
    let detail = format!("There is nothing at {}; try /, /health, /metadata or /predict.", request.uri().path());
    Failure::new(StatusCode::NOT_FOUND, detail)
}

async fn wrong_method(request: Request) -> Failure {
    let detail = format!("{} does not take {}.", request.uri().path(), request.method());
    Failure::new(StatusCode::METHOD_NOT_ALLOWED, detail)
}

/// Lets browsers call a model from any page: it has no cookies and no session that a page could misuse.
async fn across_origins(request: Request, next: Next) -> Response {
    let mut response = match *request.method() {
        Method::OPTIONS => StatusCode::NO_CONTENT.into_response(),
        _ => next.run(request).await,
    };
    for (name, value) in [
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, HEAD, POST, OPTIONS"),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, "content-type, authorization"),
        (header::ACCESS_CONTROL_EXPOSE_HEADERS, "x-prediction-id"),
        (header::ACCESS_CONTROL_MAX_AGE, "86400"),
        (HeaderName::from_static("x-content-type-options"), "nosniff"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}
