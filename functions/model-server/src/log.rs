//! The log: one line for each prediction on standard output, everything else on standard error.

use crate::{inputs::Batch, platform::Treatment};
use axum::body::Bytes;
use jiff::Timestamp;
use privacy::Anonymiser;
use serde::Serialize;
use serde_json::{
    Value,
    value::{RawValue, to_raw_value},
};
use std::{
    borrow::Cow,
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
/// Stands in the place of an error's message that could quote what a request may not leave behind.
const NOT_STORED: &str = "The message is not stored: it could quote the request's data.";
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
    /// What of it the line may hold, and in which form.
    pub treatment: Treatment,
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
    predictions: Option<Cow<'a, RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Cow<'a, str>>,
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
    let Content { inputs, predictions, error } = content(prediction);
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
        inputs,
        predictions,
        error,
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

/// What a line holds of a request's own data.
struct Content<'a> {
    inputs: Option<Value>,
    predictions: Option<Cow<'a, RawValue>>,
    error: Option<Cow<'a, str>>,
}

/// The request's data as its treatment lets the line hold it.
fn content(prediction: &Prediction) -> Content<'_> {
    let Treatment { store_payload, log, .. } = &prediction.treatment;
    let batch = prediction.batch.as_deref();
    let predictions = prediction.predictions.as_deref().filter(|bytes| bytes.len() < LINE_LIMIT);
    let predictions: Option<Cow<'_, RawValue>> = predictions.and_then(|bytes| serde_json::from_slice(bytes).ok()).map(Cow::Borrowed);
    let inputs = batch.filter(|_| *store_payload).and_then(|batch| batch.columns(VALUE_LIMIT));
    // A message can quote what was sent.
    let error = match store_payload {
        true => prediction.error.as_deref().map(Cow::Borrowed),
        false => prediction.error.as_ref().map(|_| Cow::Borrowed(NOT_STORED)),
    };
    let Some(anonymiser) = log else { return Content { inputs, predictions, error } };
    let mut anonymiser = Cow::Borrowed(anonymiser.as_ref());
    if anonymiser.maps_columns() {
        let columns = batch.and_then(|batch| batch.columns(usize::MAX));
        let known = columns.map(|columns| anonymiser.into_owned().knowing(&columns)).filter(|known| !known.is_overfull());
        let Some(known) = known else {
            // What the mapped columns hold is not known, so that it could not be told where it comes back.
            let inputs = inputs.zip(log.as_ref()).map(|(inputs, anonymiser)| anonymiser.value(inputs));
            return Content { inputs, predictions: None, error: error.map(|_| Cow::Borrowed(NOT_STORED)) };
        };
        anonymiser = Cow::Owned(known);
    }
    Content {
        inputs: inputs.map(|inputs| anonymiser.value(inputs)),
        predictions: predictions.and_then(|json| treated(&anonymiser, &json)).map(Cow::Owned),
        error: error.map(|error| Cow::Owned(anonymiser.text(&error))),
    }
}

/// JSON, made unreadable as a policy says. `None` where it cannot be read: it is left out then.
pub fn treated(anonymiser: &Anonymiser, json: &RawValue) -> Option<Box<RawValue>> {
    to_raw_value(&anonymiser.value(serde_json::from_str(json.get()).ok()?)).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::inputs::{Data, FrameColumn, Numbers};

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
            treatment: Treatment::default(),
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

    fn private(treatment: Treatment, data: Data, predictions: &'static str, error: Option<&str>) -> Value {
        let prediction = Prediction {
            id: Uuid::now_v7(),
            at: Timestamp::now(),
            status: 200,
            latency_ms: 4.1,
            cold_start: false,
            batch: Some(Arc::new(Batch { rows: 1, data, nulls: Vec::new() })),
            predictions: Some(Bytes::from_static(predictions.as_bytes())),
            error: error.map(str::to_owned),
            caller: None,
            response_bytes: 100,
            check: false,
            treatment,
        };
        let subject = Subject { deployment_id: None, model_name: "m".into(), model_version: "1".into(), memory_mb: None };
        serde_json::from_str(&line(&subject, &prediction)).unwrap()
    }

    fn person() -> Data {
        let text = |value: &str| FrameColumn::Text(vec![Some(value.to_owned())]);
        Data::Frame(vec![
            ("name".into(), text("Anna Smith")),
            ("note".into(), text("anna@example.com")),
            ("age".into(), FrameColumn::I64(vec![42])),
        ])
    }

    #[test]
    fn a_line_without_payload_has_no_inputs_and_no_message() {
        let treatment = Treatment { store_payload: false, ..Treatment::default() };
        let line = private(treatment, person(), "[1]", Some("could not convert 'Anna Smith'"));
        assert!(line["inputs"].is_null() && !line.to_string().contains("Anna"));
        assert_eq!((&line["predictions"], &line["error"]), (&serde_json::json!([1]), &NOT_STORED.into()));
    }

    #[test]
    fn a_line_holds_personal_data_as_the_policy_says_alone() {
        let policy = privacy::Policy::everywhere(privacy::Action::Mask);
        let policy = policy.overridden(Some([("name".to_owned(), privacy::PiiType::PersonName)].into()), None);
        let treatment = Treatment { log: Some(Arc::new(Anonymiser::new(policy).unwrap())), ..Treatment::default() };
        let line = private(treatment.clone(), person(), r#"["Anna Smith", 0.5]"#, Some("'Anna Smith' (anna@example.com) at 42"));
        assert_eq!(line["inputs"], serde_json::json!({"name": ["********"], "note": ["********"], "age": [42]}));
        assert_eq!(line["predictions"], serde_json::json!(["********", 0.5]));
        assert_eq!(line["error"], "'********' (********) at 42");
        // Where it is not known what the mapped column holds, nothing that could have it is kept.
        let tensors = private(treatment, Data::Tensors(Vec::new()), r#"["Anna Smith"]"#, Some("Anna Smith"));
        assert!(!tensors.to_string().contains("Anna"));
    }
}
