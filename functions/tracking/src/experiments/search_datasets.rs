//! `POST experiments/search-datasets`: the datasets that the runs of experiments used.

use serde_json::json;
use shared::domain::tracking_rules as rules;
use shared::http::response;
use shared::{Error, Platform, Request, Response, Result};

use crate::access::Caller;
use crate::message::Message;
use crate::shapes;

const MOST_EXPERIMENTS: usize = 20;
const MOST_DATASETS: usize = 1000;

/// Takes `experiment_ids` (at most 20); gives `dataset_summaries` (at most 1000).
///
/// # Errors
/// In MLflow's shape and codes.
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    Caller::of(platform, &request).await?;
    let ids = Message::of(&request)?.texts("experiment_ids")?;
    if ids.is_empty() {
        return Err(Error::bad_request("SearchDatasets request must specify at least one experiment_id."));
    }
    if ids.len() > MOST_EXPERIMENTS {
        return Err(Error::bad_request(format!(
            "SearchDatasets request cannot specify more than {MOST_EXPERIMENTS} experiment_ids. Received {} experiment_ids.",
            ids.len()
        )));
    }
    let mut summaries = Vec::new();
    for id in &ids {
        rules::check_experiment_id(id)?;
        let room = u32::try_from(MOST_DATASETS - summaries.len()).unwrap_or(0);
        if room > 0 {
            summaries.extend(platform.store()?.datasets(id, room).await?);
        }
    }
    let summaries: Vec<_> = summaries
        .into_iter()
        .map(|dataset| {
            shapes::object(json!({
                "experiment_id": dataset.experiment_id,
                "name": dataset.name,
                "digest": dataset.digest,
                "context": dataset.context,
            }))
        })
        .collect();
    response::ok(&shapes::object(json!({ "dataset_summaries": summaries })))
}
