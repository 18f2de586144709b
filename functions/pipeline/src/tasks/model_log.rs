//! What deployed models wrote to their log, handed over by the log group's subscription: each prediction is one line.

use std::io::Read as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::read::GzDecoder;
use serde::{Deserialize, Serialize};
use shared::config;
use shared::domain::inference_log::InferenceLog;
use shared::domain::metrics;
use shared::{Error, Platform, Result, Timestamp};

/// What CloudWatch Logs can deliver in one event is far below this, in bytes.
const LARGEST_BATCH: u64 = 64 * 1024 * 1024;

/// The event of a subscription.
#[derive(Debug, Deserialize)]
pub struct Event {
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
pub async fn perform(platform: &Platform, event: Event) -> Result<Output> {
    let batch = decode(&event.awslogs.data)?;
    let logs: Vec<InferenceLog> = match batch.message_type.as_str() {
        "DATA_MESSAGE" => batch.log_events.iter().filter_map(|event| prediction(&event.message)).collect(),
        _ => Vec::new(),
    };
    let store = platform.store()?;
    let days = platform.config.number(config::INFERENCE_LOG_DAYS)?;
    store.keep_inference_logs(&logs, days).await?;
    let deployments = store.deployments_by_id(logs.iter().map(|log| log.deployment_id.clone()).collect()).await?;
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
    Ok(output)
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
    (shared::id::is_id(&log.prediction_id) && shared::id::is_id(&log.deployment_id)).then_some(log)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::io::Write as _;

    fn event(messages: &[&str]) -> String {
        let events: Vec<_> = messages.iter().map(|message| serde_json::json!({ "id": "1", "timestamp": 1, "message": message })).collect();
        let batch = serde_json::json!({ "messageType": "DATA_MESSAGE", "logEvents": events });
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
}
