//! `GET /api/ml-development/models/{model_id}/monitoring`. Document: ml-development-api, "List Monitoring Snapshots".

use futures::future::try_join_all;
use serde::Serialize;
use shared::documents::Document;
use shared::domain::development::monitoring::MonitoringSnapshot;
use shared::http::fields::Fields;
use shared::http::response;
use shared::{Platform, Request, Response, Result};
use utoipa::ToSchema;

use crate::find;
use crate::views::problem::{Problem, ValidationProblem};
use crate::views::snapshot::SnapshotView;
use crate::views::within_a_response;

/// A page of snapshots.
#[derive(Debug, Serialize, ToSchema)]
pub struct SnapshotList {
    /// The snapshots, the newest first. A page ends early where it would be more than 4 MB.
    pub snapshots: Vec<SnapshotView>,
    /// How many there are.
    #[schema(example = 42)]
    pub total: u64,
}

/// List a model's monitoring snapshots
///
/// Those that were posted, and one for each hour in which the deployed model was asked for predictions, which the platform
/// takes some minutes after the first and renews until the hour is over.
#[utoipa::path(
    get,
    path = "/api/ml-development/models/{model_id}/monitoring",
    operation_id = "monitoring_list",
    tag = "Monitoring",
    params(
        ("model_id" = String, Path, description = "The model's id"),
        ("limit" = Option<i64>, Query, description = "How many at the most: 1 to 500, 100 unless told"),
        ("offset" = Option<i64>, Query, description = "How many to skip: up to 10,000"),
    ),
    responses(
        (status = 200, description = "The snapshots", body = SnapshotList),
        (status = 404, description = "No such model", body = Problem),
        (status = 422, description = "A parameter is not as it must be", body = ValidationProblem),
    )
)]
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let mut fields = Fields::of_query(&request);
    let window = fields.window();
    fields.finish()?;
    let (_, development) = find::model(platform, request.path_parameter("model_id")?).await?;
    let (snapshots, total) = platform.store()?.snapshots(&development.id, window).await?;
    let snapshots = within_a_response(snapshots, bytes);
    let snapshots = try_join_all(snapshots.into_iter().map(|snapshot| SnapshotView::of(platform, snapshot))).await?;
    response::ok(&SnapshotList { snapshots, total })
}

fn bytes(snapshot: &MonitoringSnapshot) -> u64 {
    let documents = [&snapshot.performance_metrics, &snapshot.drift_metrics, &snapshot.data_freshness, &snapshot.alerts];
    documents.into_iter().flatten().map(Document::bytes).sum()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;
    use testing::TestPlatform;

    use crate::fixtures::{get, ids, model, post, recipe};

    #[tokio::test]
    async fn the_newest_snapshot_is_the_first() {
        let test = TestPlatform::start().await;
        let made = recipe(&test, "Retail", json!({})).await;
        let path = format!("/models/{}/monitoring", model(&test, "Prices", &made).await);
        assert_eq!(get(&test, &path).await.1, json!({ "snapshots": [], "total": 0 }));
        for at in 0..3 {
            assert_eq!(post(&test, &path, &json!({ "performance_metrics_json": { "at": at } })).await.0, 201);
        }
        let (_, listed) = get(&test, &path).await;
        let order: Vec<_> =
            listed["snapshots"].as_array().unwrap().iter().map(|one| one["performance_metrics_json"]["at"].clone()).collect();
        assert_eq!((order, listed["total"].as_u64()), (vec![json!(2), json!(1), json!(0)], Some(3)));
        let (_, page) = get(&test, &format!("{path}?limit=1&offset=1")).await;
        assert_eq!((ids(&page["snapshots"]), page["total"].as_u64()), (ids(&listed["snapshots"])[1..2].to_vec(), Some(3)));
        assert_eq!(get(&test, &format!("{path}?limit=0")).await.0, 422);
        assert_eq!(get(&test, "/models/model_none/monitoring").await.0, 404);
    }
}
