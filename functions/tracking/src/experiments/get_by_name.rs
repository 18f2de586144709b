//! `GET experiments/get-by-name`: an experiment by its name, deleted ones included.

use serde_json::json;
use shared::http::response;
use shared::{Error, Platform, Request, Response, Result};

use crate::access::Caller;
use crate::message::Message;
use crate::shapes;

/// Takes `experiment_name`; gives `experiment`.
///
/// # Errors
/// In MLflow's shape and codes.
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    Caller::of(platform, &request).await?;
    let name = Message::of(&request)?.required("experiment_name")?;
    let experiment = platform.store()?.experiment_by_name(&name).await?;
    let experiment = experiment.ok_or_else(|| Error::not_found(format!("Could not find experiment with name '{name}'")))?;
    response::ok(&json!({ "experiment": shapes::experiment(&experiment) }))
}
