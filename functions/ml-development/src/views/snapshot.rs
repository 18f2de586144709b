//! A monitoring snapshot as this API shows it.

use serde::Serialize;
use serde_json::{Value, json};
use shared::documents::Document;
use shared::domain::development::monitoring::MonitoringSnapshot;
use shared::domain::development::recipe::{MODEL_PREFIX, SNAPSHOT_PREFIX, shown};
use shared::{Platform, Result, Timestamp, documents};
use utoipa::ToSchema;

/// A model's figures at a moment.
#[derive(Debug, Serialize, ToSchema)]
pub struct SnapshotView {
    /// Its id.
    #[schema(example = "snap_def456")]
    pub id: String,
    /// The model.
    #[schema(example = "model_abc123")]
    pub model_id: String,
    /// When it was taken.
    pub captured_at: Timestamp,
    /// How well the model does.
    #[schema(value_type = Object, example = json!({ "revenue_lift": 0.038, "MAPE": 0.15 }))]
    pub performance_metrics_json: Value,
    /// How its inputs differ from those that it was trained on.
    #[schema(value_type = Object, example = json!({ "PSI": 0.08 }))]
    pub drift_metrics_json: Value,
    /// How old its data are.
    #[schema(value_type = Object, example = json!({ "last_update": "2024-01-15T11:00:00Z" }))]
    pub data_freshness_json: Value,
    /// What somebody should look at.
    #[schema(value_type = Object, example = json!({}))]
    pub alerts_json: Value,
    /// True when the platform took it from the deployed model's traffic.
    pub automatic: bool,
}

impl SnapshotView {
    /// A snapshot with its documents.
    ///
    /// # Errors
    /// `Internal` when S3 does not answer.
    pub async fn of(platform: &Platform, snapshot: MonitoringSnapshot) -> Result<Self> {
        let read = async |document: Option<&Document>| -> Result<Value> {
            Ok(documents::read_optional(platform, document).await?.unwrap_or_else(|| json!({})))
        };
        Ok(Self {
            performance_metrics_json: read(snapshot.performance_metrics.as_ref()).await?,
            drift_metrics_json: read(snapshot.drift_metrics.as_ref()).await?,
            data_freshness_json: read(snapshot.data_freshness.as_ref()).await?,
            alerts_json: read(snapshot.alerts.as_ref()).await?,
            id: shown(SNAPSHOT_PREFIX, &snapshot.id),
            model_id: shown(MODEL_PREFIX, &snapshot.model_id),
            captured_at: snapshot.captured_at,
            automatic: snapshot.automatic,
        })
    }
}
