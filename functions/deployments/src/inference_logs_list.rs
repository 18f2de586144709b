//! `GET /api/mlops/deployments/{deployment_id}/inference-logs`: the records of a deployment's predictions. Document:
//! deployments-api, "Inference Logs".

use serde::Serialize;
use serde_json::{Map, Value};
use shared::domain::inference_log::InferenceLog;
use shared::http::fields::Fields;
use shared::http::response;
use shared::projects::analysis;
use shared::{Platform, Request, Response, Result, Timestamp};
use utoipa::ToSchema;

use crate::page::{List, take_window};
use crate::prediction::shown;
use crate::views::problem::Problem;
use crate::{access, moment};

/// The most bytes of a page's inputs and predictions: Lambda carries answers of up to 6 MB.
const MOST_BYTES: usize = 4 * 1024 * 1024;
/// What the rest of a record takes.
const RECORD_BYTES: usize = 500;

/// The record of one request for predictions.
#[derive(Debug, Serialize, ToSchema)]
pub struct InferenceLogView {
    /// The prediction's id.
    #[schema(example = "f2a3b4c5-d6e7-8901-2345-f67890123456")]
    pub id: String,
    /// The deployment that answered.
    pub deployment_id: String,
    /// The inputs: a record, or a list of them; absent where they were not to be kept, or were too long.
    #[schema(value_type = Object, example = json!({ "amount": 29.99, "merchant_id": 42, "hour": 14 }))]
    pub inputs: Value,
    /// The prediction, or the list of them.
    #[schema(value_type = Object, example = "0")]
    pub prediction: Value,
    /// How many records were predicted.
    #[schema(example = 1)]
    pub rows: u64,
    /// How long the model took, in milliseconds.
    #[schema(example = 45)]
    pub latency_ms: u64,
    /// The status of the answer.
    #[schema(example = 200)]
    pub status_code: u16,
    /// What the caller was told, where the prediction failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub error: Option<String>,
    /// When it was asked for.
    pub created_at: Timestamp,
}

impl InferenceLogView {
    fn new(log: InferenceLog) -> Self {
        let shown = |value: Value| shown(value, false);
        let created_at = shared::id::milliseconds(&log.prediction_id).map_or(log.timestamp, Timestamp::from_milliseconds);
        let is_single = log.rows <= 1;
        let predictions = match log.predictions {
            Some(Value::Array(values)) => values.into_iter().map(shown).collect(),
            Some(value) => vec![shown(value)],
            None => Vec::new(),
        };
        Self {
            id: log.prediction_id,
            deployment_id: log.deployment_id,
            inputs: log.inputs.map_or(Value::Null, |inputs| single(records(inputs), is_single)),
            prediction: single(predictions, is_single),
            rows: log.rows,
            latency_ms: log.latency_ms.max(0.0).round() as u64,
            status_code: log.status,
            error: log.error,
            created_at,
        }
    }
}

fn single(values: Vec<Value>, is_single: bool) -> Value {
    match is_single {
        true => values.into_iter().next().unwrap_or(Value::Null),
        false if values.is_empty() => Value::Null,
        false => Value::Array(values),
    }
}

/// Inputs as records; the model's log has them by column.
fn records(inputs: Value) -> Vec<Value> {
    let Value::Object(columns) = inputs else { return vec![inputs] };
    if !columns.values().all(Value::is_array) {
        return vec![Value::Object(columns)];
    }
    let rows = columns.values().filter_map(Value::as_array).map(Vec::len).max().unwrap_or(0);
    let value = |column: &Value, row: usize| column.get(row).cloned().unwrap_or(Value::Null);
    let record = |row: usize| columns.iter().map(|(name, column)| (name.clone(), value(column, row))).collect::<Map<_, _>>();
    (0..rows).map(|row| Value::Object(record(row))).collect()
}

