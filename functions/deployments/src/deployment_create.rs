//! `POST /api/mlops/projects/{project_id}/deployments`: a model is deployed. Document: deployments-api, "Create Deployment".

use std::collections::BTreeMap;

use http::StatusCode;
use privacy::PiiType;
use serde::Serialize;
use shared::domain::deployment::PrivacySettings;
use shared::domain::name;
use shared::domain::project::Project;
use shared::http::fields::{Choice, Fields};
use shared::http::response;
use shared::projects::deploy::{NewDeployment, deploy};
use shared::store::idempotency::Idempotency;
use shared::{Error, Platform, Request, Response, Result};
use utoipa::ToSchema;

use crate::privacy_policy_fields::take_column_map;
use crate::views::problem::Problem;
use crate::{access, model_get};

const LONGEST_BODY: usize = 256 * 1024;

/// A stage to which a model can be deployed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// To be tried.
    Staging,
    /// To be live.
    Production,
}

impl Choice for Stage {
    const ALL: &'static [Self] = &[Stage::Staging, Stage::Production];
    fn name(self) -> &'static str {
        match self {
            Stage::Staging => "staging",
            Stage::Production => "production",
        }
    }
}

/// What to deploy, and how.
#[derive(Debug, ToSchema)]
#[schema(as = ProjectDeploymentRequest)]
#[allow(dead_code)]
pub struct DeploymentRequest {
    /// The model, one of the project's.
    #[schema(example = "a7b8c9d0-e1f2-3456-7890-abcdef123456")]
    model_id: String,
    /// The deployment's name.
    #[schema(example = "fraud-detector-staging")]
    name: String,
    /// `staging` or `production`.
    #[schema(example = "staging")]
    stage: String,
    /// How much of the production traffic it is to take, in percent; under 100 it is a canary, and what is in production keeps the rest.
    #[schema(example = 100, minimum = 1, maximum = 100)]
    traffic_percent: Option<u8>,
    /// A privacy policy of the project's.
    privacy_policy_id: Option<String>,
    /// Whether records of predictions are anonymised.
    privacy_anonymize_logs: Option<bool>,
    /// Whether answers are anonymised.
    privacy_anonymize_response: Option<bool>,
    /// Which columns hold which type of personal data.
    #[schema(example = json!({ "contact": "email" }))]
    privacy_column_map: Option<BTreeMap<String, String>>,
    /// How sure a detection must be.
    #[schema(minimum = 0, maximum = 1)]
    privacy_threshold: Option<f64>,
}

/// What was asked for, which is on its way.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeploymentCreated {
    /// The deployment.
    #[schema(example = "d0e1f2a3-b4c5-6789-0123-def456789012")]
    pub id: String,
    /// The same.
    #[schema(example = "d0e1f2a3-b4c5-6789-0123-def456789012")]
    pub deployment_id: String,
    /// The stage that was asked for.
    #[schema(example = "staging")]
    pub stage: &'static str,
    /// True: predictions wait until its model answers.
    pub is_active: bool,
    /// The job that brings it up.
    pub job_id: String,
}

/// Create a deployment
///
/// Answered at once: a job builds it, and predictions wait until it answers. One for `production` replaces what is there when it
/// answers itself, at once and without losing a request; what was there is archived.
#[utoipa::path(
    post,
    path = "/api/mlops/projects/{project_id}/deployments",
    operation_id = "deployments_create",
    tag = "Project deployments",
    params(
        ("project_id" = String, Path, description = "The project"),
        ("Idempotency-Key" = Option<String>, Header, description = "The same key starts nothing a second time for a day"),
    ),
    request_body = DeploymentRequest,
    responses(
        (status = 201, description = "It is on its way", body = DeploymentCreated),
        (status = 400, description = "There is no such stage", body = Problem),
        (status = 401, description = "Not signed in", body = Problem),
        (status = 404, description = "The caller is in no such project, or it has no such model or privacy policy", body = Problem),
        (status = 409, description = "The model cannot be deployed, or the Idempotency-Key was used for another request", body = Problem),
        (status = 422, description = "A field does not hold what it must", body = Problem),
    )
)]
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let project = access::project(platform, &request).await?;
    let mut fields = Fields::of_body(&request, LONGEST_BODY)?;
    let model_id = fields.required_text("model_id", 1..=80);
    let deployment_name = fields.required_text("name", 1..=name::LONGEST_NAME);
    fields.require("stage");
    let stage: Option<Stage> = fields.choice("stage");
    let traffic_percent = fields.integer("traffic_percent", 1..=100).and_then(|percent| u8::try_from(percent).ok()).unwrap_or(100);
    let privacy = PrivacySettings {
        policy_id: fields.text("privacy_policy_id", 1..=80),
        anonymize_logs: fields.boolean("privacy_anonymize_logs"),
        anonymize_response: fields.boolean("privacy_anonymize_response"),
        column_map: names_by_column(take_column_map(&mut fields, "privacy_column_map")),
        threshold: fields.number("privacy_threshold", 0.0..=1.0),
    };
    fields.finish()?;
    let stage = stage.ok_or_else(|| Error::broken("a stage that was checked is there"))?;
    if let Some(id) = &privacy.policy_id {
        check_policy(platform, &request, &project, id).await?;
    }
    let model = model_get::find(platform, &project, &model_id).await?;
    let idempotency = Idempotency::of(&request, "project_deployment")?;
    let goes_to_production = stage == Stage::Production;
    let asked = NewDeployment { model, name: deployment_name, goes_to_production, traffic_percent, privacy };
    let submitted = deploy(platform, &request.caller, &project, asked, idempotency.as_ref()).await?;
    let id = submitted.job.deployment_id.clone().ok_or_else(|| Error::broken("a deployment's job names it"))?;
    let created = DeploymentCreated { deployment_id: id.clone(), id, stage: stage.name(), is_active: true, job_id: submitted.job.id };
    response::json(StatusCode::CREATED, &created)
}

