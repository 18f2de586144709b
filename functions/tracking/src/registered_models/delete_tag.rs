//! `DELETE registered-models/delete-tag`: removes a tag of a registered model.

use serde_json::json;
use shared::domain::tracking_rules as rules;
use shared::http::response;
use shared::{Platform, Request, Response, Result};

use crate::access::Caller;
use crate::message::Message;

/// Takes `name`, `key`; gives nothing.
///
/// # Errors
/// In MLflow's shape and codes.
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let caller = Caller::of(platform, &request).await?;
    caller.may_administer()?;
    let message = Message::of(&request)?;
    let (name, key) = (message.required("name")?, message.required("key")?);
    rules::check_model_name(&name)?;
    rules::check_entity_name(&key, "key")?;
    caller.store(platform)?.delete_registered_model_tag(&name, &key).await?;
    response::ok(&json!({}))
}
