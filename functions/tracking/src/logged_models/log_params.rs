//! `POST logged-models/{model_id}/params`: adds params of a logged model.

use serde_json::json;
use shared::domain::tracking_rules as rules;
use shared::http::response;
use shared::{Platform, Request, Response, Result};

use crate::access::Caller;
use crate::message::Message;

/// Takes `params`; gives nothing.
///
/// # Errors
/// In MLflow's shape and codes.
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let caller = Caller::of(platform, &request).await?;
    let params = Message::of(&request)?.map("params")?;
    rules::check_tags(&params, |_, _| Ok(()))?;
    let id = request.path_parameter("model_id")?;
    caller.may_write_model(platform, id).await?;
    platform.store()?.log_logged_model_params(id, &params).await?;
    response::ok(&json!({}))
}