/// That a privacy policy is one of the project's that the caller may use.
///
/// # Errors
/// `NotFound` when it is not; `Internal` when DynamoDB does not answer.
pub async fn check_policy(platform: &Platform, request: &Request, project: &Project, id: &str) -> Result<()> {
    let policy = platform.store()?.privacy_policy(id).await?.filter(|policy| policy.project_id == project.id);
    let usable = policy.is_some_and(|policy| !project.is_default() || request.caller.may_use(policy.owner.as_deref()));
    usable.then_some(()).ok_or_else(|| {
        let shown: String = id.chars().take(80).collect();
        Error::not_found(format!("Privacy policy {shown} not found in project {}", project.id))
    })
}

fn names_by_column(map: Option<BTreeMap<String, PiiType>>) -> BTreeMap<String, String> {
    map.unwrap_or_default().into_iter().map(|(column, kind)| (column, kind.name().to_owned())).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;
    use testing::TestPlatform;

    use crate::fixtures::{deploy, get_as, go_live, live, model_in, post_as, project, stages, user};

    #[tokio::test]
    async fn a_deployment_is_made_listed_and_told() {
        let test = TestPlatform::start().await;
        let (owner, other) = (user(&test, "owner").await, user(&test, "other").await);
        let project_id = project(&test, &owner).await;
        let model_id = model_in(&test, &owner, &project_id, "fraud").await;
        let path = format!("/api/mlops/projects/{project_id}/deployments");
        let body = json!({ "model_id": model_id, "name": "fraud-detector-staging", "stage": "staging", "traffic_percent": 100 });
        let (status, made) = post_as(&test, &path, &owner, &body).await;
        assert_eq!((status, made["stage"].as_str(), made["is_active"].as_bool()), (201, Some("staging"), Some(true)), "{made}");
        assert_eq!(made["id"], made["deployment_id"]);
        let id = made["id"].as_str().unwrap();
        let started = test.calls().iter().filter(|call| call.operation.contains("StartExecution")).count();
        assert_eq!(started, 1);
        let (_, list) = get_as(&test, &path, &owner).await;
        assert_eq!((list["total"].as_u64(), list["limit"].as_u64(), list["offset"].as_u64()), (Some(1), Some(50), Some(0)));
        let item = &list["items"][0];
        assert_eq!(item["config"], json!({ "name": "fraud-detector-staging", "traffic_percent": 100 }), "{item}");
        assert_eq!((item["model_id"].as_str(), item["ready"].as_bool()), (Some(model_id.as_str()), Some(false)));
        go_live(&test, id).await;
        let (_, told) = get_as(&test, &format!("/api/mlops/deployments/{id}"), &owner).await;
        assert_eq!((told["deployment"]["status"].as_str(), told["deployment"]["ready"].as_bool()), (Some("active"), Some(true)), "{told}");
        assert_eq!((told["model"]["id"].as_str(), told["model"]["name"].as_str()), (Some(model_id.as_str()), Some("fraud")));
        for stranger in [
            get_as(&test, &path, &other).await,
            post_as(&test, &path, &other, &body).await,
            get_as(&test, &format!("/api/mlops/deployments/{id}"), &other).await,
        ] {
            assert_eq!(stranger.0, 404, "{stranger:?}");
        }
        // A model of another project is not there for this one.
        let theirs = project(&test, &other).await;
        assert_eq!(post_as(&test, &format!("/api/mlops/projects/{theirs}/deployments"), &other, &body).await.0, 404);
    }

    #[tokio::test]
    async fn one_for_production_replaces_what_is_there_when_it_answers() {
        let test = TestPlatform::start().await;
        let owner = user(&test, "owner").await;
        let project_id = project(&test, &owner).await;
        let model_id = model_in(&test, &owner, &project_id, "fraud").await;
        let old = live(&test, &owner, &project_id, &model_id).await;
        let promote = format!("/api/mlops/deployments/{old}/promote");
        assert_eq!(post_as(&test, &promote, &owner, &json!({ "to_stage": "production" })).await.0, 200);
        let new = deploy(&test, &owner, &project_id, &model_id, &json!({ "stage": "production" })).await;
        assert_eq!(stages(&test, &owner, &project_id).await[&old], "production", "the new one does not answer yet");
        go_live(&test, &new).await;
        let now = stages(&test, &owner, &project_id).await;
        assert_eq!((now[&old].as_str(), now[&new].as_str()), ("archived", "production"));
    }

    #[tokio::test]
    async fn what_is_wrong_is_told() {
        let test = TestPlatform::start().await;
        let owner = user(&test, "owner").await;
        let project_id = project(&test, &owner).await;
        let model_id = model_in(&test, &owner, &project_id, "fraud").await;
        let path = format!("/api/mlops/projects/{project_id}/deployments");
        let right = json!({ "model_id": model_id, "name": "n", "stage": "staging" });
        for (field, value, expected) in [
            ("model_id", json!(null), 422),
            ("model_id", json!(5), 422),
            ("model_id", json!("x"), 404),
            ("name", json!(""), 422),
            ("name", json!("x".repeat(10_000)), 422),
            ("stage", json!("dev"), 400),
            ("stage", json!(null), 422),
            ("traffic_percent", json!(0), 422),
            ("traffic_percent", json!(101), 422),
            ("traffic_percent", json!("half"), 422),
            ("privacy_policy_id", json!("x"), 404),
            ("privacy_threshold", json!(1.5), 422),
            ("privacy_threshold", json!("high"), 422),
            ("privacy_column_map", json!([]), 422),
            ("privacy_column_map", json!({ "a": 1 }), 422),
            ("privacy_column_map", json!({ "a": "mail" }), 422),
            ("privacy_anonymize_logs", json!("yes"), 422),
        ] {
            let mut body = right.clone();
            body[field] = value.clone();
            let (status, answer) = post_as(&test, &path, &owner, &body).await;
            assert_eq!(status, expected, "{field} {value}: {answer}");
        }
        let (_, answer) = post_as(&test, &path, &owner, &json!({})).await;
        assert_eq!(answer["detail"].as_array().unwrap().len(), 3, "{answer}");
    }

    #[tokio::test]
    async fn of_deployments_for_production_the_one_that_was_asked_for_last_stays() {
        let test = TestPlatform::start().await;
        let owner = user(&test, "owner").await;
        let project_id = project(&test, &owner).await;
        let model_id = model_in(&test, &owner, &project_id, "fraud").await;
        let production = json!({ "stage": "production" });
        let slow = deploy(&test, &owner, &project_id, &model_id, &production).await;
        let quick = deploy(&test, &owner, &project_id, &model_id, &production).await;
        go_live(&test, &quick).await;
        go_live(&test, &slow).await;
        let stages = stages(&test, &owner, &project_id).await;
        assert_eq!((stages[&quick].as_str(), stages[&slow].as_str()), ("production", "staging"));
    }

    #[tokio::test]
    async fn a_key_of_one_project_is_none_of_another() {
        let test = TestPlatform::start().await;
        let owner = user(&test, "owner").await;
        let (one, other) = (project(&test, &owner).await, project(&test, &owner).await);
        let model_id = model_in(&test, &owner, &one, "fraud").await;
        let body = json!({ "model_id": model_id, "name": "n", "stage": "staging" });
        let ask = |project_id: String| {
            let request =
                testing::with_json(testing::request(http::Method::POST, &format!("/api/mlops/projects/{project_id}/deployments")), &body);
            let request = testing::with_header(request, "authorization", &format!("Bearer {owner}"));
            test.send(crate::FUNCTIONS, testing::with_header(request, "idempotency-key", "nightly"))
        };
        let version = json!({ "model_name": "fraud", "version": 1 });
        assert_eq!(post_as(&test, &format!("/api/mlops/projects/{other}/models"), &owner, &version).await.0, 201);
        assert_eq!(ask(one.clone()).await.status(), 201);
        assert_eq!(ask(one).await.status(), 201);
        assert_eq!(ask(other).await.status(), 409);
    }
}
