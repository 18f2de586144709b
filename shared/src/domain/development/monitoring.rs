//! What is watched of a model.

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::documents::Document;

/// A model's figures at a moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MonitoringSnapshot {
    /// Its id.
    pub id: String,
    /// The model.
    pub model_id: String,
    /// When it was taken.
    pub captured_at: Timestamp,
    /// How well it does.
    pub performance_metrics: Option<Document>,
    /// How its inputs differ from those that it was trained on.
    pub drift_metrics: Option<Document>,
    /// How old its data are.
    pub data_freshness: Option<Document>,
    /// What somebody should look at.
    pub alerts: Option<Document>,
    /// True when the platform took it from the deployed model's traffic.
    #[serde(default)]
    pub automatic: bool,
}
