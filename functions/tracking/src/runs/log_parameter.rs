//! `POST runs/log-parameter`: logs a param, once.

use serde_json::json;
use shared::domain::tracking_rules as rules;
use shared::http::response;
use shared::{Platform, Request, Response, Result};

use crate::access::Caller;
use crate::message::Message;

/// Takes `run_id`, `key`, `value`; gives nothing.
///
/// # Errors
/// In MLflow's shape and codes.
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let caller = Caller::of(platform, &request).await?;
    let message = Message::of(&request)?;
    let (run_id, key) = (message.run_id()?, message.required("key")?);
    let value = rules::check_param(&key, &message.text_or_empty("value")?, "")?;
    caller.may_write_run(platform, &run_id).await?;
    platform.store()?.log_param(&run_id, &key, &value).await?;
    response::ok(&json!({}))
}
