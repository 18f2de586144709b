//! `POST /mlops/registry`: registers the model that a run logged. Document: mlops-api-v5 4.

use std::collections::BTreeMap;

use http::StatusCode;
use serde::{Deserialize, Serialize};
use shared::domain::name;
use shared::domain::registered_model::NewModelVersion;
use shared::http::response;
use shared::{Error, ErrorKind, Platform, Request, Response, Result, Timestamp};
use utoipa::ToSchema;

use crate::body;
use crate::views::problem::Problem;

/// The longest description, in characters.
const LONGEST_DESCRIPTION: usize = 5000;

/// The run whose model is registered, and under which name.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RegistryRequest {
    /// The registered model; made where there is none, with this description and these tags.
    #[schema(example = "churn_predictor", max_length = 256)]
    pub model_name: String,
    /// The run that logged the model.
    #[schema(example = "mlflow-run-id-123")]
    pub run_id: String,
    /// What the version is, for people.
    #[schema(example = "Production model v2.0", max_length = 5000)]
    pub description: Option<String>,
    /// The version's tags.
    #[schema(example = json!({ "data_version": "2025-10", "trained_by": "john.doe" }))]
    pub tags: Option<BTreeMap<String, String>>,
}

/// The version that was registered.
#[derive(Debug, Serialize, ToSchema)]
pub struct Registered {
    /// The registered model.
    #[schema(example = "churn_predictor")]
    pub model_name: String,
    /// The version's number.
    #[schema(example = "2")]
    pub version: String,
    /// The run that logged the model.
    #[schema(example = "mlflow-run-id-123")]
    pub run_id: String,
    /// Always `registered`.
    #[schema(example = "registered")]
    pub status: &'static str,
    /// When it was registered.
    pub created_at: Timestamp,
}

