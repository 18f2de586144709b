//! The log: one line for each prediction on standard output, everything else on standard error.

use crate::inputs::Batch;
use axum::body::Bytes;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, value::RawValue};
use std::{
    io::Write,
    sync::{
        Arc,
        mpsc::{SyncSender, TrySendError, sync_channel},
    },
};
use tracing_subscriber::EnvFilter;
use uuid::Uuid;

/// The longest line, in bytes; longer ones go without inputs and predictions.
const LINE_LIMIT: usize = 200 * 1024;
/// Most values of a request's inputs that a line holds.
const VALUE_LIMIT: usize = 20_000;
/// Most lines that wait to be written.
const WAITING_LIMIT: usize = 4096;

/// Starts the diagnostic log on standard error: JSON in Lambda, text elsewhere, as much as `RUST_LOG` says (default `info`).
pub fn start() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A second start, in a program that has a log already, changes nothing.
    let _ = match std::env::var_os("AWS_LAMBDA_RUNTIME_API") {
        Some(_) => builder.json().try_init(),
        None => builder.with_ansi(false).try_init(),
    };
}

/// Logs a line that the model printed.
pub fn model_output(line: &str) {
    tracing::info!(target: "model", "{line}");
}

/// One prediction, as the log tells it.
#[derive(Debug)]
pub struct Prediction {
    pub id: Uuid,
    pub at: Timestamp,
    pub status: u16,
    pub latency_ms: f64,
    pub cold_start: bool,
    /// The rows, where they were understood.
    pub batch: Option<Arc<Batch>>,
    /// The predictions' JSON, where there are any.
    pub predictions: Option<Bytes>,
    /// What the caller was told, where the prediction failed.
    pub error: Option<String>,
    /// Who asked: see [`crate::caller`].
    pub caller: Option<String>,
    /// How many bytes the answer had.
    pub response_bytes: u64,
    /// Whether the platform asked to check this version: the line is no prediction's then.
    pub check: bool,
}

/// Whose predictions they are.
#[derive(Clone, Debug)]
pub struct Subject {
    pub deployment_id: Option<String>,
    pub model_name: String,
    pub model_version: String,
    /// The memory of this function in megabytes, in Lambda.
    pub memory_mb: Option<u32>,
}

#[derive(Serialize)]
struct Line<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    prediction_id: Uuid,
    timestamp: Timestamp,
    deployment_id: Option<&'a str>,
    model_name: &'a str,
    model_version: &'a str,
    status: u16,
    rows: usize,
    latency_ms: f64,
    cold_start: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    caller: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    memory_mb: Option<u32>,
    response_bytes: u64,
    inputs: Option<Value>,
    predictions: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
}

/// Writes prediction lines.
#[derive(Debug)]
pub enum PredictionLog {
    /// At once: in Lambda the process may be frozen as soon as the answer is given.
    AtOnce(Subject),
    /// On a thread of its own, after the answer.
    Later(SyncSender<Prediction>),
}

impl PredictionLog {
    /// A log of this subject's predictions.
    pub fn new(subject: Subject, in_lambda: bool) -> Self {
        if in_lambda {
            return Self::AtOnce(subject);
        }
        let (sender, receiver) = sync_channel::<Prediction>(WAITING_LIMIT);
        std::thread::spawn(move || receiver.into_iter().for_each(|prediction| write(&line(&subject, &prediction))));
        Self::Later(sender)
    }

    /// Adds a line. Where the writer cannot keep up, the line is dropped and its id is named on standard error.
    pub fn add(&self, prediction: Prediction) {
        match self {
            Self::AtOnce(subject) => write(&line(subject, &prediction)),
            Self::Later(sender) => {
                if let Err(TrySendError::Full(prediction) | TrySendError::Disconnected(prediction)) = sender.try_send(prediction) {
                    tracing::warn!("the log cannot keep up: prediction {} is not in it", prediction.id);
                }
            }
        }
    }
}

fn write(line: &str) {
    // A closed standard output is no reason to fail a prediction.
    let _ = std::io::stdout().lock().write_all(line.as_bytes());
}

/// The JSON line, with its line break.
fn line(subject: &Subject, prediction: &Prediction) -> String {
    let predictions = prediction.predictions.as_deref().filter(|bytes| bytes.len() < LINE_LIMIT);
    let mut line = Line {
        kind: if prediction.check { "check" } else { "prediction" },
        prediction_id: prediction.id,
        timestamp: prediction.at,
        deployment_id: subject.deployment_id.as_deref(),
        model_name: &subject.model_name,
        model_version: &subject.model_version,
        status: prediction.status,
        rows: prediction.batch.as_ref().map_or(0, |batch| batch.rows),
        latency_ms: prediction.latency_ms,
        cold_start: prediction.cold_start,
        caller: prediction.caller.as_deref(),
        memory_mb: subject.memory_mb,
        response_bytes: prediction.response_bytes,
        inputs: prediction.batch.as_ref().and_then(|batch| batch.columns(VALUE_LIMIT)),
        predictions: predictions.and_then(|bytes| serde_json::from_slice(bytes).ok()),
        error: prediction.error.as_deref(),
    };
    let mut text = serde_json::to_string(&line).unwrap_or_default();
    if text.len() >= LINE_LIMIT {
        line.inputs = None;
        line.predictions = None;
        text = serde_json::to_string(&line).unwrap_or_default();
    }
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::inputs::{Data, Numbers};

    fn logged(rows: usize) -> Value {
        let data = Data::Matrix { width: 1, numbers: Numbers::F64(vec![1.23456789; rows]), names: None };
        let prediction = Prediction {
            id: Uuid::now_v7(),
            at: Timestamp::now(),
            status: 200,
            latency_ms: 4.1,
            cold_start: false,
            batch: Some(Arc::new(Batch { rows, data, nulls: Vec::new() })),
            predictions: Some(Bytes::from(format!("[{}]", vec!["\"label\""; rows].join(",")))),
            error: None,
            caller: Some("0123456789abcdef".into()),
            response_bytes: 100,
            check: false,
        };
        let subject = Subject { deployment_id: Some("d".into()), model_name: "m".into(), model_version: "1".into(), memory_mb: Some(2048) };
        let text = line(&subject, &prediction);
        assert!(text.len() <= LINE_LIMIT && text.ends_with('\n'));
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn a_line_holds_inputs_and_predictions() {
        let line = logged(2);
        assert_eq!((&line["type"], &line["rows"], &line["status"]), (&"prediction".into(), &2.into(), &200.into()));
        assert_eq!(line["inputs"]["feature_0"][1], 1.23456789);
        assert_eq!(line["predictions"][1], "label");
        assert_eq!((&line["caller"], &line["memory_mb"], &line["response_bytes"]), (&"0123456789abcdef".into(), &2048.into(), &100.into()));
        assert!(line["timestamp"].as_str().unwrap().ends_with('Z'));
    }

    #[test]
    fn a_long_line_goes_without_them() {
        for rows in [15_000, 90_000] {
            let line = logged(rows);
            assert!(line["inputs"].is_null() && line["predictions"].is_null());
            assert_eq!(line["rows"], rows);
        }
    }
}
