//! `POST runs/outputs`: records models that a run made.

use serde_json::json;
use shared::domain::run::ModelOutput;
use shared::http::response;
use shared::{Error, Platform, Request, Response, Result};

use crate::access::Caller;
use crate::message::Message;

/// The most models that one request records.
const MOST_MODELS: usize = 1000;

/// Takes `run_id`, `models` (`model_id`, `step`); gives nothing.
///
/// # Errors
/// In MLflow's shape and codes.
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let caller = Caller::of(platform, &request).await?;
    let message = Message::of(&request)?;
    let run_id = message.run_id()?;
    let models = message.messages("models")?;
    if models.is_empty() || models.len() > MOST_MODELS {
        return Err(Error::bad_request(format!("models must name from 1 to {MOST_MODELS} models, not {}.", models.len())));
    }
    let models = models
        .into_iter()
        .map(|(_, model)| Ok(ModelOutput { model_id: model.required("model_id")?, step: model.integer("step")?.unwrap_or(0) }))
        .collect::<Result<Vec<_>>>()?;
    caller.may_write_run(platform, &run_id).await?;
    platform.store()?.log_outputs(&run_id, &models).await?;
    response::ok(&json!({}))
}
