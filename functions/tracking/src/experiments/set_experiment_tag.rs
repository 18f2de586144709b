//! `POST experiments/set-experiment-tag`: sets a tag of an experiment.

use serde_json::json;
use shared::domain::tracking_rules as rules;
use shared::http::response;
use shared::{Platform, Request, Response, Result};

use crate::access::Caller;
use crate::message::Message;

/// Takes `experiment_id`, `key`, `value`; gives nothing.
///
/// # Errors
/// In MLflow's shape and codes.
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    Caller::of(platform, &request).await?.may_administer()?;
    let message = Message::of(&request)?;
    let (id, key, value) = (message.required("experiment_id")?, message.required("key")?, message.text_or_empty("value")?);
    rules::check_experiment_id(&id)?;
    rules::check_experiment_tag(&key, &value)?;
    platform.store()?.set_experiment_tag(&id, &key, &value).await?;
    response::ok(&json!({}))
}
