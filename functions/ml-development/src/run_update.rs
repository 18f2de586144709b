//! `PUT /api/ml-development/runs/{run_id}`. Document: ml-development-api, "Update Run".
//!
//! What a hand writes is merged with what the run has. A run that a script carries out takes a hand-written result too, before
//! or after the script's own: the result's status must not contradict one that is known, its metrics go before the script's,
//! and what the script still makes is kept with the run. Once somebody has said how a run ended, it never changes again.

use serde::Deserialize;
use serde_json::{Map, Value};
use shared::documents::Document;
use shared::domain::development::choices::{RecipeRunStatus, listed};
use shared::domain::development::recipe_run::RecipeRun;
use shared::domain::run::MetricPoint;
use shared::domain::tracking_rules;
use shared::http::fields::{Choice as _, Fields};
use shared::http::response;
use shared::store::runs::Batch;
use shared::{Error, ErrorKind, Platform, Request, Response, Result, Timestamp, documents};
use utoipa::ToSchema;

use crate::views::problem::{Problem, ValidationProblem};
use crate::views::run::RunView;
use crate::{find, rules};

const ATTEMPTS: u32 = 8;
/// The most bytes of metrics, and of artifacts, that are written by hand.
const LONGEST_DOCUMENT: usize = 64 * 1024;
const DEEPEST: usize = 32;
/// The longest log that is written by hand, in characters.
const LONGEST_LOG: usize = 1_000_000;
/// How many metrics MLflow's run is given at the most.
const MOST_METRICS: usize = 1000;

/// What is to change; what is absent stays.
#[derive(Debug, Deserialize, ToSchema)]
pub struct RunChangeRequest {
    /// Where it is: `queued` goes to any other, `running` to `succeeded` or `failed`.
    pub status: Option<RecipeRunStatus>,
    /// Metrics, merged with those that it has; numbers are logged to MLflow's run too.
    #[schema(value_type = Option<Object>, example = json!({ "revenue_lift": 0.045 }))]
    pub metrics_json: Option<Value>,
    /// Artifacts, merged with those that it has.
    #[schema(value_type = Option<Object>)]
    pub artifacts_json: Option<Value>,
    /// Its log, in place of its script's.
    pub logs_text: Option<String>,
}

/// What a request wants to change.
#[derive(Debug, Default)]
struct Change {
    status: Option<RecipeRunStatus>,
    metrics: Option<Value>,
    artifacts: Option<Value>,
    logs: Option<Value>,
}

/// Update a run
///
/// By hand. A run that a script carries out takes a hand-written result as well: its metrics go before the script's, and its
/// status must not contradict one that is known; `failed` stops the script. A run that was ended by hand never changes again;
/// writing the same once more is no error.
#[utoipa::path(
    put,
    path = "/api/ml-development/runs/{run_id}",
    operation_id = "run_update",
    tag = "Runs",
    params(("run_id" = String, Path, description = "The run's id")),
    request_body = RunChangeRequest,
    responses(
        (status = 200, description = "The run as it is now", body = RunView),
        (status = 400, description = "It cannot go to that status (the text names those it can), or it has ended", body = Problem),
        (status = 403, description = "Another user made it", body = Problem),
        (status = 404, description = "No such run", body = Problem),
        (status = 422, description = "Fields are not as they must be", body = ValidationProblem),
    )
)]
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let mut fields = Fields::of_body(&request, rules::LONGEST_BODY)?;
    let change = Change {
        status: fields.choice("status"),
        metrics: fields.object("metrics_json", LONGEST_DOCUMENT, DEEPEST),
        artifacts: fields.object("artifacts_json", LONGEST_DOCUMENT, DEEPEST),
        logs: fields.text("logs_text", 0..=LONGEST_LOG).map(Value::String),
    };
    fields.finish()?;
    let store = platform.store()?;
    for _ in 0..ATTEMPTS {
        let old = find::run(platform, request.path_parameter("run_id")?).await?;
        if !request.caller.may_use(old.made_by.as_deref()) {
            return Err(Error::new(ErrorKind::Forbidden, "This run was made by another user"));
        }
        let new = changed(platform, &old, &change).await?;
        if new == old {
            return response::ok(&RunView::of(platform, &request.caller, old).await?);
        }
        check_may_change(&old, &new, change.status)?;
        if !store.change_recipe_run(&old, &new).await? {
            continue;
        }
        follow(platform, &old, &new, change.metrics.as_ref()).await?;
        return response::ok(&RunView::of(platform, &request.caller, new).await?);
    }
    Err(Error::new(ErrorKind::Unavailable, "Others change this run at this moment; try again."))
}

