//! `POST /api/mlops/projects/{project_id}/deployments`: a model is deployed. Document: deployments-api, "Create Deployment".

use std::collections::BTreeMap;

use http::StatusCode;
use serde::Serialize;
use serde_json::Value;
use shared::domain::deployment::PrivacySettings;
use shared::domain::name;
use shared::domain::project::Project;
use shared::http::fields::{Choice, Fields};
use shared::http::response;
use shared::projects::deploy::{NewDeployment, deploy};
use shared::store::idempotency::Idempotency;
use shared::{Error, Platform, Request, Response, Result};
use utoipa::ToSchema;

use crate::views::problem::Problem;
use crate::{access, model_get};

const LONGEST_BODY: usize = 256 * 1024;
/// The most columns of which a deployment may say what they hold.
const MOST_COLUMNS: usize = 500;

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
        column_map: column_map(&mut fields),
        threshold: threshold(&mut fields),
    };
    fields.finish()?;
    let stage = stage.ok_or_else(|| Error::broken("a stage that was checked is there"))?;
    if let Some(id) = &privacy.policy_id {
        check_policy(platform, &project, id).await?;
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

/// That a privacy policy is one of the project's.
///
/// # Errors
/// `NotFound` when it is not; `Internal` when DynamoDB does not answer.
pub async fn check_policy(platform: &Platform, project: &Project, id: &str) -> Result<()> {
    platform.store()?.privacy_policy_of_project(&project.id, id).await?.map(drop).ok_or_else(|| {
        let shown: String = id.chars().take(80).collect();
        Error::not_found(format!("Privacy policy {shown} not found in project {}", project.id))
    })
}

fn column_map(fields: &mut Fields) -> BTreeMap<String, String> {
    let Some(Value::Object(map)) = fields.object("privacy_column_map", 64 * 1024, 2) else { return BTreeMap::new() };
    if map.len() > MOST_COLUMNS {
        fields.fault(&["privacy_column_map"], format!("ensure this value has at most {MOST_COLUMNS} items"), "value_error.dict.max_items");
    }
    let mut columns = BTreeMap::new();
    for (column, kind) in map {
        match kind {
            Value::String(kind) if !kind.is_empty() && kind.len() <= 64 => {
                columns.insert(column, kind);
            }
            _ => fields.fault(&["privacy_column_map", &column], "str type expected", "type_error.string"),
        }
    }
    columns
}

fn threshold(fields: &mut Fields) -> Option<f64> {
    let value = fields.any("privacy_threshold")?;
    let number = value.as_f64().filter(|number| (0.0..=1.0).contains(number));
    if number.is_none() {
        let kind = if value.is_number() { "value_error.number.not_le" } else { "type_error.float" };
        fields.fault(&["privacy_threshold"], "ensure this value is a number from 0 to 1", kind);
    }
    number
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
}