/// List inference logs
///
/// The newest first; `total` counts all of the span. Kept for as long as the platform is set to. A page has at most 4 MB, so it can have
/// fewer records than `limit`: the next begins behind those that it has.
#[utoipa::path(
    get,
    path = "/api/mlops/deployments/{deployment_id}/inference-logs",
    operation_id = "deployments_inference_logs_list",
    tag = "Project predictions",
    params(
        ("deployment_id" = String, Path, description = "The deployment"),
        ("limit" = Option<u32>, Query, description = "The most records of a page, 1 to 500; 50 where absent", minimum = 1, maximum = 500),
        ("offset" = Option<u32>, Query, description = "How many to leave out before the first", minimum = 0, maximum = 10000),
        ("since" = Option<String>, Query, description = "ISO 8601: only what was made after this time"),
        ("until" = Option<String>, Query, description = "ISO 8601: only what was made before this time"),
    ),
    responses(
        (status = 200, description = "A page of records", body = List<InferenceLogView>),
        (status = 401, description = "Not signed in", body = Problem),
        (status = 404, description = "The caller has no such deployment", body = Problem),
        (status = 422, description = "A parameter does not hold what it must", body = Problem),
    )
)]
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let (_, deployment) = access::deployment(platform, &request).await?;
    let mut fields = Fields::of_query(&request);
    let window = take_window(&mut fields, 500);
    let (since, until) = (moment::take(&mut fields, "since"), moment::take(&mut fields, "until"));
    fields.finish()?;
    let span = analysis::span(platform, since.map(moment::floor), until.map(moment::ceiling))?;
    let store = platform.store()?;
    let found = store.inference_logs_between(&deployment.id, span, window.offset, window.limit).await?;
    let total = store.count_records(&deployment.id, span.low, span.high).await?;
    let mut bytes = 0;
    let views = found.into_iter().map(InferenceLogView::new).take_while(|view| {
        let is_first = bytes == 0;
        bytes += view.inputs.to_string().len() + view.prediction.to_string().len() + RECORD_BYTES;
        is_first || bytes <= MOST_BYTES
    });
    response::ok(&List::new(views.collect(), total, window))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;
    use shared::domain::inference_log::InferenceLog;
    use shared::domain::metrics;
    use shared::{Timestamp, id};
    use testing::TestPlatform;

    use crate::fixtures::{get_as, live, model_in, post_as, project, user};

    /// An id that was made at a moment.
    fn id_at(milliseconds: i64, number: u64) -> String {
        format!("{}7{:03x}-8000-{number:012x}", id::beginning(milliseconds), number % 4096)
    }

    async fn keep(test: &TestPlatform, deployment_id: &str, moments: &[i64]) -> Vec<String> {
        let logs: Vec<InferenceLog> = moments
            .iter()
            .enumerate()
            .map(|(number, moment)| InferenceLog {
                prediction_id: id_at(*moment, number as u64),
                timestamp: Timestamp::from_milliseconds(*moment),
                deployment_id: deployment_id.to_owned(),
                status: 200,
                rows: 1,
                latency_ms: 44.6,
                inputs: Some(json!({ "amount": [29.99], "hour": [14] })),
                predictions: Some(json!([0])),
                ..InferenceLog::default()
            })
            .collect();
        let store = test.platform.store().unwrap();
        store.keep_inference_logs(&logs, 30).await.unwrap();
        for _ in 0..2 {
            for tally in metrics::tally(&logs, Timestamp::now()).unwrap() {
                store.count_predictions(&tally, None, Timestamp::now()).await.unwrap();
            }
        }
        logs.into_iter().map(|log| log.prediction_id).collect()
    }

    #[tokio::test]
    async fn pages_and_totals_are_true_for_every_span() {
        let test = TestPlatform::start().await;
        let (owner, other) = (user(&test, "owner").await, user(&test, "other").await);
        let project_id = project(&test, &owner).await;
        let model_id = model_in(&test, &owner, &project_id, "fraud").await;
        let deployment_id = live(&test, &owner, &project_id, &model_id).await;
        let path = format!("/api/mlops/deployments/{deployment_id}/inference-logs");
        let now = Timestamp::now().milliseconds();
        // Over three days, at times that are no whole second, minute or hour; the last three in one second.
        let mut moments: Vec<i64> = (1..=200).map(|number| now - number * 1_296_123).collect();
        moments.extend([now - 500_250, now - 500_150, now - 500_050]);
        moments.sort_unstable();
        keep(&test, &deployment_id, &moments).await;
        let (status, page) = get_as(&test, &format!("{path}?limit=5&offset=2"), &owner).await;
        assert_eq!((status, page["total"].as_u64(), page["limit"].as_u64(), page["offset"].as_u64()), (200, Some(203), Some(5), Some(2)));
        let item = &page["items"][0];
        assert_eq!((&item["inputs"], &item["prediction"]), (&json!({ "amount": 29.99, "hour": 14 }), &json!("0")));
        assert_eq!((item["latency_ms"].as_u64(), item["status_code"].as_u64()), (Some(45), Some(200)));
        let newest: Vec<i64> = moments.iter().rev().skip(2).take(5).copied().collect();
        for (item, moment) in page["items"].as_array().unwrap().iter().zip(newest) {
            assert_eq!(item["created_at"], Timestamp::from_milliseconds(moment).to_string());
        }
        for (low, high) in [(0, 202), (0, 1), (3, 3), (10, 190), (57, 58), (199, 202), (200, 202), (201, 202)] {
            // Exclusive at both ends, to the millisecond.
            for (from, to) in [(moments[low], moments[high]), (moments[low] - 1, moments[high] + 1)] {
                let within = moments.iter().filter(|moment| (from + 1..to).contains(*moment)).count();
                let [since, until] = [from, to].map(|moment| Timestamp::from_milliseconds(moment).to_string());
                let (status, page) = get_as(&test, &format!("{path}?limit=500&since={since}&until={until}"), &owner).await;
                assert_eq!((status, page["total"].as_u64()), (200, Some(within as u64)), "{since} {until}");
                assert_eq!(page["items"].as_array().unwrap().len(), within, "{since} {until}");
            }
        }
        assert_eq!(get_as(&test, &format!("{path}?offset=10000"), &owner).await.1["items"].as_array().unwrap().len(), 0);
        assert_eq!(get_as(&test, &path, &other).await.0, 404);
        for query in ["limit=0", "limit=501", "offset=10001", "since=yesterday", "until=2026-13-01", "since=", "since=2026-01-01T99:00"] {
            assert_eq!(get_as(&test, &format!("{path}?{query}"), &owner).await.0, 422, "{query}");
        }
        for since in ["2026-01-01", "2026-01-01T00:00:00", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00+02:00", "2026-01-01T00:00:00 02:00"]
        {
            assert_eq!(get_as(&test, &format!("{path}?since={since}"), &owner).await.0, 200, "{since}");
        }
    }

    #[tokio::test]
    async fn numbers_come_back_as_they_were() {
        let test = TestPlatform::start().await;
        let owner = user(&test, "owner").await;
        let project_id = project(&test, &owner).await;
        let model_id = model_in(&test, &owner, &project_id, "prices").await;
        let deployment_id = live(&test, &owner, &project_id, &model_id).await;
        let now = Timestamp::now().milliseconds();
        // What measures, what labels; the last is more than DynamoDB's numbers hold.
        let predictions = json!([3.0, 3, 1e300, 0.1, true, "a"]);
        let inputs = json!({ "size": [50.0, 50, 1e-300, 0.30000000000000004, 9007199254740993_u64, -0.0] });
        let log = InferenceLog {
            prediction_id: id_at(now - 5_000_000, 1),
            deployment_id: deployment_id.clone(),
            status: 200,
            rows: 6,
            inputs: Some(inputs.clone()),
            predictions: Some(predictions.clone()),
            ..InferenceLog::default()
        };
        let store = test.platform.store().unwrap();
        store.keep_inference_logs(std::slice::from_ref(&log), 30).await.unwrap();
        assert_eq!(store.inference_log(&deployment_id, &log.prediction_id).await.unwrap().as_ref(), Some(&log));
        let (_, page) = get_as(&test, &format!("/api/mlops/deployments/{deployment_id}/inference-logs"), &owner).await;
        let item = &page["items"][0];
        assert_eq!(item["prediction"].to_string(), json!([3.0, "3", 1e300, 0.1, "true", "a"]).to_string());
        let sizes: Vec<_> = item["inputs"].as_array().unwrap().iter().map(|record| record["size"].clone()).collect();
        assert_eq!(serde_json::Value::from(sizes).to_string(), inputs["size"].to_string());
        let path = format!("/api/mlops/deployments/{deployment_id}/ground-truth");
        let told = json!([
            { "prediction_id": log.prediction_id, "value": 4.0 },
            { "prediction_id": format!("{}.1", log.prediction_id), "value": 3 },
        ]);
        assert_eq!(post_as(&test, &path, &owner, &told).await.0, 200);
        let truths = store.ground_truths(&deployment_id, &shared::paging::PageRequest { limit: 10, after: None }).await.unwrap().items;
        let kept: Vec<String> = truths.iter().map(|truth| json!([truth.value, truth.predicted]).to_string()).collect();
        assert_eq!(kept, [r#"[3,"3"]"#, "[4.0,3.0]"]);
    }

    #[tokio::test]
    async fn ground_truth_is_kept_for_predictions_that_were_made() {
        let test = TestPlatform::start().await;
        let (owner, other) = (user(&test, "owner").await, user(&test, "other").await);
        let project_id = project(&test, &owner).await;
        let model_id = model_in(&test, &owner, &project_id, "fraud").await;
        let deployment_id = live(&test, &owner, &project_id, &model_id).await;
        let now = Timestamp::now().milliseconds();
        let ids = keep(&test, &deployment_id, &[now - 5_000_000, now - 4_000_000]).await;
        let path = format!("/api/mlops/deployments/{deployment_id}/ground-truth");
        let one = json!({ "prediction_id": ids[0], "value": "1" });
        assert_eq!(post_as(&test, &path, &owner, &one).await, (200, json!({ "ok": true, "stored": 1 })));
        let several = json!([one, { "prediction_id": format!("{}.0", ids[1]), "value": "0" }]);
        assert_eq!(post_as(&test, &path, &owner, &several).await, (200, json!({ "ok": true, "stored": 2 })));
        let kept = test
            .platform
            .store()
            .unwrap()
            .ground_truths(&deployment_id, &shared::paging::PageRequest { limit: 10, after: None })
            .await
            .unwrap();
        assert_eq!(kept.items.len(), 2);
        assert_eq!((&kept.items[0].value, kept.items[0].predicted.as_ref()), (&json!("0"), Some(&json!("0"))));
        // Of what is said twice of one record, the last counts.
        let twice = json!([{ "prediction_id": ids[0], "value": 1 }, { "prediction_id": format!("{}.0", ids[0]), "value": 1e300 }]);
        assert_eq!(post_as(&test, &path, &owner, &twice).await.0, 200);
        let page = shared::paging::PageRequest { limit: 10, after: None };
        let kept = test.platform.store().unwrap().ground_truths(&deployment_id, &page).await.unwrap();
        assert_eq!((kept.items.len(), &kept.items[1].value), (2, &json!(1e300)));
        for (body, expected) in [
            (json!({}), 422),
            (json!([]), 422),
            (json!({ "prediction_id": ids[0] }), 422),
            (json!({ "prediction_id": ids[0], "value": { "a": 1 } }), 422),
            (json!({ "prediction_id": 5, "value": 1 }), 422),
            (json!({ "prediction_id": "x", "value": 1 }), 404),
            (json!({ "prediction_id": id_at(now - 3_000_000, 7), "value": 1 }), 404),
            (json!({ "prediction_id": format!("{}.7", ids[0]), "value": 1 }), 404),
        ] {
            let (status, answer) = post_as(&test, &path, &owner, &body).await;
            assert_eq!(status, expected, "{body}: {answer}");
        }
        assert_eq!(post_as(&test, &path, &other, &one).await.0, 404);
    }
}
