//! Records of predictions as a Parquet file: a row for each request.

pub mod parquet;
mod thrift;

use std::fs::File;
use std::io::Read as _;

use bytes::Bytes;
use parquet::{Cell, Column, Kind};
use shared::domain::inference_log::InferenceLog;
use shared::objects::Objects;
use shared::{Error, Result};

/// The columns. Inputs and predictions are JSON: models differ in what they take.
pub const COLUMNS: &[Column] = &[
    Column { name: "id", kind: Kind::Text, optional: false },
    Column { name: "created_at", kind: Kind::Moment, optional: false },
    Column { name: "deployment_id", kind: Kind::Text, optional: false },
    Column { name: "model_name", kind: Kind::Text, optional: false },
    Column { name: "model_version", kind: Kind::Text, optional: false },
    Column { name: "status_code", kind: Kind::Number, optional: false },
    Column { name: "rows", kind: Kind::Long, optional: false },
    Column { name: "latency_ms", kind: Kind::Float, optional: false },
    Column { name: "inputs", kind: Kind::Json, optional: true },
    Column { name: "predictions", kind: Kind::Json, optional: true },
    Column { name: "error", kind: Kind::Text, optional: true },
];

/// The length of a part that is uploaded, in bytes.
const PART: usize = 16 * 1024 * 1024;

/// A record's cells, one for each of [`COLUMNS`].
pub fn row(record: &InferenceLog) -> Vec<Cell> {
    let made = shared::id::milliseconds(&record.prediction_id).unwrap_or_else(|| record.timestamp.milliseconds());
    let text = |text: &str| Cell::Text(text.to_owned());
    let json = |value: &Option<serde_json::Value>| value.as_ref().map_or(Cell::Missing, |value| Cell::Text(value.to_string()));
    vec![
        text(&record.prediction_id),
        Cell::Long(made),
        text(&record.deployment_id),
        text(&record.model_name),
        text(&record.model_version),
        Cell::Number(i32::from(record.status)),
        Cell::Long(i64::try_from(record.rows).unwrap_or(i64::MAX)),
        Cell::Float(record.latency_ms),
        json(&record.inputs),
        json(&record.predictions),
        record.error.as_deref().map_or(Cell::Missing, text),
    ]
}

/// Brings a file to the bucket, a part at a time.
///
/// # Errors
/// `Internal` when the disk or S3 does not answer.
pub async fn upload(objects: &Objects, key: &str, mut file: File) -> Result<()> {
    let mut part = || -> Result<Bytes> {
        let mut buffer = Vec::new();
        let read = (&mut file).take(PART as u64).read_to_end(&mut buffer);
        read.map_err(|error| Error::internal("reading an export", error))?;
        Ok(buffer.into())
    };
    let first = part()?;
    if first.len() < PART {
        return objects.put(key, first).await;
    }
    let upload_id = objects.start_multipart(key).await?;
    let sent = async {
        let (mut parts, mut next) = (Vec::new(), first);
        while !next.is_empty() {
            let number = i32::try_from(parts.len() + 1).map_err(|error| Error::internal("an export has too many parts", error))?;
            parts.push((number, objects.put_part(key, &upload_id, number, next).await?));
            next = part()?;
        }
        objects.complete_multipart(key, &upload_id, parts).await
    };
    match sent.await {
        Ok(()) => Ok(()),
        Err(error) => {
            objects.abort_multipart(key, &upload_id).await?;
            Err(error)
        }
    }
}
