//! `POST experiments/delete-experiment-tag`: removes a tag of an experiment.

use serde_json::json;
use shared::domain::tracking_rules as rules;
use shared::http::response;
use shared::{Platform, Request, Response, Result};

use crate::access::Caller;
use crate::message::Message;

/// Takes `experiment_id`, `key`; gives nothing.
///
/// # Errors
/// In MLflow's shape and codes.
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    Caller::of(platform, &request).await?.may_administer()?;
    let message = Message::of(&request)?;
    let (id, key) = (message.required("experiment_id")?, message.required("key")?);
    rules::check_experiment_id(&id)?;
    platform.store()?.delete_experiment_tag(&id, &key).await?;
    response::ok(&json!({}))
}
