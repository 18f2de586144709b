//! `GET experiments/get`: an experiment by its id.

use serde_json::json;
use shared::domain::tracking_rules as rules;
use shared::http::response;
use shared::{Error, Platform, Request, Response, Result};

use crate::access::Caller;
use crate::message::Message;
use crate::shapes;

/// Takes `experiment_id`; gives `experiment`.
///
/// # Errors
/// In MLflow's shape and codes.
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    Caller::of(platform, &request).await?;
    let id = Message::of(&request)?.required("experiment_id")?;
    rules::check_experiment_id(&id)?;
    let experiment = platform.store()?.experiment(&id).await?;
    let experiment = experiment.ok_or_else(|| Error::not_found(format!("No Experiment with id={id} exists")))?;
    response::ok(&json!({ "experiment": shapes::experiment(&experiment) }))
}
