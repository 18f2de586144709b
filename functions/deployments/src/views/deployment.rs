//! A deployment as it is shown.

use std::collections::BTreeMap;

use serde::Serialize;
use shared::Timestamp;
use shared::domain::deployment::{Deployment, DeploymentStatus, ServingStage};
use utoipa::ToSchema;

/// What a deployment was made with.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeploymentConfig {
    /// Its name.
    #[schema(example = "fraud-detector-staging")]
    pub name: String,
    /// How much of the production traffic it takes, in percent, where it takes any.
    #[schema(example = 100)]
    pub traffic_percent: u8,
    /// The privacy policy that applies.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub privacy_policy_id: Option<String>,
    /// Whether records of predictions are anonymised.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub privacy_anonymize_logs: Option<bool>,
    /// Whether answers are anonymised.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub privacy_anonymize_response: Option<bool>,
    /// Which columns hold which type of personal data.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub privacy_column_map: BTreeMap<String, String>,
    /// How sure a detection must be.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub privacy_threshold: Option<f64>,
}

/// A deployment.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ProjectDeployment)]
pub struct DeploymentView {
    /// Its id.
    #[schema(example = "d0e1f2a3-b4c5-6789-0123-def456789012")]
    pub id: String,
    /// Its project.
    pub project_id: String,
    /// The model that it serves.
    pub model_id: Option<String>,
    /// `staging`, `production` or `archived`.
    #[schema(example = "staging")]
    pub stage: &'static str,
    /// `active`, `inactive` or `failed`.
    #[schema(example = "active")]
    pub status: &'static str,
    /// True unless it was deactivated or failed.
    pub is_active: bool,
    /// True once its model answers; a prediction waits for it until then.
    pub ready: bool,
    /// True for one that takes a part of the production traffic.
    pub canary: bool,
    /// What it was made with.
    pub config: DeploymentConfig,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub error: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A stage in the document's words.
pub fn stage(stage: ServingStage) -> &'static str {
    match stage {
        ServingStage::Staging => "staging",
        ServingStage::Canary | ServingStage::Production => "production",
        ServingStage::Archived => "archived",
    }
}

impl DeploymentView {
    /// A deployment as it is shown, with its model's id.
    pub fn new(deployment: Deployment, model_id: Option<String>) -> Self {
        let status = match (deployment.stage, deployment.status) {
            (_, DeploymentStatus::Failed) => "failed",
            (ServingStage::Archived, _) | (_, DeploymentStatus::Deleted) => "inactive",
            _ => "active",
        };
        let name = deployment.shown_name().to_owned();
        let privacy = deployment.privacy.clone();
        Self {
            project_id: deployment.project().to_owned(),
            ready: deployment.is_live(),
            id: deployment.id,
            model_id,
            stage: stage(deployment.stage),
            status,
            is_active: status == "active",
            canary: deployment.stage == ServingStage::Canary,
            config: DeploymentConfig {
                name,
                traffic_percent: deployment.traffic_percent.unwrap_or(100),
                privacy_policy_id: privacy.policy_id,
                privacy_anonymize_logs: privacy.anonymize_logs,
                privacy_anonymize_response: privacy.anonymize_response,
                privacy_column_map: privacy.column_map,
                privacy_threshold: privacy.threshold,
            },
            error: deployment.error,
            created_at: deployment.created_at,
        }
    }
}
