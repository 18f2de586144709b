//! `GET metrics/get-history-bulk`: a metric's values in several runs, as MLflow's web pages ask for them.

use serde_json::{Value, json};
use shared::http::response;
use shared::paging::PageRequest;
use shared::{Error, Platform, Request, Response, Result};

use crate::access::Caller;
use crate::message::Message;
use crate::shapes;

const MOST_VALUES: u32 = 25_000;
const MOST_RUNS: usize = 100;

/// Takes `run_id` (several), `metric_key`, `max_results`; gives `metrics`, by run.
///
/// # Errors
/// In MLflow's shape and codes.
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    Caller::of(platform, &request).await?;
    let message = Message::of(&request)?;
    let mut run_ids = message.texts("run_id")?;
    if run_ids.is_empty() {
        return Err(Error::bad_request("GetMetricHistoryBulk request must specify at least one run_id."));
    }
    if run_ids.len() > MOST_RUNS {
        return Err(Error::bad_request(format!(
            "GetMetricHistoryBulk request cannot specify more than {MOST_RUNS} run_ids. Received {} run_ids.",
            run_ids.len()
        )));
    }
    let key = message.text("metric_key")?;
    let key = key.ok_or_else(|| Error::bad_request("GetMetricHistoryBulk request must specify a metric_key."))?;
    let wanted = message.integer("max_results")?.and_then(|wanted| u32::try_from(wanted).ok()).unwrap_or(MOST_VALUES);
    run_ids.sort_unstable();
    let mut metrics: Vec<Value> = Vec::new();
    for run_id in run_ids {
        let room = wanted.min(MOST_VALUES).saturating_sub(u32::try_from(metrics.len()).unwrap_or(u32::MAX));
        if room == 0 {
            break;
        }
        let page = platform.store()?.metric_history(&run_id, &key, &PageRequest { limit: room, after: None }).await?;
        metrics.extend(page.items.into_iter().map(|point| shapes::metric_of_run(&key, point, &run_id)));
    }
    response::ok(&json!({ "metrics": metrics }))
}
