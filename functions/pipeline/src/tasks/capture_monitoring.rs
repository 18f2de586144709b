//! Takes monitoring snapshots of deployed models from their traffic: one for each hour in which a model was asked for
//! predictions, renewed until the hour is over. It is asked for by a schedule, and asked twice at once it leaves one.

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use serde::Serialize;
use serde_json::{Value, json};
use shared::documents::Document;
use shared::domain::development::choices::RecipeRunStatus;
use shared::domain::development::monitoring::MonitoringSnapshot;
use shared::domain::metrics::{Counts, Span};
use shared::domain::registered_model::RegisteredModel;
use shared::http::fields::{MOST_OFFSET, Window};
use shared::store::development_models::ModelFilter;
use shared::store::recipe_runs::RecipeRunFilter;
use shared::{Platform, Result, Timestamp};

/// How many models are read at once.
const PAGE: usize = 500;
/// How many models are looked at at once.
const CONCURRENT: usize = 8;
/// For how long an hour is renewed after its end, in milliseconds: what a model logs arrives some seconds later.
const LATE: i64 = 15 * 60 * 1000;

/// What was done.
#[derive(Debug, Serialize)]
pub struct Captured {
    /// How many snapshots were written.
    pub snapshots: u64,
}

/// Takes the snapshots.
///
/// # Errors
/// `Internal` when DynamoDB does not answer; the next tick takes what is missing.
pub async fn perform(platform: &Platform, _schedule: Value) -> Result<Captured> {
    capture(platform, Timestamp::now()).await
}

async fn capture(platform: &Platform, now: Timestamp) -> Result<Captured> {
    let store = platform.store()?;
    let mut captured = Captured { snapshots: 0 };
    for offset in (0..=usize::try_from(MOST_OFFSET).unwrap_or_default()).step_by(PAGE) {
        let (models, total) = store.development_models(ModelFilter::default(), Window { limit: PAGE, offset }).await?;
        let looks = models.into_iter().map(|model| async move { of_model(platform, &model, now).await });
        let snapshots: Vec<u64> = stream::iter(looks).buffer_unordered(CONCURRENT).try_collect().await?;
        captured.snapshots += snapshots.into_iter().sum::<u64>();
        if total <= (offset + PAGE) as u64 {
            return Ok(captured);
        }
    }
    tracing::warn!("there are more models than are looked at; the oldest ones get no snapshots");
    Ok(captured)
}

/// Takes the snapshots of a model; gives how many there were to take.
async fn of_model(platform: &Platform, model: &RegisteredModel, now: Timestamp) -> Result<u64> {
    let store = platform.store()?;
    let (Some(development), Some(deployment)) = (&model.development, store.deployment_of_model(&model.name).await?) else { return Ok(0) };
    if deployment.live_version.is_none() {
        return Ok(0);
    }
    let this_hour = Span::Hour.begin(now.milliseconds());
    let mut hours = vec![this_hour];
    if now.milliseconds() - this_hour < LATE {
        hours.push(this_hour - Span::Hour.milliseconds());
    }
    let mut taken = 0;
    let mut trained = None;
    for begin in hours {
        let Some(traffic) = Traffic::of_hour(platform, &deployment.id, begin).await? else { continue };
        if trained.is_none() {
            trained = Some(last_trained(platform, &development.id).await?);
        }
        let last_trained = trained.flatten();
        let end = Timestamp::from_milliseconds(begin + Span::Hour.milliseconds());
        let snapshot = MonitoringSnapshot {
            id: format!("{}-{}", development.id, begin / 1000),
            model_id: development.id.clone(),
            captured_at: now.min(end),
            performance_metrics: Some(Document::inline(&traffic.performance)),
            drift_metrics: None,
            data_freshness: Some(Document::inline(&json!({
                "last_update": traffic.last_prediction,
                "last_prediction": traffic.last_prediction,
                "last_trained": last_trained,
                "model_version": deployment.live_model_version,
            }))),
            alerts: None,
            automatic: true,
        };
        store.put_snapshot(&snapshot, Timestamp::from_milliseconds(begin)).await?;
        taken += 1;
    }
    Ok(taken)
}

