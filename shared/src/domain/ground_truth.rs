//! What turned out to be true of what was predicted.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Timestamp;

/// What turned out to be true of one record of a prediction.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GroundTruth {
    /// The prediction's id.
    pub prediction_id: String,
    /// Which of its records, from 0.
    pub record: u32,
    /// What turned out to be true.
    #[serde(default)]
    pub value: Value,
    /// What was predicted, where its record was there when this was told.
    pub predicted: Option<Value>,
    /// When it was told.
    pub created_at: Timestamp,
}
