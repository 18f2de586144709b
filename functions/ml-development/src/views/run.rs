//! A run as this API shows it: a view of the run that MLflow's API shows under the same id.

use futures::future::try_join_all;
use serde::Serialize;
use serde_json::{Map, Value, json};
use shared::domain::development::choices::{RecipeRunStatus, RunType};
use shared::domain::development::recipe::{MODEL_PREFIX, RECIPE_PREFIX, RUN_PREFIX, VERSION_PREFIX, shown};
use shared::domain::development::recipe_run::RecipeRun;
use shared::domain::run::Run;
use shared::identity::Caller;
use shared::jobs::output;
use shared::{Platform, Result, Timestamp, documents};
use utoipa::ToSchema;

/// The most bytes of a job's log that a run shows: its end.
const LOG_BYTES: usize = 256 * 1024;

/// A run.
#[derive(Debug, Serialize, ToSchema)]
pub struct RunView {
    /// Its id, behind `run_` the id by which MLflow knows it; ids are taken with and without `run_`.
    #[schema(example = "run_xyz789")]
    pub id: String,
    /// The model that it is for.
    #[schema(example = "model_abc123")]
    pub model_id: Option<String>,
    /// The recipe.
    #[schema(example = "recipe_pricing_base")]
    pub recipe_id: String,
    /// The recipe's version.
    #[schema(example = "ver_pricing_base_v1")]
    pub recipe_version_id: String,
    /// What it does.
    pub run_type: RunType,
    /// Where it is.
    pub status: RecipeRunStatus,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// The latest value of each metric that its script logged, and what was written by hand.
    #[schema(value_type = Object, example = json!({ "revenue_lift": 0.042, "margin_impact": 0.068 }))]
    pub metrics_json: Value,
    /// Where what it made is, and what was written by hand.
    #[schema(value_type = Object, example = json!({ "model_path": "s3://bucket/models/model.pkl" }))]
    pub artifacts_json: Value,
    /// What was written by hand, else the end of its script's output. Not part of lists: ask for the run itself.
    #[schema(example = "Training started...\nEpoch 1/10...")]
    pub logs_text: Option<String>,
    /// Why it failed.
    pub error: Option<String>,
    /// The job that carries it out; absent where it is tracked by hand.
    pub job_id: Option<String>,
}

impl RunView {
    /// How much of a list's response it takes, in bytes: about.
    pub fn bytes(&self) -> u64 {
        const OF_THE_REST: usize = 1024;
        (self.metrics_json.to_string().len() + self.artifacts_json.to_string().len() + OF_THE_REST) as u64
    }

    /// Runs as lists show them, without their logs.
    ///
    /// # Errors
    /// `Internal` when DynamoDB or S3 does not answer.
    pub async fn all(platform: &Platform, runs: Vec<RecipeRun>) -> Result<Vec<Self>> {
        let tracked = platform.store()?.runs_by_id(runs.iter().map(|run| run.id.clone()).collect()).await?;
        let views = runs.into_iter().map(|run| {
            let tracked = tracked.get(&run.id);
            RunView::listed(platform, run, tracked)
        });
        try_join_all(views).await
    }

    /// A run as lists show it, without its log.
    ///
    /// # Errors
    /// `Internal` when S3 does not answer.
    async fn listed(platform: &Platform, run: RecipeRun, tracked: Option<&Run>) -> Result<Self> {
        let by_hand = documents::read_optional(platform, run.metrics.as_ref()).await?;
        let metrics = tracked.map(metrics_of).unwrap_or_default();
        let mut artifacts = Map::new();
        if let Some(tracked) = tracked {
            artifacts.insert("artifact_uri".to_owned(), json!(tracked.artifact_uri));
        }
        if let (Some(name), Some(version)) = (&run.model_name, run.model_version) {
            artifacts.insert("model_uri".to_owned(), json!(format!("models:/{name}/{version}")));
        }
        let written = documents::read_optional(platform, run.artifacts.as_ref()).await?;
        Ok(Self {
            id: shown(RUN_PREFIX, &run.id),
            model_id: run.model_id.map(|id| shown(MODEL_PREFIX, &id)),
            recipe_id: shown(RECIPE_PREFIX, &run.recipe_id),
            recipe_version_id: shown(VERSION_PREFIX, &run.recipe_version_id),
            run_type: run.run_type,
            status: run.status,
            created_at: run.created_at,
            started_at: run.started_at,
            finished_at: run.finished_at,
            metrics_json: with(metrics, by_hand),
            artifacts_json: with(artifacts, written),
            logs_text: None,
            error: run.error,
            job_id: run.job_id,
        })
    }

    /// A run with its log; what a script wrote is for the user alone who had it run.
    ///
    /// # Errors
    /// `Internal` when DynamoDB or S3 does not answer.
    pub async fn of(platform: &Platform, caller: &Caller, run: RecipeRun) -> Result<Self> {
        let store = platform.store()?;
        let tracked = store.run(&run.id).await?;
        let logs = match (documents::read_optional(platform, run.logs.as_ref()).await?, &run.job_id) {
            (Some(written), _) => written.as_str().map(str::to_owned),
            (None, Some(job_id)) if caller.may_use(run.made_by.as_deref()) => Some(output::tail(store.job_logs(job_id).await?, LOG_BYTES)),
            (None, _) => None,
        };
        let path = match (&run.model_name, run.model_version) {
            (Some(name), Some(version)) => store.model_version(name, version).await?.and_then(|version| version.artifact_path),
            _ => None,
        };
        let mut view = Self::listed(platform, run, tracked.as_ref()).await?;
        view.logs_text = logs;
        if let (Some(path), Some(artifacts)) = (path, view.artifacts_json.as_object_mut()) {
            let (_, bucket) = platform.objects()?.client();
            let key = shared::objects::keys::artifact(&path);
            artifacts.entry("model_path").or_insert_with(|| json!(format!("s3://{bucket}/{key}")));
        }
        Ok(view)
    }
}

/// The latest values of a run's metrics. What is no number in JSON is null.
pub fn metrics_of(run: &Run) -> Map<String, Value> {
    run.metrics.iter().map(|(name, point)| (name.clone(), json!(point.value))).collect()
}

fn with(mut members: Map<String, Value>, written: Option<Value>) -> Value {
    if let Some(Value::Object(written)) = written {
        members.extend(written);
    }
    Value::Object(members)
}
