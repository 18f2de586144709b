//! What deployed models wrote to their log, handed over by the log group's subscription: each prediction is one line.

use std::collections::BTreeMap;
use std::io::Read as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::read::GzDecoder;
use serde::{Deserialize, Serialize};
use shared::config;
use shared::domain::deployment::Deployment;
use shared::domain::event::{Event, EventKind, FailedPredictions};
use shared::domain::inference_log::InferenceLog;
use shared::domain::metrics::{self, Span};
use shared::{Error, Platform, Result, Timestamp};

/// What CloudWatch Logs can deliver in one event is far below this, in bytes.
const LARGEST_BATCH: u64 = 64 * 1024 * 1024;

/// The oldest record that is taken, in milliseconds: log groups deliver again for a day.
const OLDEST_RECORD: i64 = 8 * 86_400_000;
/// How far the clock of a model's machine may be ahead, in milliseconds.
const AHEAD: i64 = 600_000;

/// How much of a failed prediction's message an event holds, in characters.
const LONGEST_MESSAGE: usize = 500;

/// The event of a subscription.
#[derive(Debug, Deserialize)]
pub struct Delivered {
    awslogs: Data,
}

#[derive(Debug, Deserialize)]
struct Data {
    data: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Batch {
    message_type: String,
    #[serde(default)]
    log_stream: String,
    #[serde(default)]
    log_events: Vec<LogEvent>,
}

#[derive(Debug, Deserialize)]
struct LogEvent {
    message: String,
}

/// What was done.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct Output {
    /// Records that were kept.
    kept: usize,
    /// Predictions that were added to counters; those of a batch that came again are not.
    counted: u64,
}

/// Keeps the records of predictions, and adds them to their deployments' counters, once. A line that is not one is passed
/// over: a model may print what it likes.
///
/// # Errors
/// `BadRequest` when the event is not a subscription's; `Internal` when the table does not take the records.
pub async fn perform(platform: &Platform, event: Delivered) -> Result<Output> {
    let batch = decode(&event.awslogs.data)?;
    let mut logs: Vec<InferenceLog> = match batch.message_type.as_str() {
        "DATA_MESSAGE" => batch.log_events.iter().filter_map(|event| prediction(&event.message)).collect(),
        _ => Vec::new(),
    };
    let store = platform.store()?;
    let days = platform.config.number(config::INFERENCE_LOG_DAYS)?;
    let deployments = store.deployments_by_id(logs.iter().map(|log| log.deployment_id.clone()).collect()).await?;
    logs.retain(|log| deployments.get(&log.deployment_id).is_some_and(|deployment| is_of(&batch.log_stream, deployment)));
    store.keep_inference_logs(&logs, days).await?;
    let now = Timestamp::now();
    let mut output = Output { kept: logs.len(), counted: 0 };
    for tally in metrics::tally(&logs, now)? {
        let owner = deployments.get(&tally.deployment_id).and_then(|deployment| deployment.owner.as_deref());
        if store.count_predictions(&tally, owner, now).await? {
            output.counted += tally.total.requests;
        }
        for (begin, hour) in &tally.hours {
            store.add_callers(&tally.deployment_id, *begin, &hour.callers).await?;
        }
    }
    for (deployment_id, failed) in failures(&logs) {
        let Some(deployment) = deployments.get(deployment_id) else { continue };
        let event = Event { failed: Some(failed), ..Event::of_deployment(EventKind::PredictionError, deployment) };
        store.add_event_of_minute(&event, deployment_id, Span::Minute.begin(now.milliseconds())).await?;
    }
    Ok(output)
}

/// Whether a log stream is of a deployment's function. All deployed models write to one group, and a model may print what it
/// likes: what it says of another deployment does not count. Lambda names the streams of such a group
/// `2026/01/31/<function>[<version>]…`.
fn is_of(log_stream: &str, deployment: &Deployment) -> bool {
    let name = log_stream.rsplit('/').next().and_then(|name| name.split_once('['));
    name.is_some_and(|(function_name, _)| function_name == deployment.function_name)
}

/// The predictions of a batch that failed, by deployment.
fn failures(logs: &[InferenceLog]) -> BTreeMap<&str, FailedPredictions> {
    let mut failures: BTreeMap<&str, FailedPredictions> = BTreeMap::new();
    for log in logs.iter().filter(|log| log.status >= 400) {
        let message = log.error.as_ref().map(|message| message.chars().take(LONGEST_MESSAGE).collect());
        let told = failures.entry(&log.deployment_id).or_insert_with(|| FailedPredictions {
            count: 0,
            prediction_id: log.prediction_id.clone(),
            status: log.status,
            message,
        });
        told.count += 1;
    }
    failures
}

fn decode(data: &str) -> Result<Batch> {
    let invalid = |what: &str| Error::bad_request(format!("the event of the log subscription is not {what}"));
    let compressed = STANDARD.decode(data).map_err(|_| invalid("base64"))?;
    let mut text = Vec::new();
    GzDecoder::new(compressed.as_slice()).take(LARGEST_BATCH).read_to_end(&mut text).map_err(|_| invalid("gzip"))?;
    serde_json::from_slice(&text).map_err(|_| invalid("a batch of log events"))
}

