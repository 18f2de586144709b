//! `POST model-versions/set-tag`: sets a tag of a version.

use serde_json::json;
use shared::domain::tracking_rules as rules;
use shared::http::response;
use shared::{Platform, Request, Response, Result};

use crate::access::Caller;
use crate::message::Message;

/// Takes `name`, `version`, `key`, `value`; gives nothing.
///
/// # Errors
/// In MLflow's shape and codes.
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let caller = Caller::of(platform, &request).await?;
    caller.may_administer()?;
    let message = Message::of(&request)?;
    let name = message.required("name")?;
    rules::check_model_name(&name)?;
    let version = rules::version_number(&message.required("version")?)?;
    let (key, value) = (message.required("key")?, message.text_or_empty("value")?);
    rules::check_registry_tag(&key, &value)?;
    caller.store(platform)?.set_model_version_tag(&name, version, &key, &value).await?;
    response::ok(&json!({}))
}
