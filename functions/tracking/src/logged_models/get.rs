//! `GET logged-models/{model_id}`: a logged model.

use serde_json::json;
use shared::domain::lifecycle::LifecycleStage;
use shared::http::response;
use shared::{Error, Platform, Request, Response, Result};

use crate::access::Caller;
use crate::shapes;

/// Gives `model`; a deleted one with `allow_deleted=true`.
///
/// # Errors
/// In MLflow's shape and codes.
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    Caller::of(platform, &request).await?;
    let id = request.path_parameter("model_id")?;
    let deleted_too = request.query_parameter("allow_deleted").is_some_and(|flag| flag.eq_ignore_ascii_case("true"));
    let model = platform.store()?.logged_model(id).await?;
    let model = model.filter(|model| deleted_too || model.lifecycle_stage == LifecycleStage::Active);
    let model = model.ok_or_else(|| Error::not_found(format!("Logged model with ID '{id}' not found.")))?;
    response::ok(&json!({ "model": shapes::logged_model(&model) }))
}
