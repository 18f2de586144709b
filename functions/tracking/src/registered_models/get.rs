//! `GET registered-models/get`: a registered model with its latest version in each stage.

use serde_json::json;
use shared::domain::registered_model::Stage;
use shared::domain::tracking_rules as rules;
use shared::http::response;
use shared::{Error, Platform, Request, Response, Result};

use crate::access::Caller;
use crate::message::Message;
use crate::shapes;

/// Takes `name`; gives `registered_model`.
///
/// # Errors
/// In MLflow's shape and codes.
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let caller = Caller::of(platform, &request).await?;
    let name = Message::of(&request)?.required("name")?;
    rules::check_model_name(&name)?;
    let store = caller.store(platform)?;
    let model = store.registered_model(&name).await?;
    let model = model.ok_or_else(|| Error::not_found(format!("Registered Model with name={name} not found")))?;
    let latest = store.latest_versions_by_stage(std::slice::from_ref(&model), &Stage::ALL).await?.remove(&name).unwrap_or_default();
    response::ok(&json!({ "registered_model": shapes::registered_model(&model, &latest) }))
}
