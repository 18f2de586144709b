//! What the comparison of a deployment's recent inputs with its model's training data came to.

use drift::{FeatureDrift, Report, Status};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use super::deployment::Deployment;
use crate::Timestamp;

/// A drift report as the table holds it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DriftReport {
    /// The deployment.
    pub deployment_id: String,
    /// The model version that it served, where that can become another one.
    #[serde(default)]
    pub model_version: Option<u64>,
    /// The worst of the features' statuses.
    pub overall_status: Status,
    /// Each feature's index and status.
    pub features: BTreeMap<String, FeatureDrift>,
    /// How many recent rows were looked at.
    pub inference_rows: u64,
    /// The job that computed it.
    pub job_id: String,
    /// When that was.
    pub computed_at: Timestamp,
}

impl DriftReport {
    /// The report that a job made of a deployment.
    pub fn new(deployment: &Deployment, job_id: &str, report: Report) -> Self {
        Self {
            deployment_id: deployment.id.clone(),
            model_version: deployment.changing_version(),
            overall_status: report.overall_status,
            features: report.features,
            inference_rows: report.inference_rows,
            job_id: job_id.to_owned(),
            computed_at: Timestamp::now(),
        }
    }
}