async fn last_trained(platform: &Platform, model_id: &str) -> Result<Option<Timestamp>> {
    let filter = RecipeRunFilter { model_id: Some(model_id), recipe_id: None, status: Some(RecipeRunStatus::Succeeded) };
    let (runs, _) = platform.store()?.recipe_runs(filter, Window { limit: 1, offset: 0 }).await?;
    Ok(runs.into_iter().next().and_then(|run| run.finished_at))
}

/// What a deployment's predictions of an hour add up to.
struct Traffic {
    performance: Value,
    last_prediction: Timestamp,
}

impl Traffic {
    /// `None` where there were no predictions.
    async fn of_hour(platform: &Platform, deployment_id: &str, begin: i64) -> Result<Option<Self>> {
        let store = platform.store()?;
        let end = begin + Span::Hour.milliseconds();
        let minutes = store.counts(deployment_id, Span::Minute, begin).await?;
        let mut counts = Counts::default();
        let mut last = None;
        for (minute, counted) in minutes.range(begin..end) {
            counts.add(counted);
            last = Some(*minute);
        }
        let Some(last) = last.filter(|_| counts.requests > 0) else { return Ok(None) };
        let hours = store.hours(deployment_id, begin).await?;
        Ok(Some(Self {
            performance: json!({
                "request_count": counts.requests,
                "error_count": counts.errors,
                "error_rate": counts.error_rate(),
                "avg_latency_ms": counts.average_latency_ms(),
                "p50_latency_ms": hours.latencies.quantile_ms(0.5),
                "p95_latency_ms": hours.latencies.quantile_ms(0.95),
                "p99_latency_ms": hours.latencies.quantile_ms(0.99),
                "cold_starts": counts.cold_starts,
            }),
            last_prediction: Timestamp::from_milliseconds(last),
        }))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use shared::domain::deployment::Deployment;
    use shared::domain::development::choices::{ModelFamily, ModelStatus, RecipeLevel, RecipeStatus};
    use shared::domain::development::recipe::{Recipe, RecipeVersion};
    use shared::domain::inference_log::InferenceLog;
    use shared::domain::job::{Job, JobKind};
    use shared::domain::metrics;
    use shared::domain::registered_model::Development;
    use shared::store::deployments::Live;
    use shared::store::recipes::NewRecipe;
    use testing::TestPlatform;

    use super::*;

    async fn model(test: &TestPlatform, name: &str) {
        let store = test.platform.store().unwrap();
        let development = Development {
            id: shared::id::new_id(),
            model_family: ModelFamily::Pricing,
            recipe_id: "r".to_owned(),
            recipe_version_id: "v".to_owned(),
            status: ModelStatus::Production,
            owner: None,
            made_by: None,
        };
        store.create_development_model(name, development).await.unwrap();
    }

    async fn recipe(test: &TestPlatform) {
        let now = Timestamp::now();
        let recipe = Recipe {
            id: "r".to_owned(),
            name: "r".to_owned(),
            model_family: ModelFamily::Pricing,
            level: RecipeLevel::Client,
            status: RecipeStatus::Draft,
            parent_id: None,
            tags: Vec::new(),
            latest_version_id: "v".to_owned(),
            latest_version_number: "1.0.0".to_owned(),
            versions: 1,
            references: 0,
            revision: 0,
            made_by: None,
            built_in: false,
            created_at: now,
            updated_at: now,
        };
        let version = RecipeVersion {
            id: "v".to_owned(),
            recipe_id: "r".to_owned(),
            version_number: "1.0.0".to_owned(),
            manifest: Document::inline(&json!({})),
            diff_from_prev: None,
            created_by: None,
            created_at: now,
            change_note: None,
        };
        test.platform.store().unwrap().create_recipe(&NewRecipe { recipe, version, example: None }).await.unwrap();
    }

    async fn live(test: &TestPlatform, model_name: &str) -> String {
        let store = test.platform.store().unwrap();
        let deployment = Deployment::new(model_name, "serveml-model-");
        let job = Job::new(JobKind::Deployment, model_name.to_owned());
        let job = Job { model_version: Some(1), deployment_id: Some(deployment.id.clone()), ..job };
        store.create_deployment_job(&job, &deployment, true, None).await.unwrap().unwrap();
        assert!(store.lease_deployment(&deployment.id, &job.id).await.unwrap());
        let live = Live::new(None, 1, "1".to_owned(), "repository@sha256:1".to_owned());
        store.set_live(&deployment.id, &job.id, &live).await.unwrap();
        deployment.id
    }

    async fn predict(test: &TestPlatform, deployment_id: &str, at: Timestamp, statuses: &[u16]) {
        let log = |status: &u16| InferenceLog {
            prediction_id: shared::id::new_id(),
            timestamp: at,
            deployment_id: deployment_id.to_owned(),
            status: *status,
            latency_ms: 10.0,
            ..InferenceLog::default()
        };
        let logs: Vec<InferenceLog> = statuses.iter().map(log).collect();
        for tally in metrics::tally(&logs, at).unwrap() {
            assert!(test.platform.store().unwrap().count_predictions(&tally, None, at).await.unwrap());
        }
    }

    #[tokio::test]
    async fn an_hour_with_traffic_has_one_snapshot_that_is_renewed() {
        let test = TestPlatform::start().await;
        let store = test.platform.store().unwrap();
        recipe(&test).await;
        for name in ["busy", "idle", "not deployed"] {
            model(&test, name).await;
        }
        let (busy, _) = (live(&test, "busy").await, live(&test, "idle").await);
        let hour = Timestamp::from_milliseconds(Span::Hour.begin(Timestamp::now().milliseconds()));
        let moment = hour.plus_seconds(20 * 60);
        predict(&test, &busy, moment, &[200, 200, 400]).await;
        // Two ticks at once.
        let both = tokio::join!(capture(&test.platform, moment.plus_seconds(60)), capture(&test.platform, moment.plus_seconds(60)));
        assert_eq!((both.0.unwrap().snapshots, both.1.unwrap().snapshots), (1, 1));
        predict(&test, &busy, moment.plus_seconds(120), &[200]).await;
        capture(&test.platform, moment.plus_seconds(180)).await.unwrap();
        let models = store.development_models(ModelFilter::default(), Window { limit: 10, offset: 0 }).await.unwrap().0;
        let id = |name: &str| models.iter().find(|model| model.name == name).unwrap().development.clone().unwrap().id;
        let all = Window { limit: 10, offset: 0 };
        let (snapshots, total) = store.snapshots(&id("busy"), all).await.unwrap();
        assert_eq!((snapshots.len(), total), (1, 1), "{snapshots:#?}");
        let document = |document: &Option<Document>| match document {
            Some(Document::Inline(text)) => serde_json::from_str::<Value>(text).unwrap(),
            other => panic!("{other:?}"),
        };
        let performance = document(&snapshots[0].performance_metrics);
        assert_eq!((&performance["request_count"], &performance["error_rate"]), (&json!(4), &json!(0.25)), "{performance}");
        assert!((9.0..11.0).contains(&performance["p95_latency_ms"].as_f64().unwrap()), "{performance}");
        let freshness = document(&snapshots[0].data_freshness);
        assert_eq!(freshness["last_prediction"], json!(moment.plus_seconds(120)), "{freshness}");
        for name in ["idle", "not deployed"] {
            assert_eq!(store.snapshots(&id(name), all).await.unwrap().1, 0, "{name}");
        }
        // In the next hour's first minutes the last snapshot of this one is completed; later it is left.
        predict(&test, &busy, hour.plus_seconds(3500), &[200]).await;
        for seconds in [3700, 3600 + 20 * 60] {
            capture(&test.platform, hour.plus_seconds(seconds)).await.unwrap();
        }
        let (snapshots, total) = store.snapshots(&id("busy"), all).await.unwrap();
        assert_eq!((document(&snapshots[0].performance_metrics)["request_count"].as_u64(), total), (Some(5), 1));
        assert_eq!(snapshots[0].captured_at, hour.plus_seconds(3600));
    }
}
