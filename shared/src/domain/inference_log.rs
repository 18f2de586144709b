//! The record of a prediction, as a deployed model writes it to its log.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Timestamp;

/// One line of a deployed model's log: one request for predictions.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct InferenceLog {
    /// Its id, a UUIDv7.
    pub prediction_id: String,
    /// When it was answered.
    pub timestamp: Timestamp,
    /// The deployment that answered.
    pub deployment_id: String,
    /// The registered model.
    pub model_name: String,
    /// The model's version.
    pub model_version: String,
    /// The HTTP status of the answer.
    pub status: u16,
    /// How many rows were predicted.
    #[serde(default)]
    pub rows: u64,
    /// How long it took inside the container, in milliseconds.
    pub latency_ms: f64,
    /// True for the first request of a container.
    #[serde(default)]
    pub cold_start: bool,
    /// Who asked, as a hash that tells callers of this deployment apart and leads to nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caller: Option<String>,
    /// The memory of the function that answered, in megabytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_mb: Option<u32>,
    /// How many bytes the answer had.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_bytes: Option<u64>,
    /// What the caller was told, where the prediction failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The inputs, where they were small enough to be logged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inputs: Option<Value>,
    /// The predictions, where they were small enough to be logged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub predictions: Option<Value>,
}
