//! A logged model: what a script saved with `log_model`, before or without it being registered.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::lifecycle::LifecycleStage;

/// Where a logged model is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LoggedModelStatus {
    /// Its files are being uploaded.
    Pending,
    /// It is whole.
    Ready,
    /// Its upload failed.
    UploadFailed,
}

impl LoggedModelStatus {
    /// As MLflow's searches write it.
    pub fn name(self) -> &'static str {
        match self {
            LoggedModelStatus::Pending => "PENDING",
            LoggedModelStatus::Ready => "READY",
            LoggedModelStatus::UploadFailed => "FAILED",
        }
    }
}

/// A value of a metric that was measured on a model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelMetric {
    /// The metric.
    pub key: String,
    /// The value.
    #[serde(with = "super::run::number_as_text")]
    pub value: f64,
    /// When, in milliseconds since 1970.
    pub timestamp: i64,
    /// At which step.
    pub step: i64,
    /// The run that measured it.
    pub run_id: String,
    /// The name of the dataset on which it was measured.
    pub dataset_name: Option<String>,
    /// The digest of the dataset on which it was measured.
    pub dataset_digest: Option<String>,
}

/// A logged model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LoggedModel {
    /// Its id, `m-` and 32 hexadecimal digits.
    pub id: String,
    /// The experiment that it belongs to.
    pub experiment_id: String,
    /// Its name; need not be unique.
    pub name: String,
    /// Where its files are, a URI; no slash at the end.
    pub artifact_uri: String,
    /// Where it is.
    pub status: LoggedModelStatus,
    /// Why it is there, in MLflow's words.
    pub status_message: Option<String>,
    /// What kind of model it is, as the client says.
    pub model_type: Option<String>,
    /// The run that made it.
    pub source_run_id: Option<String>,
    /// The job whose script made it.
    pub job_id: Option<String>,
    /// Whether it is in use.
    pub lifecycle_stage: LifecycleStage,
    /// When it was made, in milliseconds since 1970.
    pub creation_time: i64,
    /// When it last changed, in milliseconds since 1970.
    pub last_update_time: i64,
    /// Its tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// Its params.
    #[serde(default)]
    pub params: BTreeMap<String, String>,
    /// The latest values of the metrics that were measured on it; each is an item of its own.
    #[serde(skip)]
    pub metrics: Vec<ModelMetric>,
    /// Whether metrics were measured on it.
    #[serde(default)]
    pub has_metrics: bool,
}

impl LoggedModel {
    /// The folder of its files under the artifact root; `None` when they are kept somewhere else.
    pub fn artifact_path(&self) -> Option<String> {
        super::artifact_uri::path(&self.artifact_uri)
    }
}

/// Where a model's files are, and what they are known as.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelLocation {
    /// The folder that holds `MLmodel`, as a path under the artifact root, no slash at either end.
    pub artifact_path: String,
    /// The URI by which MLflow knows it: `models:/m-…`, or `mlflow-artifacts:/…` for a model that older clients logged.
    pub source: String,
    /// The logged model; absent for one that older clients logged.
    pub model_id: Option<String>,
    /// The run that made it.
    pub run_id: Option<String>,
}
