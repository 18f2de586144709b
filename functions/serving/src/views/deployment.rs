//! A deployment as the document shows one.

use serde::Serialize;
use shared::config::{MODEL_MEMORY_MB, MODEL_TIMEOUT_SECONDS};
use shared::domain::deployment::{Configuration, Deployment, ModelMetadata};
use shared::store::metrics::MetricsSummary;
use shared::{Platform, Timestamp};
use utoipa::ToSchema;

use crate::deployment_id;

/// A shape: the lengths of an example's dimensions, null for one that may vary.
pub type Shape = Vec<Option<u64>>;

/// What is known of a model.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ModelMetadataView {
    /// Its framework; null where nothing tells it.
    #[schema(example = "sklearn")]
    pub framework: Option<String>,
    /// Its class.
    #[schema(example = "RandomForestClassifier")]
    pub model_type: Option<String>,
    /// The size of its file in millions of bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 1.2)]
    pub size_mb: Option<f64>,
    /// The shape of one example.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = json!([4]))]
    pub input_shape: Option<Shape>,
    /// The shape of one example's output; of a classifier's, how many classes it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = json!([3]))]
    pub output_shape: Option<Shape>,
}

impl From<ModelMetadata> for ModelMetadataView {
    fn from(model: ModelMetadata) -> Self {
        Self {
            framework: model.framework,
            model_type: model.model_type,
            // To a thousandth: small models have a few thousand bytes.
            size_mb: model.size_bytes.map(|bytes| (bytes as f64 / 1000.0).ceil() / 1000.0),
            input_shape: model.input_shape,
            output_shape: model.output_shape,
        }
    }
}

/// What a deployment's function is given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ConfigurationView {
    /// Memory in megabytes.
    #[schema(example = 1024)]
    pub memory_mb: Option<i64>,
    /// The longest time of one request, in seconds.
    #[schema(example = 30)]
    pub timeout_seconds: Option<i64>,
    /// How many instances wait for requests at all times.
    #[schema(example = 0)]
    pub min_instances: u32,
    /// How many instances there may be at once; null for no bound but the account's.
    #[schema(example = 10)]
    pub max_instances: Option<u32>,
}

impl ConfigurationView {
    fn new(platform: &Platform, configuration: Configuration) -> Self {
        let or_default = |chosen: Option<u32>, variable| chosen.map(i64::from).or_else(|| platform.config.number(variable).ok());
        Self {
            memory_mb: or_default(configuration.memory_mb, MODEL_MEMORY_MB),
            timeout_seconds: or_default(configuration.timeout_seconds, MODEL_TIMEOUT_SECONDS),
            min_instances: configuration.min_instances,
            max_instances: configuration.max_instances,
        }
    }
}

/// What became of a deployment's predictions.
#[derive(Debug, Clone, Default, PartialEq, Serialize, ToSchema)]
pub struct MetricsSummaryView {
    /// How many requests for predictions it answered.
    #[schema(example = 1542)]
    pub total_predictions: u64,
    /// How long they took on average, in milliseconds; null before the first.
    #[schema(example = 45)]
    pub avg_latency_ms: Option<f64>,
    /// Which part of them failed; null before the first.
    #[schema(example = 0.001)]
    pub error_rate: Option<f64>,
}

impl From<MetricsSummary> for MetricsSummaryView {
    fn from(summary: MetricsSummary) -> Self {
        let asked = summary.total_predictions > 0;
        let rounded = |value: f64, factor: f64| asked.then(|| (value * factor).round() / factor);
        Self {
            total_predictions: summary.total_predictions,
            avg_latency_ms: rounded(summary.avg_latency_ms, 100.0),
            error_rate: rounded(summary.error_rate, 1e6),
        }
    }
}

/// A deployment.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct DeploymentView {
    /// Its id.
    #[schema(example = "dep-0199f0a2-7c3e-7d21-b1a5-0f6f3f1f2c11")]
    pub id: String,
    /// Its name.
    #[schema(example = "iris-classifier")]
    pub name: String,
    /// `building`, `active`, `updating`, `failed` or `deleted`.
    #[schema(example = "active")]
    pub status: &'static str,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// Where predictions are made.
    #[schema(example = "https://api.serveml.com/api/v1/predict/dep-0199f0a2-7c3e-7d21-b1a5-0f6f3f1f2c11")]
    pub endpoint_url: String,
    /// Its model.
    pub model_metadata: ModelMetadataView,
    /// What its function is given.
    pub configuration: ConfigurationView,
    /// The version that answers; null before the first does.
    #[schema(example = "v1")]
    pub current_version: Option<String>,
    /// Why the last version or configuration that was asked for failed; what was live before still answers.
    pub error: Option<String>,
    /// What became of its predictions; part of `GET /api/v1/deployments/{deployment_id}` alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub metrics_summary: Option<MetricsSummaryView>,
}

impl DeploymentView {
    /// A deployment, as `base_url` reaches it.
    pub fn new(platform: &Platform, base_url: &str, deployment: Deployment) -> Self {
        let id = deployment_id::shown(&deployment.id);
        Self {
            name: deployment.shown_name().to_owned(),
            status: deployment.status.name(),
            created_at: deployment.created_at,
            updated_at: deployment.updated_at,
            endpoint_url: format!("{base_url}/api/v1/predict/{id}"),
            model_metadata: deployment.model.into(),
            configuration: ConfigurationView::new(platform, deployment.configuration),
            current_version: deployment.live_version.map(|number| format!("v{number}")),
            error: deployment.error,
            metrics_summary: None,
            id,
        }
    }
}
