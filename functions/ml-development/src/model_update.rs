//! `PUT /api/ml-development/models/{model_id}`. Document: ml-development-api, "Update Model".

use serde::Deserialize;
use shared::domain::development::choices::{ModelStatus, RecipeRunStatus, listed};
use shared::domain::job::JobStatus;
use shared::domain::registered_model::{Development, RegisteredModel};
use shared::http::fields::{Choice as _, Fields, Window};
use shared::http::response;
use shared::jobs::submit::{self, DeploymentSource};
use shared::store::recipe_runs::RecipeRunFilter;
use shared::{Error, ErrorKind, Platform, Request, Response, Result};
use utoipa::ToSchema;

use crate::model_create::check_name;
use crate::views::model::ModelView;
use crate::views::problem::{Problem, ValidationProblem};
use crate::{find, rules};

const ATTEMPTS: u32 = 8;
/// Among so many of a model's newest runs that succeeded, one is looked for that made a version of it.
const NEWEST_RUNS: usize = 100;

/// What is to change; what is absent stays.
#[derive(Debug, Deserialize, ToSchema)]
pub struct ModelChange {
    /// Its name. A model that is deployed keeps its name.
    pub name: Option<String>,
    /// Where it is: `draft` goes to any other, `staging` too, `production` to `staging` or `retired`, `retired` to `draft`.
    pub status: Option<ModelStatus>,
    /// Who answers for it.
    pub owner: Option<String>,
    /// With `status` `production`: whether the version of the model's newest run that succeeded is deployed, if there is one.
    /// It is unless told.
    pub deploy: Option<bool>,
}

/// Update a model
///
/// `production` deploys the version that the model's newest successful run made, where there is one and it is not live yet;
/// `deployment_job_id` names the job.
#[utoipa::path(
    put,
    path = "/api/ml-development/models/{model_id}",
    operation_id = "development_model_update",
    tag = "Development Models",
    params(("model_id" = String, Path, description = "The model's id")),
    request_body = ModelChange,
    responses(
        (status = 200, description = "The model as it is now", body = ModelView),
        (status = 400, description = "It cannot go to that status (the text names those it can), or the name is taken", body = Problem),
        (status = 403, description = "Another user's deployment serves the model, or another user made it", body = Problem),
        (status = 404, description = "No such model", body = Problem),
        (status = 409, description = "It is deployed and keeps its name, or its version cannot be deployed", body = Problem),
        (status = 422, description = "Fields are not as they must be", body = ValidationProblem),
    )
)]
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let mut fields = Fields::of_body(&request, rules::LONGEST_BODY)?;
    let name = fields.text("name", 1..=rules::LONGEST_NAME);
    check_name(&mut fields, name.as_deref().unwrap_or_default());
    let (status, owner) = (fields.choice("status"), fields.text("owner", 0..=rules::LONGEST_NAME));
    let deploy = fields.boolean("deploy").unwrap_or(true);
    fields.finish()?;
    let store = platform.store()?;
    let id = request.path_parameter("model_id")?;
    for _ in 0..ATTEMPTS {
        let (mut model, old) = find::model(platform, id).await?;
        if !request.caller.may_use(old.made_by.as_deref()) {
            return Err(Error::new(ErrorKind::Forbidden, "This model was registered by another user"));
        }
        check_transition(old.status, status.unwrap_or(old.status))?;
        if let Some(name) = name.as_ref().filter(|name| **name != model.name) {
            model = store.rename_registered_model(&model.name, name).await?;
        }
        // Before the status: what cannot be deployed does not become what is live.
        let job_id =
            if status == Some(ModelStatus::Production) && deploy { deploy_newest(platform, &request, &model, &old).await? } else { None };
        let new = Development { status: status.unwrap_or(old.status), owner: owner.clone().or_else(|| old.owner.clone()), ..old.clone() };
        if new == old || store.change_development_model(&model, &old, &new).await? {
            let (model, development) = find::model(platform, id).await?;
            return response::ok(&ModelView { deployment_job_id: job_id, ..ModelView::of(model, development) });
        }
    }
    Err(Error::new(ErrorKind::Unavailable, "Others change this model at this moment; try again."))
}

fn check_transition(from: ModelStatus, to: ModelStatus) -> Result<()> {
    if from == to || from.allowed_next().contains(&to) {
        return Ok(());
    }
    let (allowed, from, to) = (listed(from.allowed_next()), from.name(), to.name());
    Err(Error::bad_request(format!("A model that is {from} cannot become {to}; allowed: {allowed}")))
}