fn prediction(line: &str) -> Option<InferenceLog> {
    let log: InferenceLog = serde_json::from_str(line).ok()?;
    // Records are listed and counted by the time of their id: one of another time is no record of this prediction.
    let made = shared::id::milliseconds(&log.prediction_id)?;
    let now = Timestamp::now().milliseconds();
    let timely = (now - OLDEST_RECORD..now + AHEAD).contains(&made);
    (timely && shared::id::is_id(&log.deployment_id)).then_some(log)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::io::Write as _;

    fn event(messages: &[&str]) -> String {
        event_of("function", messages)
    }

    fn event_of(function_name: &str, messages: &[&str]) -> String {
        let events: Vec<_> = messages.iter().map(|message| serde_json::json!({ "id": "1", "timestamp": 1, "message": message })).collect();
        let batch = serde_json::json!({
            "messageType": "DATA_MESSAGE", "logStream": format!("2026/01/31/{function_name}[1]0123"), "logEvents": events,
        });
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(batch.to_string().as_bytes()).unwrap();
        STANDARD.encode(encoder.finish().unwrap())
    }

    #[test]
    fn predictions_are_told_from_other_lines() {
        let id = shared::id::new_id();
        let line = serde_json::json!({
            "type": "prediction", "prediction_id": id, "timestamp": "2026-01-01T00:00:00.000Z", "deployment_id": id, "model_name": "m",
            "model_version": "1", "status": 200, "rows": 1, "latency_ms": 1.5, "cold_start": true,
        })
        .to_string();
        let forged = line.replace(&id, "../../x");
        let batch = decode(&event(&["printed by the model", &line, &forged])).unwrap();
        let kept: Vec<_> = batch.log_events.iter().filter_map(|event| prediction(&event.message)).collect();
        assert_eq!(kept.len(), 1);
        assert!(decode("???").is_err());
    }

    #[tokio::test]
    async fn a_batch_that_comes_again_is_kept_and_counted_once() {
        let test = testing::TestPlatform::start().await;
        let store = test.platform.store().unwrap();
        let deployment = store.ensure_deployment("m", "serveml-model-").await.unwrap();
        let deployment_id = deployment.id.clone();
        let lines: Vec<String> = (0..5)
            .map(|number| {
                serde_json::json!({
                    "type": "prediction", "prediction_id": shared::id::new_id(), "timestamp": Timestamp::now(), "rows": 3, "status": 200,
                    "deployment_id": deployment_id, "model_name": "m", "model_version": "1", "latency_ms": 2.5, "cold_start": number == 0,
                    "caller": format!("{number:016x}"), "memory_mb": 2048, "response_bytes": 100, "inputs": null, "predictions": null,
                })
                .to_string()
            })
            .collect();
        let lines: Vec<_> = lines.iter().map(String::as_str).collect();
        let foreign = Delivered { awslogs: Data { data: event_of("serveml-model-other", &lines) } };
        assert_eq!(perform(&test.platform, foreign).await.unwrap(), Output::default(), "another model says so");
        let data = event_of(&deployment.function_name, &lines);
        for counted in [5, 0] {
            let event = Delivered { awslogs: Data { data: data.clone() } };
            assert_eq!(perform(&test.platform, event).await.unwrap(), Output { kept: 5, counted });
        }
        assert_eq!(store.metrics_summary(&deployment_id).await.unwrap().total_predictions, 5);
        let hours = store.hours(&deployment_id, Timestamp::now().plus_seconds(-3600).milliseconds()).await.unwrap();
        assert_eq!((hours.audience.size(), hours.counts.values().map(|counts| counts.rows).sum::<u64>()), (5, 15));
    }

    #[tokio::test]
    async fn failed_predictions_are_told_of_once_a_minute() {
        let test = testing::TestPlatform::start().await;
        let store = test.platform.store().unwrap();
        let deployment = store.ensure_deployment("m", "serveml-model-").await.unwrap();
        let line = |status: u16| {
            serde_json::json!({
                "type": "prediction", "prediction_id": shared::id::new_id(), "timestamp": Timestamp::now(), "status": status,
                "deployment_id": deployment.id, "model_name": "m", "model_version": "1", "latency_ms": 2.5, "error": "Expected 4 features",
            })
            .to_string()
        };
        let began = Span::Minute.begin(Timestamp::now().milliseconds());
        for lines in [vec![line(200)], vec![line(200), line(422), line(500)], vec![line(500)]] {
            let data = event_of(&deployment.function_name, &lines.iter().map(String::as_str).collect::<Vec<_>>());
            perform(&test.platform, Delivered { awslogs: Data { data } }).await.unwrap();
        }
        let open = store.open_events(&shared::paging::PageRequest { limit: 10, after: None }).await.unwrap();
        let told: Vec<_> = open.items.iter().filter_map(|event| event.failed.as_ref()).collect();
        // The minute may have ended in between.
        let minutes = (Span::Minute.begin(Timestamp::now().milliseconds()) - began) / Span::Minute.milliseconds() + 1;
        assert!(!told.is_empty() && told.len() as i64 <= minutes, "{told:?}");
        assert_eq!((told[0].count, told[0].status, told[0].message.as_deref()), (2, 422, Some("Expected 4 features")));
        assert_eq!(open.items[0].name.as_deref(), Some("m"), "{open:?}");
    }
}
