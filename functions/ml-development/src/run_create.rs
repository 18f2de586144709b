//! `POST /api/ml-development/runs`. Document: ml-development-api, "Create Run".

use bytes::Bytes;
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use shared::domain::development::choices::{RecipeRunStatus, RecipeStatus, RunType};
use shared::domain::development::manifest::Manifest;
use shared::domain::development::recipe::{MODEL_PREFIX, RECIPE_PREFIX, RUN_PREFIX, Recipe, RecipeVersion, VERSION_PREFIX, shown};
use shared::domain::development::recipe_run::RecipeRun;
use shared::domain::development::synthetic;
use shared::domain::job::{Job, JobKind};
use shared::domain::registered_model::{Development, RegisteredModel};
use shared::domain::run::RunStatus;
use shared::http::fields::{Choice as _, Fields};
use shared::http::response;
use shared::jobs::submit::{self, SubmittedScript};
use shared::store::runs::{NewRun, RunChange};
use shared::{Error, Platform, Request, Response, Result, Timestamp, documents};
use utoipa::ToSchema;

use crate::views::problem::{Problem, ValidationProblem};
use crate::views::run::RunView;
use crate::{find, rules};

/// A new run.
#[derive(Debug, Deserialize, ToSchema)]
pub struct RunRequest {
    /// The recipe.
    #[schema(example = "recipe_pricing_base")]
    pub recipe_id: String,
    /// The recipe's version.
    #[schema(example = "ver_pricing_base_v1")]
    pub recipe_version_id: String,
    /// What it does: `train` runs the manifest's `training_script`, `eval` and `backtest` its `evaluation_script`.
    pub run_type: RunType,
    /// The model that it is for, made of the same recipe: a training makes a version of it, an evaluation looks at its newest.
    pub model_id: Option<String>,
}

/// Create a run
///
/// Where the version's manifest has a script for it, the script runs at once, on the recipe's example data, and the run follows
/// it from `queued` to `succeeded` or `failed`. Without one the run is tracked by hand: `PUT /api/ml-development/runs/{run_id}`.
/// Either way it is a run of MLflow's too, in the experiment named after the recipe's id.
#[utoipa::path(
    post,
    path = "/api/ml-development/runs",
    operation_id = "run_create",
    tag = "Runs",
    request_body = RunRequest,
    responses(
        (status = 201, description = "The run", body = RunView),
        (status = 400, description = "A value is none of its set, the recipe is archived, or the model is of another recipe", body = Problem),
        (status = 404, description = "No such recipe, version or model", body = Problem),
        (status = 422, description = "Fields are not as they must be", body = ValidationProblem),
    )
)]
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let mut fields = Fields::of_body(&request, rules::LONGEST_BODY)?;
    let recipe_id = fields.required_text("recipe_id", 1..=find::LONGEST_ID);
    let version_id = fields.required_text("recipe_version_id", 1..=find::LONGEST_ID);
    fields.require("run_type");
    let run_type = fields.choice::<RunType>("run_type");
    let model_id = fields.text("model_id", 1..=find::LONGEST_ID);
    fields.finish()?;
    let run_type = run_type.ok_or_else(|| Error::broken("a required field was absent and not refused"))?;
    let recipe = find::recipe(platform, &recipe_id).await?;
    let version = find::version(platform, &recipe, &version_id).await?;
    let model = match &model_id {
        Some(id) => Some(find::model(platform, id).await?),
        None => None,
    };
    check(&request, &recipe, model.as_ref())?;
    let run = Asked { request: &request, recipe, version, model, run_type }.begin(platform).await?;
    response::json(StatusCode::CREATED, &RunView::of(platform, &request.caller, run).await?)
}

fn check(request: &Request, recipe: &Recipe, model: Option<&(RegisteredModel, Development)>) -> Result<()> {
    if recipe.status == RecipeStatus::Archived {
        return Err(Error::bad_request("Recipe is archived; set its status to draft or approved first"));
    }
    let Some((_, development)) = model else { return Ok(()) };
    if development.recipe_id != recipe.id {
        let made_of = shown(RECIPE_PREFIX, &development.recipe_id);
        return Err(Error::bad_request(format!("Model {} is made of {made_of}", shown(MODEL_PREFIX, &development.id))));
    }
    if !request.caller.may_use(development.made_by.as_deref()) {
        return Err(Error::new(shared::ErrorKind::Forbidden, "This model was registered by another user"));
    }
    Ok(())
}

