//! `POST registered-models/alias`: lets an alias stand for a version.

use serde_json::json;
use shared::domain::tracking_rules as rules;
use shared::http::response;
use shared::{Platform, Request, Response, Result};

use crate::access::Caller;
use crate::message::Message;

/// Takes `name`, `alias`, `version`; gives nothing.
///
/// # Errors
/// In MLflow's shape and codes.
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let caller = Caller::of(platform, &request).await?;
    caller.may_administer()?;
    let message = Message::of(&request)?;
    let (name, alias, version) = (message.required("name")?, message.required("alias")?, message.required("version")?);
    rules::check_model_name(&name)?;
    rules::check_alias(&alias)?;
    rules::check_alias_is_free(&alias)?;
    caller.store(platform)?.set_alias(&name, &alias, rules::version_number(&version)?).await?;
    response::ok(&json!({}))
}
