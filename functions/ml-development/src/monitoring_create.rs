//! `POST /api/ml-development/models/{model_id}/monitoring`. Document: ml-development-api, "Create Monitoring Snapshot".

use http::StatusCode;
use serde::Deserialize;
use serde_json::Value;
use shared::documents::Document;
use shared::domain::development::monitoring::MonitoringSnapshot;
use shared::domain::development::recipe::MODEL_PREFIX;
use shared::http::fields::Fields;
use shared::http::response;
use shared::{Error, ErrorKind, Platform, Request, Response, Result, Timestamp, id};
use utoipa::ToSchema;

use crate::views::problem::{Problem, ValidationProblem};
use crate::views::snapshot::SnapshotView;
use crate::{find, rules};

/// The most bytes of each of a snapshot's documents.
const LONGEST_DOCUMENT: usize = 32 * 1024;
const DEEPEST: usize = 32;

/// A snapshot of a model's figures; at least one of them.
#[derive(Debug, Deserialize, ToSchema)]
pub struct SnapshotRequest {
    /// The path's model.
    pub model_id: Option<String>,
    /// How well the model does.
    #[schema(value_type = Option<Object>, example = json!({ "revenue_lift": 0.042 }))]
    pub performance_metrics_json: Option<Value>,
    /// How its inputs differ from those that it was trained on.
    #[schema(value_type = Option<Object>)]
    pub drift_metrics_json: Option<Value>,
    /// How old its data are.
    #[schema(value_type = Option<Object>)]
    pub data_freshness_json: Option<Value>,
    /// What somebody should look at.
    #[schema(value_type = Option<Object>)]
    pub alerts_json: Option<Value>,
}

/// Create a monitoring snapshot
#[utoipa::path(
    post,
    path = "/api/ml-development/models/{model_id}/monitoring",
    operation_id = "monitoring_create",
    tag = "Monitoring",
    params(("model_id" = String, Path, description = "The model's id")),
    request_body = SnapshotRequest,
    responses(
        (status = 201, description = "The snapshot", body = SnapshotView),
        (status = 400, description = "The body names another model", body = Problem),
        (status = 403, description = "Another user registered the model", body = Problem),
        (status = 404, description = "No such model", body = Problem),
        (status = 422, description = "Fields are not as they must be", body = ValidationProblem),
    )
)]
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let mut fields = Fields::of_body(&request, rules::LONGEST_BODY)?;
    let path_id = request.path_parameter("model_id")?;
    let same = find::same_as_path(&mut fields, "model_id", MODEL_PREFIX, path_id);
    let mut document = |field| fields.object(field, LONGEST_DOCUMENT, DEEPEST).as_ref().map(Document::inline);
    let performance_metrics = document("performance_metrics_json");
    let drift_metrics = document("drift_metrics_json");
    let data_freshness = document("data_freshness_json");
    let alerts = document("alerts_json");
    fields.finish()?;
    same?;
    let (_, development) = find::model(platform, path_id).await?;
    if !request.caller.may_use(development.made_by.as_deref()) {
        return Err(Error::new(ErrorKind::Forbidden, "This model was registered by another user"));
    }
    let snapshot = MonitoringSnapshot {
        id: id::new_id(),
        model_id: development.id,
        captured_at: Timestamp::now(),
        performance_metrics,
        drift_metrics,
        data_freshness,
        alerts,
        automatic: false,
    };
    platform.store()?.add_snapshot(&snapshot).await?;
    response::json(StatusCode::CREATED, &SnapshotView::of(platform, snapshot).await?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;
    use testing::TestPlatform;

    use crate::fixtures::{model, post, recipe};

    #[tokio::test]
    async fn a_snapshot_is_kept_as_it_is_posted() {
        let test = TestPlatform::start().await;
        let made = recipe(&test, "Retail", json!({})).await;
        let id = model(&test, "Prices", &made).await;
        let body = json!({
            "model_id": id, "performance_metrics_json": { "revenue_lift": 0.042 }, "drift_metrics_json": { "PSI": 0.08 },
            "data_freshness_json": { "last_update": "2024-01-15T11:00:00Z" },
        });
        let (status, snapshot) = post(&test, &format!("/models/{id}/monitoring"), &body).await;
        assert_eq!(status, 201, "{snapshot}");
        assert!(snapshot["id"].as_str().unwrap().starts_with("snap_") && snapshot["captured_at"].is_string());
        for field in ["model_id", "performance_metrics_json", "drift_metrics_json", "data_freshness_json"] {
            assert_eq!(snapshot[field], body[field], "{field}");
        }
        assert_eq!(snapshot["alerts_json"], json!({}));
    }

    #[tokio::test]
    async fn bad_input_is_refused() {
        let test = TestPlatform::start().await;
        let made = recipe(&test, "Retail", json!({})).await;
        let path = format!("/models/{}/monitoring", model(&test, "Prices", &made).await);
        for (path, body, expected) in [
            (path.as_str(), json!([]), 422),
            (&path, json!({ "performance_metrics_json": 1 }), 422),
            (&path, json!({ "alerts_json": { "x": "x".repeat(40_000) } }), 422),
            (&path, json!({ "model_id": "model_other" }), 400),
            ("/models/model_none/monitoring", json!({}), 404),
        ] {
            let (status, refused) = post(&test, path, &body).await;
            let shown: String = body.to_string().chars().take(80).collect();
            assert_eq!(status, expected, "{shown}: {refused}");
        }
    }
}