/// The run with the change, whether it may change or not.
async fn changed(platform: &Platform, old: &RecipeRun, change: &Change) -> Result<RecipeRun> {
    let status = change.status.unwrap_or(old.status);
    let now = Timestamp::now();
    let mut new = RecipeRun {
        status,
        metrics: merged(platform, "metrics_json", old.metrics.as_ref(), change.metrics.as_ref()).await?,
        artifacts: merged(platform, "artifacts_json", old.artifacts.as_ref(), change.artifacts.as_ref()).await?,
        logs: match &change.logs {
            Some(logs) => Some(documents::keep(platform, logs).await?),
            None => old.logs.clone(),
        },
        ..old.clone()
    };
    if status != RecipeRunStatus::Queued && new.started_at.is_none() {
        new.started_at = Some(now);
    }
    if status.is_final() && new.finished_at.is_none() {
        new.finished_at = Some(now);
    }
    // What a script has ended takes one result by hand.
    if status.is_final()
        && (new.status != old.status || new.metrics != old.metrics || new.artifacts != old.artifacts || new.logs != old.logs)
    {
        new.ended_by_hand = true;
    }
    Ok(new)
}

fn check_may_change(old: &RecipeRun, new: &RecipeRun, asked: Option<RecipeRunStatus>) -> Result<()> {
    let from = old.status.name();
    if old.ended_by_hand || (old.status.is_final() && old.job_id.is_none()) {
        return Err(Error::bad_request(format!("The run has {from} and cannot change any more")));
    }
    if new.status != old.status && !old.status.allowed_next().contains(&new.status) {
        let (allowed, to) = (listed(old.status.allowed_next()), new.status.name());
        return Err(Error::bad_request(format!("A run that is {from} cannot become {to}; allowed: {allowed}")));
    }
    if old.job_id.is_some() && new.status != old.status && asked == Some(RecipeRunStatus::Running) {
        return Err(Error::bad_request("The run's script says itself when it runs; allowed: succeeded, failed"));
    }
    Ok(())
}

/// One document's members over another's.
async fn merged(platform: &Platform, field: &str, old: Option<&Document>, new: Option<&Value>) -> Result<Option<Document>> {
    let Some(Value::Object(new)) = new else { return Ok(old.cloned()) };
    let mut members = match documents::read_optional(platform, old).await? {
        Some(Value::Object(members)) => members,
        _ => Map::new(),
    };
    members.extend(new.clone());
    let merged = Value::Object(members);
    if merged.to_string().len() > LONGEST_DOCUMENT {
        return Err(Error::field(field, format!("must have at most {LONGEST_DOCUMENT} bytes together with what is there")));
    }
    documents::keep(platform, &merged).await.map(Some)
}

