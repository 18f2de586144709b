//! `POST runs/log-metric`: logs a value of a metric.

use serde_json::json;
use shared::http::response;
use shared::{Platform, Request, Response, Result};

use crate::access::Caller;
use crate::message::Message;
use crate::runs::model_metrics;

/// Takes `run_id`, `key`, `value`, `timestamp` (milliseconds), `step`, and for a value measured on a model `model_id`,
/// `dataset_name`, `dataset_digest`; gives nothing.
///
/// # Errors
/// In MLflow's shape and codes.
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let caller = Caller::of(platform, &request).await?;
    let message = Message::of(&request)?;
    let run_id = message.run_id()?;
    let (key, point) = message.metric("")?;
    caller.may_write_run(platform, &run_id).await?;
    let store = platform.store()?;
    store.log_metric(&run_id, &key, point).await?;
    store.log_model_metrics(&model_metrics::of(&run_id, &[message])?).await?;
    response::ok(&json!({}))
}
