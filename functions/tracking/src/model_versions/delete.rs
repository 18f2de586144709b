//! `DELETE model-versions/delete`: removes a version and its aliases.

use serde_json::json;
use shared::domain::tracking_rules as rules;
use shared::http::response;
use shared::{Platform, Request, Response, Result};

use crate::access::Caller;
use crate::message::Message;

/// Takes `name`, `version`; gives nothing.
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
    caller.store(platform)?.delete_model_version(&name, version).await?;
    response::ok(&json!({}))
}
