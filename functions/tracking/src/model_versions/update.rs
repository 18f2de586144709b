//! `PATCH model-versions/update`: changes a version's description.

use serde_json::json;
use shared::domain::tracking_rules as rules;
use shared::http::response;
use shared::{Platform, Request, Response, Result};

use crate::access::Caller;
use crate::message::Message;
use crate::shapes;

/// Takes `name`, `version`, `description`; gives `model_version`.
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
    let description = message.text("description")?;
    description.as_deref().map_or(Ok(()), rules::check_description)?;
    let changed = caller.store(platform)?.describe_model_version(&name, version, description.as_deref()).await?;
    response::ok(&json!({ "model_version": shapes::model_version(&changed) }))
}
