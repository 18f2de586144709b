//! `POST runs/log-inputs`: records datasets and models that a run used.

use serde_json::json;
use shared::http::response;
use shared::{Error, Platform, Request, Response, Result};

use crate::access::Caller;
use crate::message::Message;
use crate::runs::inputs;

/// The most datasets that one request records.
const MOST_DATASETS: usize = 1000;

/// Takes `run_id`, `datasets` (each with `dataset` and `tags`), `models` (`model_id`); gives nothing.
///
/// # Errors
/// In MLflow's shape and codes.
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let caller = Caller::of(platform, &request).await?;
    let message = Message::of(&request)?;
    let run_id = message.run_id()?;
    let (datasets, models) = (message.messages("datasets")?, message.messages("models")?);
    if datasets.len() > MOST_DATASETS || models.len() > MOST_DATASETS {
        return Err(Error::bad_request(format!("A request can record at most {MOST_DATASETS} datasets and as many models.")));
    }
    let datasets = datasets.iter().map(|(path, dataset)| inputs::dataset(path, dataset)).collect::<Result<Vec<_>>>()?;
    let models = models.iter().map(|(_, model)| model.required("model_id")).collect::<Result<Vec<_>>>()?;
    caller.may_write_run(platform, &run_id).await?;
    let store = platform.store()?;
    store.log_datasets(&run_id, &datasets).await?;
    if !models.is_empty() {
        store.log_model_inputs(&run_id, &models).await?;
    }
    response::ok(&json!({}))
}
