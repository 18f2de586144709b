//! `GET runs/get`: a run with what it logged.

use serde_json::json;
use shared::http::response;
use shared::{Error, Platform, Request, Response, Result};

use crate::access::Caller;
use crate::message::Message;
use crate::runs::inputs;
use crate::shapes;

/// Takes `run_id`; gives `run`.
///
/// # Errors
/// In MLflow's shape and codes.
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    Caller::of(platform, &request).await?;
    let run_id = Message::of(&request)?.run_id()?;
    let store = platform.store()?;
    let run = store.run(&run_id).await?.ok_or_else(|| Error::not_found(format!("Run with id={run_id} not found")))?;
    let dataset_inputs = inputs::shapes(store.dataset_inputs(&run_id).await?);
    response::ok(&json!({ "run": shapes::run(&run, dataset_inputs) }))
}
