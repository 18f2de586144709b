//! `DELETE registered-models/delete`: removes a registered model with all its versions.

use serde_json::json;
use shared::domain::tracking_rules as rules;
use shared::http::response;
use shared::{Platform, Request, Response, Result};

use crate::access::Caller;
use crate::message::Message;

/// Takes `name`; gives nothing.
///
/// # Errors
/// In MLflow's shape and codes.
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let caller = Caller::of(platform, &request).await?;
    caller.may_administer()?;
    let name = Message::of(&request)?.required("name")?;
    rules::check_model_name(&name)?;
    caller.store(platform)?.delete_registered_model(&name).await?;
    response::ok(&json!({}))
}