struct Asked<'a> {
    request: &'a Request,
    recipe: Recipe,
    version: RecipeVersion,
    model: Option<(RegisteredModel, Development)>,
    run_type: RunType,
}

impl Asked<'_> {
    async fn begin(self, platform: &Platform) -> Result<RecipeRun> {
        let store = platform.store()?;
        let manifest = documents::read(platform, &self.version.manifest).await?;
        let manifest = Manifest(&manifest);
        let script = match self.run_type {
            RunType::Train => manifest.training_script(),
            RunType::Eval | RunType::Backtest => manifest.evaluation_script(),
        };
        let job = script.map(|_| self.job());
        let experiment = store.ensure_experiment(&shown(RECIPE_PREFIX, &self.recipe.id)).await?;
        let now = Timestamp::now();
        let tracked = NewRun {
            experiment_id: experiment.id,
            name: format!("{} {} {}", self.recipe.name, self.version.version_number, self.run_type.name()),
            user_id: self.request.caller.user_id().unwrap_or_default().to_owned(),
            start_time: now.milliseconds(),
            tags: self.tags(),
            job_id: job.as_ref().map(|job| job.id.clone()),
        };
        let tracked = store.create_run(tracked).await?;
        store.update_run(&tracked.id, RunChange { status: Some(RunStatus::Scheduled), ..RunChange::default() }).await?;
        let run = RecipeRun {
            id: tracked.id,
            model_id: self.model.as_ref().map(|(_, development)| development.id.clone()),
            recipe_id: self.recipe.id.clone(),
            recipe_version_id: self.version.id.clone(),
            run_type: self.run_type,
            status: RecipeRunStatus::Queued,
            job_id: job.as_ref().map(|job| job.id.clone()),
            made_by: self.request.caller.user_id().map(str::to_owned),
            ended_by_hand: false,
            metrics: None,
            artifacts: None,
            logs: None,
            model_name: None,
            model_version: None,
            error: None,
            created_at: now,
            started_at: None,
            finished_at: None,
            revision: 0,
        };
        let Some((job, script)) = job.zip(script) else {
            store.create_recipe_run(&run, None).await?;
            return Ok(run);
        };
        let job = Job { recipe_run_id: Some(run.id.clone()), ..job };
        let files = self.files(platform, manifest, &run).await?;
        let submitted = SubmittedScript {
            script_name: if self.run_type == RunType::Train { "train.py" } else { "evaluate.py" }.to_owned(),
            script_content: script.to_owned(),
            experiment_name: experiment.name,
            requirements: manifest.requirements(),
            timeout: manifest.timeout_seconds(),
            ..SubmittedScript::default()
        };
        if let Err(error) = submit::recipe_run(platform, job, submitted, files, &run).await {
            // Nothing will ever move MLflow's run.
            let ended = RunChange { status: Some(RunStatus::Failed), end_time: Some(Timestamp::now().milliseconds()), name: None };
            store.update_run(&run.id, ended).await?;
            return Err(error);
        }
        Ok(run)
    }

    fn job(&self) -> Job {
        let model_name = self.model.as_ref().map_or_else(|| shown(RECIPE_PREFIX, &self.recipe.id), |(model, _)| model.name.clone());
        Job {
            owner: self.request.caller.user_id().map(str::to_owned),
            without_model: self.run_type != RunType::Train || self.model.is_none(),
            ..Job::new(JobKind::Training, model_name)
        }
    }

    fn tags(&self) -> std::collections::BTreeMap<String, String> {
        let tag = |name: &str, value: String| (format!("serveml.{name}"), value);
        [
            tag("recipe_id", shown(RECIPE_PREFIX, &self.recipe.id)),
            tag("recipe_version", self.version.version_number.clone()),
            tag("run_type", self.run_type.name().to_owned()),
        ]
        .into()
    }

    /// What lies beside the script.
    async fn files(&self, platform: &Platform, manifest: Manifest<'_>, run: &RecipeRun) -> Result<Vec<(String, Bytes)>> {
        let model_uri = match &self.model {
            Some((model, _)) if self.run_type != RunType::Train && model.last_version > 0 => {
                let newest = platform.store()?.model_versions(&model.name, &shared::paging::PageRequest { limit: 1, after: None }).await?;
                newest.items.first().map(|version| format!("models:/{}/{}", version.model_name, version.version))
            }
            _ => None,
        };
        let described = json!({
            "run_id": shown(RUN_PREFIX, &run.id),
            "run_type": self.run_type,
            "recipe_id": shown(RECIPE_PREFIX, &run.recipe_id),
            "recipe_version_id": shown(VERSION_PREFIX, &run.recipe_version_id),
            "recipe_version_number": self.version.version_number,
            "model_id": run.model_id.as_ref().map(|id| shown(MODEL_PREFIX, id)),
            "model_name": self.model.as_ref().map(|(model, _)| &model.name),
            "model_uri": model_uri,
            "target": manifest.target(),
            "parameters": manifest.parameters(),
        });
        let mut files = vec![
            ("run.json".to_owned(), described.to_string().into()),
            ("dataset.json".to_owned(), self.dataset(platform, manifest).await?.to_string().into()),
        ];
        // An evaluation may use what the training defines.
        if self.run_type != RunType::Train
            && let Some(training) = manifest.training_script()
        {
            files.push(("train.py".to_owned(), training.to_owned().into()));
        }
        Ok(files)
    }

    /// The recipe's example data; where it has none, rows that are generated from the manifest's schema.
    async fn dataset(&self, platform: &Platform, manifest: Manifest<'_>) -> Result<Value> {
        if let Some(example) = platform.store()?.synthetic_example(&self.recipe.id).await? {
            let (schema, rows) =
                futures::try_join!(documents::read(platform, &example.dataset_schema), documents::read(platform, &example.sample_rows))?;
            return Ok(json!({ "schema": schema, "rows": rows }));
        }
        let schema = manifest.dataset_schema().cloned().unwrap_or_else(|| json!({}));
        // A schema that no rows can be made of is the script's own affair.
        let rows = synthetic::rows(&schema).unwrap_or_default();
        Ok(json!({ "schema": schema, "rows": rows }))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::{Value, json};
    use shared::domain::job::JobStatus;
    use shared::domain::outcome::TrainingOutcome;
    use shared::domain::run::RunStatus;
    use shared::objects::keys;
    use shared::store::jobs::JobChange;
    use testing::TestPlatform;

    use crate::fixtures::{get, id, model, post, put, recipe};

    fn of(recipe: &str, version: &str) -> Value {
        json!({ "recipe_id": recipe, "recipe_version_id": version, "run_type": "train" })
    }

    #[tokio::test]
    async fn without_a_script_a_run_waits_for_somebody() {
        let test = TestPlatform::start().await;
        let made = recipe(&test, "Retail", json!({})).await;
        let (status, run) = post(&test, "/runs", &of(&made.0, &made.1)).await;
        assert_eq!(
            (status, run["status"].as_str(), &run["job_id"], &run["started_at"]),
            (201, Some("queued"), &Value::Null, &Value::Null),
            "{run}"
        );
        let tracked = test.platform.store().unwrap().run(id(&run, "id").trim_start_matches("run_")).await.unwrap().unwrap();
        assert_eq!((tracked.status, tracked.tags["serveml.recipe_id"].as_str()), (RunStatus::Scheduled, made.0.as_str()));
        assert!(test.calls().is_empty());
    }

    #[tokio::test]
    async fn with_a_script_the_run_follows_its_job() {
        let test = TestPlatform::start().await;
        let store = test.platform.store().unwrap();
        let body = of("recipe_pricing_base", "ver_pricing_base_v1");
        let (status, run) = post(&test, "/runs", &body).await;
        assert_eq!((status, run["status"].as_str()), (201, Some("queued")), "{run}");
        let (path, job_id) = (format!("/runs/{}", id(&run, "id")), id(&run, "job_id"));
        let dataset = test.platform.objects().unwrap().get(&keys::job_file(&job_id, "dataset.json")).await.unwrap().unwrap();
        let dataset: Value = serde_json::from_slice(&dataset).unwrap();
        assert_eq!(dataset["rows"].as_array().unwrap().len(), 400);
        let job = store.job(&job_id).await.unwrap().unwrap();
        assert!(job.without_model && job.files == ["run.json", "dataset.json"]);
        store.begin_attempt(&job_id, "hash").await.unwrap();
        let (_, run) = get(&test, &path).await;
        assert_eq!(run["status"], "running");
        assert!(run["started_at"].is_string());
        assert_eq!(get(&test, "/runs?status=running").await.1["total"], 1);
        store.add_output(&job_id, 1, 1, "Training...\n").await.unwrap();
        store.set_outcome(&job_id, &TrainingOutcome::Succeeded).await.unwrap();
        store.move_job(&job_id, JobStatus::Completed, JobChange::default()).await.unwrap();
        let (_, run) = get(&test, &path).await;
        assert_eq!((run["status"].as_str(), run["logs_text"].as_str()), (Some("succeeded"), Some("Training...\n")), "{run}");
        assert!(run["finished_at"].is_string());
        assert_eq!(store.run(id(&run, "id").trim_start_matches("run_")).await.unwrap().unwrap().status, RunStatus::Finished);
        assert_eq!(get(&test, "/runs?status=running").await.1["total"], 0);
    }

    #[tokio::test]
    async fn a_script_that_fails_fails_the_run_with_its_reason() {
        let test = TestPlatform::start().await;
        let (_, run) = post(&test, "/runs", &of("recipe_pricing_base", "ver_pricing_base_v1")).await;
        let change = JobChange { error: Some("ValueError: no rows".to_owned()), ..JobChange::default() };
        test.platform.store().unwrap().move_job(&id(&run, "job_id"), JobStatus::Failed, change).await.unwrap();
        let (_, run) = get(&test, &format!("/runs/{}", id(&run, "id"))).await;
        assert_eq!((run["status"].as_str(), run["error"].as_str()), (Some("failed"), Some("ValueError: no rows")), "{run}");
    }

    #[tokio::test]
    async fn an_evaluation_has_the_models_newest_version_at_hand() {
        let test = TestPlatform::start().await;
        let pricing = ("recipe_pricing_base".to_owned(), "ver_pricing_base_v1".to_owned());
        let model_id = model(&test, "Prices", &pricing).await;
        let version = shared::domain::registered_model::NewModelVersion { model_name: "Prices".to_owned(), ..Default::default() };
        test.platform.store().unwrap().create_model_version(version).await.unwrap();
        let mut body = of(&pricing.0, &pricing.1);
        body["run_type"] = json!("backtest");
        body["model_id"] = json!(model_id);
        let (status, run) = post(&test, "/runs", &body).await;
        assert_eq!(status, 201, "{run}");
        let described = test.platform.objects().unwrap().get(&keys::job_file(&id(&run, "job_id"), "run.json")).await.unwrap().unwrap();
        let described: Value = serde_json::from_slice(&described).unwrap();
        assert_eq!((&described["model_uri"], &described["run_type"]), (&json!("models:/Prices/1"), &json!("backtest")));
    }

    #[tokio::test]
    async fn bad_input_is_refused() {
        let test = TestPlatform::start().await;
        let (one, two) = (recipe(&test, "One", json!({})).await, recipe(&test, "Two", json!({})).await);
        let model_id = model(&test, "Prices", &one).await;
        let with = |recipe: &(String, String), field: &str, value: Value| {
            let mut body = of(&recipe.0, &recipe.1);
            body[field] = value;
            body
        };
        for (body, expected) in [
            (json!({}), 422),
            (with(&one, "run_type", json!("sing")), 400),
            (with(&one, "run_type", json!(1)), 422),
            (with(&one, "recipe_id", json!("recipe_none")), 404),
            (with(&one, "recipe_version_id", json!(two.1)), 404),
            (with(&one, "model_id", json!("model_none")), 404),
            (with(&two, "model_id", json!(model_id)), 400),
            (with(&one, "model_id", Value::Null), 201),
        ] {
            let (status, refused) = post(&test, "/runs", &body).await;
            assert_eq!(status, expected, "{body}: {refused}");
        }
        put(&test, &format!("/recipes/{}", two.0), &json!({ "status": "archived" })).await;
        assert_eq!(post(&test, "/runs", &of(&two.0, &two.1)).await.0, 400);
    }
}