/// Register a model
///
/// Registers the newest model that a run logged as the next version.
#[utoipa::path(
    post,
    path = "/mlops/registry",
    operation_id = "registry",
    tag = "Models",
    request_body = RegistryRequest,
    responses(
        (status = 201, description = "Resource created", body = Registered),
        (status = 400, description = "Invalid input, or the run logged no model", body = Problem),
        (status = 409, description = "A model of a project of others has the name", body = Problem),
        (status = 404, description = "There is no such run", body = Problem),
        (status = 413, description = "The body is too long", body = Problem),
        (status = 500, description = "Internal error", body = Problem),
    )
)]
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let asked: RegistryRequest = body::read(&request)?;
    name::check_model_name("model_name", &asked.model_name)?;
    if asked.description.as_ref().is_some_and(|text| text.chars().count() > LONGEST_DESCRIPTION) {
        return Err(Error::field("description", format!("must have at most {LONGEST_DESCRIPTION} characters")));
    }
    let tags = asked.tags.unwrap_or_default();
    name::check_tags("tags", &tags)?;
    let store = platform.store()?.seen_by(&request.caller);
    store.check_model_name_is_free(&asked.model_name).await?;
    let run_id = asked.run_id;
    let known = || async { if shared::id::is_id(&run_id) { store.run(&run_id).await } else { Ok(None) } };
    if known().await?.is_none() {
        return Err(Error::not_found(format!("Run {} not found", run_id.chars().take(80).collect::<String>())));
    }
    let Some(model) = store.resolve_run_model(platform.objects()?, &run_id).await? else {
        let message = format!("run {run_id} logged no model; log one with mlflow.<flavor>.log_model(model, name=\"model\") in it");
        return Err(Error::field("run_id", message));
    };
    match store.create_registered_model(&asked.model_name, asked.description.clone(), tags.clone()).await {
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error),
    }
    let version = NewModelVersion {
        model_name: asked.model_name,
        description: asked.description,
        tags,
        run_id: Some(run_id.clone()),
        source: model.source,
        artifact_path: Some(model.artifact_path),
        model_id: model.model_id,
        ..NewModelVersion::default()
    };
    let version = store.create_model_version(version).await?;
    let registered = Registered {
        model_name: version.model_name,
        version: version.version.to_string(),
        run_id,
        status: "registered",
        created_at: version.created_at,
    };
    response::json(StatusCode::CREATED, &registered)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::{Value, json};
    use shared::domain::logged_model::LoggedModelStatus;
    use shared::store::logged_models::NewLoggedModel;
    use shared::store::runs::NewRun;
    use testing::TestPlatform;

    use crate::fixtures::{get, post};

    const PATH: &str = "/mlops/registry";

    /// The document's own request.
    fn document(run_id: &str) -> Value {
        json!({
            "model_name": "churn_predictor",
            "run_id": run_id,
            "description": "Production model v2.0",
            "tags": { "data_version": "2025-10", "trained_by": "john.doe" }
        })
    }

    async fn run(test: &TestPlatform) -> String {
        let store = test.platform.store().unwrap();
        store.ensure_default_experiment().await.unwrap();
        let new = NewRun {
            experiment_id: String::new(),
            name: "run".to_owned(),
            user_id: "me".to_owned(),
            start_time: 1,
            tags: std::collections::BTreeMap::new(),
            job_id: None,
        };
        store.create_run(new).await.unwrap().id
    }

    async fn log_model(test: &TestPlatform, run_id: &str) -> String {
        let store = test.platform.store().unwrap();
        let new = NewLoggedModel {
            experiment_id: "0".to_owned(),
            name: "model".to_owned(),
            model_type: None,
            source_run_id: Some(run_id.to_owned()),
            job_id: None,
            tags: std::collections::BTreeMap::new(),
            params: std::collections::BTreeMap::new(),
        };
        let model = store.create_logged_model(new).await.unwrap();
        store.finalize_logged_model(&model.id, LoggedModelStatus::Ready).await.unwrap().id
    }

    #[tokio::test]
    async fn the_documents_request_is_answered_as_the_document_says() {
        let test = TestPlatform::start().await;
        let run_id = run(&test).await;
        let model_id = log_model(&test, &run_id).await;
        for number in 1..=2u64 {
            let (status, answer) = post(&test, PATH, document(&run_id)).await;
            let created_at = answer["created_at"].clone();
            let expected = json!({
                "model_name": "churn_predictor",
                "version": number.to_string(),
                "run_id": run_id,
                "status": "registered",
                "created_at": created_at,
            });
            assert_eq!((status, answer), (201, expected));
            let version = test.platform.store().unwrap().model_version("churn_predictor", number).await.unwrap().unwrap();
            assert_eq!((version.source, version.description.as_deref()), (format!("models:/{model_id}"), Some("Production model v2.0")));
            assert_eq!(version.tags["trained_by"], "john.doe");
            assert!(version.artifact_path.is_some());
        }
        let (_, model) = get(&test, "/mlops/models/churn_predictor").await;
        assert_eq!((&model["description"], &model["tags"]["data_version"]), (&json!("Production model v2.0"), &json!("2025-10")));
        assert_eq!((&model["latest_versions"][0]["version"], &model["latest_versions"][0]["run_id"]), (&json!("2"), &json!(run_id)));
    }

    #[tokio::test]
    async fn what_cannot_be_registered_leaves_nothing_behind() {
        let test = TestPlatform::start().await;
        let run_id = run(&test).await;
        let (status, answer) = post(&test, PATH, document(&run_id)).await;
        assert!(status == 400 && answer["detail"].as_str().unwrap().contains("logged no model"), "{answer}");
        for unknown in ["mlflow-run-id-123", "", "0199f0a27c3e7d21b1a50f6f3f1f2c11"] {
            let (status, answer) = post(&test, PATH, document(unknown)).await;
            assert_eq!((status, answer["detail"].as_str().unwrap()), (404, format!("Run {unknown} not found").as_str()));
        }
        for (field, value) in
            [("model_name", json!("")), ("tags", json!({ "a": 1 })), ("description", json!("x".repeat(5001))), ("tag", json!({}))]
        {
            let mut body = document(&run_id);
            body[field] = value;
            let (status, answer) = post(&test, PATH, body).await;
            assert!(status == 400 && answer["detail"].as_str().unwrap().starts_with(field), "{answer}");
        }
        assert_eq!(get(&test, "/mlops/models").await, (200, json!([])));
    }
}
