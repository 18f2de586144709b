//! `GET metrics/get-history-bulk-interval`: a metric's values in several runs, evenly thinned out.

use serde_json::{Value, json};
use shared::domain::run::MetricPoint;
use shared::http::response;
use shared::paging::PageRequest;
use shared::{Error, Platform, Request, Response, Result};

use crate::access::Caller;
use crate::message::Message;
use crate::shapes;

/// Of how many values of a metric in one run those are chosen that are given.
const MOST_VALUES: u32 = 25_000;
const MOST_RUNS: usize = 100;
const MOST_RESULTS: i64 = 2500;

/// Takes `run_ids`, `metric_key`, `start_step`, `end_step`, `max_results` (for each run); gives `metrics`, the first and the last
/// among them.
///
/// # Errors
/// In MLflow's shape and codes.
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    Caller::of(platform, &request).await?;
    let message = Message::of(&request)?;
    let (run_ids, key) = (message.texts("run_ids")?, message.required("metric_key")?);
    if run_ids.is_empty() || run_ids.len() > MOST_RUNS {
        return Err(Error::bad_request(format!(
            "GetMetricHistoryBulkInterval request must specify at most {MOST_RUNS} run_ids. Received {} run_ids.",
            run_ids.len()
        )));
    }
    let steps = match (message.integer("start_step")?, message.integer("end_step")?) {
        (Some(start), Some(end)) if start <= end => start..=end,
        (Some(_), Some(_)) => return Err(Error::bad_request("end_step must be greater than start_step.")),
        (None, None) => i64::MIN..=i64::MAX,
        _ => return Err(Error::bad_request("If either start step or end step are specified, both must be specified.")),
    };
    let most = message.integer("max_results")?.unwrap_or(MOST_RESULTS);
    if !(1..=MOST_RESULTS).contains(&most) {
        return Err(Error::bad_request(format!("max_results must be between 1 and {MOST_RESULTS}.")));
    }
    let mut metrics: Vec<Value> = Vec::new();
    for run_id in &run_ids {
        let page = platform.store()?.metric_history(run_id, &key, &PageRequest { limit: MOST_VALUES, after: None }).await?;
        let mut points: Vec<MetricPoint> = page.items.into_iter().filter(|point| steps.contains(&point.step)).collect();
        points.sort_by_key(|point| (point.step, point.timestamp));
        let chosen = evenly(points.len(), usize::try_from(most).unwrap_or(1));
        metrics.extend(chosen.into_iter().map(|at| shapes::metric_of_run(&key, points[at], run_id)));
    }
    response::ok(&json!({ "metrics": metrics }))
}

/// `most` positions out of `count`, evenly spaced, the first and the last among them; only the last when one is wanted.
fn evenly(count: usize, most: usize) -> Vec<usize> {
    match (count, most) {
        (0, _) => Vec::new(),
        (count, most) if count <= most => (0..count).collect(),
        (count, 1) => vec![count - 1],
        (count, most) => (0..most).map(|at| at * (count - 1) / (most - 1)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::evenly;

    #[test]
    fn the_first_and_the_last_are_among_the_chosen() {
        assert_eq!(evenly(10, 4), [0, 3, 6, 9]);
        assert_eq!(evenly(10, 1), [9]);
        assert_eq!(evenly(2, 5), [0, 1]);
        assert!(evenly(0, 5).is_empty());
    }
}
