//! `GET model-versions/get`: a version of a registered model.

use serde_json::json;
use shared::domain::tracking_rules as rules;
use shared::http::response;
use shared::{Error, Platform, Request, Response, Result};

use crate::access::Caller;
use crate::message::Message;
use crate::shapes;

/// Takes `name`, `version`; gives `model_version`.
///
/// # Errors
/// In MLflow's shape and codes.
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let caller = Caller::of(platform, &request).await?;
    let message = Message::of(&request)?;
    let name = message.required("name")?;
    rules::check_model_name(&name)?;
    let version = rules::version_number(&message.required("version")?)?;
    let found = caller.store(platform)?.model_version(&name, version).await?;
    let found = found.ok_or_else(|| Error::not_found(format!("Model Version (name={name}, version={version}) not found")))?;
    response::ok(&json!({ "model_version": shapes::model_version(&found) }))
}