/// Has the version deployed that the model's newest successful run made, unless it is live or on its way; gives the job.
async fn deploy_newest(
    platform: &Platform,
    request: &Request,
    model: &RegisteredModel,
    development: &Development,
) -> Result<Option<String>> {
    let store = platform.store()?;
    let filter = RecipeRunFilter { model_id: Some(&development.id), status: Some(RecipeRunStatus::Succeeded), recipe_id: None };
    let (runs, _) = store.recipe_runs(filter, Window { limit: NEWEST_RUNS, offset: 0 }).await?;
    let Some(version) = runs.into_iter().find_map(|run| run.model_version) else {
        return Ok(None);
    };
    if let Some(deployment) = store.deployment_of_model(&model.name).await? {
        if deployment.live_model_version == Some(version) {
            return Ok(None);
        }
        let job = match &deployment.job_id {
            Some(job_id) => store.job(job_id).await?,
            None => None,
        };
        if let Some(job) = job.filter(|job| job.model_version == Some(version) && JobStatus::OPEN.contains(&job.status)) {
            return Ok(Some(job.id));
        }
    }
    let source = DeploymentSource::Version(version.to_string());
    let submitted = submit::deployment(platform, &request.caller, model.name.clone(), None, source, None).await?;
    Ok(Some(submitted.job.id))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::{Value, json};
    use shared::domain::job::JobStatus;
    use shared::domain::registered_model::NewModelVersion;
    use shared::store::jobs::JobChange;
    use testing::TestPlatform;

    use crate::fixtures::{get, id, model, post, put, recipe};

    #[tokio::test]
    async fn statuses_go_the_allowed_ways_only() {
        let test = TestPlatform::start().await;
        let made = recipe(&test, "Retail", json!({})).await;
        let path = format!("/models/{}", model(&test, "Prices", &made).await);
        for (to, expected) in [
            ("draft", 200),
            ("staging", 200),
            ("production", 200),
            ("draft", 400),
            ("production", 200),
            ("retired", 200),
            ("production", 400),
            ("staging", 400),
            ("draft", 200),
            ("production", 200),
        ] {
            let (status, answer) = put(&test, &path, &json!({ "status": to })).await;
            assert_eq!(status, expected, "{to}: {answer}");
            if status == 400 {
                assert!(answer["detail"].as_str().unwrap().contains("allowed: "), "{answer}");
            }
        }
        let (_, changed) = put(&test, &path, &json!({ "owner": "others", "name": "Prices 2" })).await;
        assert_eq!((&changed["owner"], &changed["name"]), (&json!("others"), &json!("Prices 2")));
        assert!(changed.get("deployment_job_id").is_none());
    }

    #[tokio::test]
    async fn production_deploys_what_the_newest_successful_run_made() {
        let test = TestPlatform::start().await;
        let store = test.platform.store().unwrap();
        let made = recipe(&test, "Retail", json!({ "training_script": "import mlflow\n" })).await;
        let model_id = model(&test, "Prices", &made).await;
        let path = format!("/models/{model_id}");
        let body = json!({ "recipe_id": made.0, "recipe_version_id": made.1, "run_type": "train", "model_id": model_id });
        for _ in 0..2 {
            let (_, run) = post(&test, "/runs", &body).await;
            let job_id = id(&run, "job_id");
            let new = NewModelVersion {
                model_name: "Prices".to_owned(),
                artifact_path: Some("1/models/m/artifacts".to_owned()),
                job_id: Some(job_id.clone()),
                ..Default::default()
            };
            let version = store.create_model_version(new).await.unwrap();
            store.move_job(&job_id, JobStatus::Running, JobChange::default()).await.unwrap();
            let change = JobChange { model_version: Some(version.version), ..JobChange::default() };
            store.move_job(&job_id, JobStatus::Completed, change).await.unwrap();
        }
        assert_eq!(put(&test, &path, &json!({ "status": "staging" })).await.1.get("deployment_job_id"), None);
        let (status, changed) = put(&test, &path, &json!({ "status": "production" })).await;
        assert_eq!((status, changed["status"].as_str()), (200, Some("production")), "{changed}");
        let job = store.job(&id(&changed, "deployment_job_id")).await.unwrap().unwrap();
        assert_eq!((job.model_name.as_str(), job.model_version), ("Prices", Some(2)));
        // Asked again while it is on its way, there is no second one.
        let (_, again) = put(&test, &path, &json!({ "status": "production" })).await;
        assert_eq!(again["deployment_job_id"], changed["deployment_job_id"]);
    }

    #[tokio::test]
    async fn a_model_can_be_in_production_without_being_deployed() {
        let test = TestPlatform::start().await;
        let made = recipe(&test, "Retail", json!({})).await;
        let path = format!("/models/{}", model(&test, "Prices", &made).await);
        let (status, changed) = put(&test, &path, &json!({ "status": "production", "deploy": false })).await;
        assert_eq!((status, changed.get("deployment_job_id")), (200, None), "{changed}");
        assert!(test.calls().is_empty(), "{:?}", test.calls());
    }

    #[tokio::test]
    async fn bad_input_is_refused() {
        let test = TestPlatform::start().await;
        let made = recipe(&test, "Retail", json!({})).await;
        model(&test, "Other", &made).await;
        let path = format!("/models/{}", model(&test, "Prices", &made).await);
        for (path, body, expected) in [
            (path.as_str(), json!({ "status": "live" }), 400),
            (&path, json!({ "name": "Other" }), 400),
            (&path, json!({ "name": "a:b" }), 422),
            (&path, json!({ "deploy": "no" }), 422),
            (&path, Value::Null, 422),
            ("/models/model_none", json!({ "owner": "x" }), 404),
        ] {
            let (status, refused) = put(&test, path, &body).await;
            assert_eq!(status, expected, "{path} {body}: {refused}");
        }
        assert_eq!(get(&test, &path).await.1["name"], "Prices");
    }
}
