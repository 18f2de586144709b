//! The frames that travel between the server and a Python worker: two little-endian 32-bit lengths (header, payload), a header
//! in JSON, and a payload of raw numbers.

use crate::{
    engine::{
        Asked, Problem,
        contributions::{Description, Ensembles, Unfinished},
    },
    inputs::batch::TensorValues,
    inputs::{Batch, Data, FrameColumn, Numbers},
    outputs::{Answer, Array, Kind, Outputs},
};
use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};
use std::time::Duration;

/// The largest frame that is read from a worker, in bytes.
const FRAME_LIMIT: usize = 1 << 30;

/// A frame's two lengths as they stand before it.
pub const LENGTHS: usize = 8;

/// Puts a header and a payload together.
pub fn frame(header: &Value, payload: &[u8]) -> Vec<u8> {
    let header = header.to_string();
    let mut bytes = Vec::with_capacity(LENGTHS + header.len() + payload.len());
    bytes.extend_from_slice(&(header.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&(payload.len() as u32).to_le_bytes());
    bytes.extend_from_slice(header.as_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

/// The header's and the payload's length; `None` where they cannot be a worker's.
pub fn lengths(bytes: [u8; LENGTHS]) -> Option<(usize, usize)> {
    let [a, b, c, d, e, f, g, h] = bytes;
    let (header, payload) = (u32::from_le_bytes([a, b, c, d]) as usize, u32::from_le_bytes([e, f, g, h]) as usize);
    (header <= FRAME_LIMIT && payload <= FRAME_LIMIT).then_some((header, payload))
}

/// The frame that asks for a prediction. For contributions it says whether the model's trees are wanted with them, and the time there is.
pub fn question(id: u64, batch: &Batch, asked: Asked, time: Duration, ensembles: &Ensembles) -> Vec<u8> {
    let mut header = json!({"id": id, "rows": batch.rows, "probabilities": asked.probabilities, "quiet": asked.quiet});
    if asked.contributions {
        header["contributions"] = json!({"ensembles": ensembles.get().is_none(), "seconds": time.as_secs_f64()});
    }
    let mut payload = Vec::new();
    match &batch.data {
        Data::Matrix { numbers, names, .. } => {
            header["names"] = json!(names);
            match numbers {
                Numbers::F64(values) => {
                    header["matrix"] = json!("f8");
                    payload.reserve(values.len() * 8);
                    values.iter().for_each(|value| payload.extend_from_slice(&value.to_le_bytes()));
                }
                Numbers::F32(values) => {
                    header["matrix"] = json!("f4");
                    payload.reserve(values.len() * 4);
                    values.iter().for_each(|value| payload.extend_from_slice(&value.to_le_bytes()));
                }
            }
        }
        Data::Frame(columns) => {
            header["frame"] = columns.iter().map(|(name, column)| described(name, column, &mut payload)).collect();
        }
        Data::Tensors(tensors) => {
            let describe = |tensor: &crate::inputs::Tensor| {
                let mut description = json!({"name": tensor.name, "type": tensor.dtype, "shape": tensor.shape});
                match &tensor.values {
                    TensorValues::Numbers(values) => {
                        values.iter().for_each(|value| payload.extend_from_slice(&value.to_le_bytes()));
                    }
                    TensorValues::Json(values) => description["values"] = json!(values),
                }
                description
            };
            header["tensors"] = tensors.iter().map(describe).collect();
        }
    }
    frame(&header, &payload)
}

/// A column's entry in the header; raw numbers go to the payload, padded to 8 bytes so that each column is aligned.
fn described(name: &str, column: &FrameColumn, payload: &mut Vec<u8>) -> Value {
    let kind = match column {
        FrameColumn::F64(values) => {
            values.iter().for_each(|value| payload.extend_from_slice(&value.to_le_bytes()));
            "f8"
        }
        FrameColumn::F32(values) => {
            values.iter().for_each(|value| payload.extend_from_slice(&value.to_le_bytes()));
            "f4"
        }
        FrameColumn::I64(values) => {
            values.iter().for_each(|value| payload.extend_from_slice(&value.to_le_bytes()));
            "i8"
        }
        FrameColumn::I32(values) => {
            values.iter().for_each(|value| payload.extend_from_slice(&value.to_le_bytes()));
            "i4"
        }
        FrameColumn::Bool(values) => {
            payload.extend(values.iter().map(|value| u8::from(*value)));
            "b1"
        }
        FrameColumn::Text(values) => return json!({"name": name, "type": "text", "values": values}),
        FrameColumn::Datetime(values) => return json!({"name": name, "type": "datetime", "values": values}),
        FrameColumn::Binary(values) => return json!({"name": name, "type": "binary", "values": values}),
        FrameColumn::Json(values) => return json!({"name": name, "type": "json", "values": values}),
    };
    payload.resize(payload.len().next_multiple_of(8), 0);
    json!({"name": name, "type": kind})
}

#[derive(Deserialize)]
struct Header {
    id: u64,
    #[serde(default)]
    predictions: Option<Encoded>,
    #[serde(default)]
    probabilities: Option<Encoded>,
    #[serde(default)]
    contributions: Option<Description>,
    #[serde(default)]
    error: Option<Exception>,
    #[serde(default)]
    refused: Option<String>,
}

#[derive(Deserialize)]
struct Encoded {
    #[serde(default, rename = "type")]
    kind: Option<Kind>,
    #[serde(default)]
    shape: Vec<usize>,
    #[serde(default)]
    json: Option<Box<RawValue>>,
}

/// An exception of the model's own code.
#[derive(Debug, Deserialize)]
pub struct Exception {
    /// Its type's name.
    pub kind: String,
    /// Its text.
    pub message: String,
}

/// Reads a worker's answer for this many rows. `None` where it is not one to the question of this id: the worker cannot be trusted any more.
pub fn answer(id: u64, rows: usize, header: &[u8], payload: &[u8], ensembles: &Ensembles) -> Option<Result<Outputs, Problem>> {
    let header: Header = serde_json::from_slice(header).ok()?;
    if header.id != id {
        return None;
    }
    if let Some(Exception { kind, message }) = header.error {
        return Some(Err(Problem::Model { kind, message }));
    }
    if let Some(reason) = header.refused {
        return Some(Err(Problem::Refused(reason)));
    }
    let mut rest = payload;
    let predictions = decoded(header.predictions?, &mut rest)?;
    let probabilities = match header.probabilities {
        Some(encoded) => Some(decoded(encoded, &mut rest)?),
        None => None,
    };
    let unfinished = match header.contributions {
        Some(description) => Some(Unfinished::read(description, rows, &mut rest, ensembles)?),
        None => None,
    };
    Some(Ok(Outputs { predictions, probabilities, contributions: None, unfinished }))
}

fn decoded(encoded: Encoded, rest: &mut &[u8]) -> Option<Answer> {
    if let Some(json) = encoded.json {
        return Some(Answer::Json(json));
    }
    let kind = encoded.kind?;
    let size = Array::size(kind, &encoded.shape);
    let (bytes, after) = rest.split_at_checked(size)?;
    *rest = after;
    Array::from_bytes(kind, encoded.shape, bytes).map(Answer::Array)
}
