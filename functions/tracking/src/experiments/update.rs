//! `POST experiments/update`: renames an experiment.

use serde_json::json;
use shared::domain::tracking_rules as rules;
use shared::http::response;
use shared::{Platform, Request, Response, Result};

use crate::access::Caller;
use crate::message::Message;

/// Takes `experiment_id`, `new_name`; gives nothing.
///
/// # Errors
/// In MLflow's shape and codes.
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    Caller::of(platform, &request).await?.may_administer()?;
    let message = Message::of(&request)?;
    let (id, name) = (message.required("experiment_id")?, message.required("new_name")?);
    rules::check_experiment_id(&id)?;
    rules::check_experiment_name(&name)?;
    platform.store()?.rename_experiment(&id, &name).await?;
    response::ok(&json!({}))
}
