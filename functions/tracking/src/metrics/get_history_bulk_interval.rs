//! `GET metrics/get-history-bulk-interval`: a metric's values in several runs, evenly thinned out.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use shared::domain::run::MetricPoint;
use shared::domain::tracking_rules as rules;
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

/// Takes `run_ids`, `metric_key`, `start_step`, `end_step`, `max_results`; gives `metrics`: those at so many steps, the same of all
/// runs, and at each run's first and last.
///
/// # Errors
/// In MLflow's shape and codes.
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    Caller::of(platform, &request).await?;
    let message = Message::of(&request)?;
    let (run_ids, key) = (message.texts("run_ids")?, message.required("metric_key")?);
    if run_ids.is_empty() {
        return Err(rules::missing_value("run_ids"));
    }
    if run_ids.len() > MOST_RUNS {
        return Err(Error::bad_request(format!(
            "GetMetricHistoryBulkInterval request must specify at most {MOST_RUNS} run_ids. Received {} run_ids.",
            run_ids.len()
        )));
    }
    let steps = match (message.integer("start_step")?, message.integer("end_step")?) {
        (Some(start), Some(end)) if start <= end => start..=end,
        (Some(start), Some(end)) => {
            return Err(Error::bad_request(format!(
                "end_step must be greater than start_step. Found start_step={start} and end_step={end}."
            )));
        }
        (None, None) => i64::MIN..=i64::MAX,
        _ => return Err(Error::bad_request("If either start step or end step are specified, both must be specified.")),
    };
    let most = message.integer("max_results")?.unwrap_or(MOST_RESULTS);
    if !(1..=MOST_RESULTS).contains(&most) {
        return Err(Error::bad_request(format!("max_results must be between 1 and {MOST_RESULTS}.")));
    }
    let mut histories: Vec<(&String, Vec<MetricPoint>)> = Vec::new();
    for run_id in &run_ids {
        let page = platform.store()?.metric_history(run_id, &key, &PageRequest { limit: MOST_VALUES, after: None }).await?;
        let mut points: Vec<MetricPoint> = page.items.into_iter().filter(|point| steps.contains(&point.step)).collect();
        points.sort_by_key(|point| (point.step, point.timestamp));
        histories.push((run_id, points));
    }
    let every: BTreeSet<i64> = histories.iter().flat_map(|(_, points)| points).map(|point| point.step).collect();
    let mut chosen = evenly(&every.into_iter().collect::<Vec<_>>(), usize::try_from(most).unwrap_or(1));
    chosen.extend(histories.iter().flat_map(|(_, points)| points.first().into_iter().chain(points.last())).map(|point| point.step));
    let mut metrics: Vec<Value> = Vec::new();
    for (run_id, points) in histories {
        let points = points.into_iter().filter(|point| chosen.contains(&point.step));
        metrics.extend(points.map(|point| shapes::metric_of_run(&key, point, run_id)));
    }
    response::ok(&json!({ "metrics": metrics }))
}

/// `most` steps, evenly spaced, and the last one; all where there are no more.
fn evenly(steps: &[i64], most: usize) -> BTreeSet<i64> {
    if steps.len() <= most {
        return steps.iter().copied().collect();
    }
    (0..most).map(|at| steps[at * steps.len() / most]).chain(steps.last().copied()).collect()
}

#[cfg(test)]
mod tests {
    use super::evenly;

    #[test]
    fn the_first_and_the_last_are_among_the_chosen() {
        let steps: Vec<i64> = (0..10).collect();
        assert_eq!(evenly(&steps, 5).into_iter().collect::<Vec<_>>(), [0, 2, 4, 6, 8, 9]);
        assert_eq!(evenly(&steps, 1).into_iter().collect::<Vec<_>>(), [0, 9]);
        assert_eq!(evenly(&steps[..2], 5).len(), 2);
        assert!(evenly(&[], 5).is_empty());
    }
}