/// What else follows from a change: MLflow's run has it too, and a script whose run has failed is stopped.
async fn follow(platform: &Platform, old: &RecipeRun, new: &RecipeRun, metrics: Option<&Value>) -> Result<()> {
    let store = platform.store()?;
    let timestamp = Timestamp::now().milliseconds();
    let points = metrics.and_then(Value::as_object).into_iter().flatten().filter_map(|(name, value)| {
        let point = MetricPoint { step: 0, timestamp, value: value.as_f64()? };
        tracking_rules::check_metric(name, point, "metrics_json").ok().map(|()| (name.clone(), point))
    });
    let points: Vec<_> = points.take(MOST_METRICS).collect();
    if !points.is_empty() {
        match store.log_batch(&new.id, Batch { metrics: points, ..Batch::default() }).await {
            // It was deleted through MLflow's API.
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::BadRequest) => {}
            logged => logged?,
        }
    }
    if old.status == new.status {
        return Ok(());
    }
    store.mlflow_run_follows(new).await?;
    if let (RecipeRunStatus::Failed, Some(job_id)) = (new.status, &new.job_id) {
        match store.request_cancel(job_id).await {
            Err(error) if error.kind() == ErrorKind::Conflict => {}
            asked => drop(asked?),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::{Value, json};
    use shared::domain::job::JobStatus;
    use shared::store::jobs::JobChange;
    use testing::TestPlatform;

    use crate::fixtures::{get, id, post, put, recipe};

    async fn run(test: &TestPlatform, manifest: Value) -> (String, Value) {
        let name = shared::id::new_id();
        let made = recipe(test, &name, manifest).await;
        let body = json!({ "recipe_id": made.0, "recipe_version_id": made.1, "run_type": "train" });
        let (status, run) = post(test, "/runs", &body).await;
        assert_eq!(status, 201, "{run}");
        (format!("/runs/{}", id(&run, "id")), run)
    }

    #[tokio::test]
    async fn a_run_by_hand_goes_its_way_and_is_then_immutable() {
        let test = TestPlatform::start().await;
        let (path, made) = run(&test, json!({})).await;
        let (_, running) = put(&test, &path, &json!({ "status": "running", "logs_text": "Epoch 1" })).await;
        assert_eq!((running["status"].as_str(), running["logs_text"].as_str()), (Some("running"), Some("Epoch 1")), "{running}");
        assert_eq!(put(&test, &path, &json!({ "status": "queued" })).await.0, 400);
        let result = json!({ "status": "succeeded", "metrics_json": { "revenue_lift": 0.045, "note": "x" }, "artifacts_json": { "model_path": "s3://b/m.pkl" } });
        let (status, done) = put(&test, &path, &result).await;
        assert_eq!((status, &done["metrics_json"]), (200, &json!({ "revenue_lift": 0.045, "note": "x" })), "{done}");
        assert_eq!((done["artifacts_json"]["model_path"].as_str(), done["finished_at"].is_string()), (Some("s3://b/m.pkl"), true));
        let tracked = test.platform.store().unwrap().run(id(&made, "id").trim_start_matches("run_")).await.unwrap().unwrap();
        assert_eq!(tracked.metrics["revenue_lift"].value, 0.045);
        // Once more the same is no error; anything else is.
        assert_eq!(put(&test, &path, &result).await.0, 200);
        for body in [json!({ "status": "failed" }), json!({ "metrics_json": { "revenue_lift": 1 } }), json!({ "logs_text": "x" })] {
            let (status, refused) = put(&test, &path, &body).await;
            assert!(status == 400 && refused["detail"].as_str().unwrap().contains("cannot change"), "{body}: {refused}");
        }
        assert_eq!(get(&test, "/runs?status=succeeded").await.1["total"], 1);
    }

    #[tokio::test]
    async fn a_result_by_hand_is_taken_while_the_script_is_at_it() {
        let test = TestPlatform::start().await;
        let store = test.platform.store().unwrap();
        let (path, made) = run(&test, json!({ "training_script": "import mlflow\n" })).await;
        let job_id = id(&made, "job_id");
        assert_eq!(put(&test, &path, &json!({ "status": "running" })).await.0, 400, "the script says so itself");
        store.move_job(&job_id, JobStatus::Running, JobChange::default()).await.unwrap();
        let (status, done) = put(&test, &path, &json!({ "status": "succeeded", "metrics_json": { "revenue_lift": 0.045 } })).await;
        assert_eq!((status, done["status"].as_str()), (200, Some("succeeded")), "{done}");
        // The script's own end changes nothing of it.
        let change = JobChange { error: Some("late".to_owned()), ..JobChange::default() };
        store.move_job(&job_id, JobStatus::Failed, change).await.unwrap();
        assert_eq!(get(&test, &path).await.1["status"], "succeeded");
    }

    #[tokio::test]
    async fn a_result_by_hand_is_taken_once_after_the_script() {
        let test = TestPlatform::start().await;
        let store = test.platform.store().unwrap();
        let (path, made) = run(&test, json!({ "training_script": "import mlflow\n" })).await;
        let job_id = id(&made, "job_id");
        store.move_job(&job_id, JobStatus::Running, JobChange::default()).await.unwrap();
        store.move_job(&job_id, JobStatus::Completed, JobChange::default()).await.unwrap();
        assert_eq!(put(&test, &path, &json!({ "status": "failed" })).await.0, 400, "it has succeeded");
        let result = json!({ "status": "succeeded", "metrics_json": { "revenue_lift": 0.045 } });
        assert_eq!(put(&test, &path, &result).await.0, 200);
        assert_eq!(put(&test, &path, &json!({ "metrics_json": { "revenue_lift": 0.1 } })).await.0, 400);
    }

    #[tokio::test]
    async fn a_run_that_is_failed_by_hand_stops_its_script() {
        let test = TestPlatform::start().await;
        let (path, made) = run(&test, json!({ "training_script": "import mlflow\n" })).await;
        assert_eq!(put(&test, &path, &json!({ "status": "failed" })).await.0, 200);
        let job = test.platform.store().unwrap().job(&id(&made, "job_id")).await.unwrap().unwrap();
        assert!(job.cancel_requested);
    }

    #[tokio::test]
    async fn bad_input_is_refused() {
        let test = TestPlatform::start().await;
        let (path, _) = run(&test, json!({})).await;
        for (path, body, expected) in [
            (path.as_str(), json!({ "status": "done" }), 400),
            (&path, json!({ "status": 1 }), 422),
            (&path, json!({ "metrics_json": [] }), 422),
            (&path, json!({ "metrics_json": { "x": "x".repeat(70_000) } }), 422),
            (&path, json!({ "artifacts_json": "x" }), 422),
            (&path, json!({ "logs_text": 1 }), 422),
            ("/runs/run_none", json!({ "status": "failed" }), 404),
        ] {
            let (status, refused) = put(&test, path, &body).await;
            let shown: String = body.to_string().chars().take(80).collect();
            assert_eq!(status, expected, "{shown}: {refused}");
        }
        // Names and values that MLflow takes no metric of are kept here all the same.
        let odd = json!({ "metrics_json": { "": 1, "a\u{0}b": 2, "nested": { "x": 1 }, "big": 1e308 } });
        let (status, kept) = put(&test, &path, &odd).await;
        assert_eq!((status, &kept["metrics_json"]["nested"]), (200, &json!({ "x": 1 })), "{kept}");
    }
}
