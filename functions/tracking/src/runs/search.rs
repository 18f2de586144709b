//! `POST runs/search`: runs that satisfy a filter, in an order.

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use serde_json::json;
use shared::domain::search::{filter, order, rules};
use shared::domain::tracking_rules;
use shared::http::response;
use shared::store::search::RunSearch;
use shared::{Error, Platform, Request, Response, Result};

use crate::access::Caller;
use crate::message::Message;
use crate::runs::inputs;
use crate::searching;
use crate::shapes;

const MOST_EXPERIMENTS: usize = 100;
const CONCURRENT_READS: usize = 8;

/// Takes `experiment_ids`, `filter`, `run_view_type`, `max_results`, `order_by`, `page_token`; gives `runs`,
/// `next_page_token`.
///
/// # Errors
/// In MLflow's shape and codes.
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    Caller::of(platform, &request).await?;
    let message = Message::of(&request)?;
    let mut experiment_ids = message.texts("experiment_ids")?;
    experiment_ids.iter().try_for_each(|id| tracking_rules::check_experiment_id(id))?;
    experiment_ids.sort_unstable();
    experiment_ids.dedup();
    if experiment_ids.len() > MOST_EXPERIMENTS {
        return Err(Error::bad_request(format!("A search can name at most {MOST_EXPERIMENTS} experiments, not {}.", experiment_ids.len())));
    }
    let store = platform.store()?;
    let search = RunSearch {
        deleted_experiment_ids: store.deleted_experiments(&experiment_ids).await?,
        experiment_ids,
        stages: searching::stages(&message, "run_view_type")?,
        clauses: filter::parse(&message.text_or_empty("filter")?, &rules::RUNS)?,
        orders: order::parse(&message.texts("order_by")?, &rules::RUNS)?,
        limit: searching::limit(&message, 1000, 50_000)?,
    };
    let page = store.search_runs(&search, message.text("page_token")?.as_deref()).await?;
    let runs: Vec<_> = stream::iter(page.items)
        .map(|run| async move {
            let datasets = if run.has_datasets { inputs::shapes(store.dataset_inputs(&run.id).await?) } else { Vec::new() };
            Ok::<_, Error>(shapes::run(&run, datasets))
        })
        .buffered(CONCURRENT_READS)
        .try_collect()
        .await?;
    response::ok(&shapes::object(json!({ "runs": runs, "next_page_token": page.next_page_token })))
}
