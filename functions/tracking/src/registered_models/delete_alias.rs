//! `DELETE registered-models/alias`: removes an alias.

use serde_json::json;
use shared::domain::tracking_rules as rules;
use shared::http::response;
use shared::{Platform, Request, Response, Result};

use crate::access::Caller;
use crate::message::Message;

/// Takes `name`, `alias`; gives nothing.
///
/// # Errors
/// In MLflow's shape and codes.
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let caller = Caller::of(platform, &request).await?;
    caller.may_administer()?;
    let message = Message::of(&request)?;
    let (name, alias) = (message.required("name")?, message.required("alias")?);
    rules::check_model_name(&name)?;
    rules::check_alias(&alias)?;
    caller.store(platform)?.delete_alias(&name, &alias).await?;
    response::ok(&json!({}))
}
