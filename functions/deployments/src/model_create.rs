//! `POST /api/mlops/projects/{project_id}/models`: a model for a project, from a run, an upload or a registered version.

use http::StatusCode;
use shared::domain::name;
use shared::domain::project::Project;
use shared::domain::registered_model::{ModelVersion, NewModelVersion};
use shared::http::fields::Fields;
use shared::http::response;
use shared::jobs::deploy_file::{FileModel, register_file};
use shared::jobs::submit::registered_version;
use shared::{Error, Platform, Request, Response, Result};
use utoipa::ToSchema;

use crate::access;
use crate::views::model::ModelView;
use crate::views::problem::Problem;

const LONGEST_BODY: usize = 256 * 1024;
const LONGEST_DESCRIPTION: usize = 5000;

/// Where the model comes from: `run_id`, `upload_id`, or `model_name` with `version`.
#[derive(Debug, ToSchema)]
#[allow(dead_code)]
pub struct ModelRequest {
    /// A run that logged a model.
    run_id: Option<String>,
    /// A model file that was uploaded (`POST /api/v1/uploads`).
    upload_id: Option<String>,
    /// A registered model.
    #[schema(example = "fraud-detector")]
    model_name: Option<String>,
    /// Its version.
    #[schema(value_type = Option<String>, example = "3")]
    version: Option<String>,
    /// The name under which the model of a run or an upload is registered.
    name: Option<String>,
    /// What it is, for people.
    description: Option<String>,
    /// The packages that an uploaded file needs; where absent, what the file itself tells.
    requirements: Option<Vec<String>>,
    /// Whether an uploaded file may import anything when it is loaded.
    trusted: Option<bool>,
}

/// Add a model
///
/// A registered version is in this project too from here on, and stays where it was: what is everybody's stays everybody's. A
/// run's model, or an uploaded file, is registered as a model of this project: in a project with members it is there for those
/// alone, in every API.
#[utoipa::path(
    post,
    path = "/api/mlops/projects/{project_id}/models",
    operation_id = "deployments_model_create",
    tag = "Projects",
    params(("project_id" = String, Path, description = "The project")),
    request_body = ModelRequest,
    responses(
        (status = 201, description = "The model", body = ModelView),
        (status = 400, description = "None or several of the sources, or a file that cannot be served", body = Problem),
        (status = 401, description = "Not signed in", body = Problem),
        (status = 404, description = "The caller is in no such project, or there is no such run or version", body = Problem),
        (status = 409, description = "A model outside of the project has the name", body = Problem),
        (status = 422, description = "A field does not hold what it must", body = Problem),
    )
)]
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let project = access::project(platform, &request).await?;
    let mut fields = Fields::of_body(&request, LONGEST_BODY)?;
    let (run_id, upload_id) = (fields.text("run_id", 1..=80), fields.text("upload_id", 1..=80));
    let (model_name, version) = (fields.text("model_name", 1..=name::LONGEST_NAME), version_of(&mut fields));
    let registered_as = fields.text("name", 1..=name::LONGEST_NAME);
    let description = fields.text("description", 0..=LONGEST_DESCRIPTION);
    let requirements = fields.texts("requirements", 200, 1000);
    let trusted = fields.boolean("trusted").unwrap_or(false);
    if model_name.is_some() && version.is_none() {
        fields.missing("version");
    }
    fields.finish()?;
    let made_in = (!project.is_default()).then(|| project.id.clone());
    let model = match (run_id, upload_id, model_name.zip(version)) {
        (Some(run_id), None, None) => of_run(platform, &request, &project, &run_id, registered_as, description).await?,
        (None, Some(upload_id), None) => {
            let asked = FileModel { upload_id, name: registered_as, requirements, trusted, project_id: made_in };
            register_file(platform, &request.caller, asked).await?
        }
        (None, None, Some((model_name, version))) => of_version(platform, &request, &project, &model_name, &version).await?,
        _ => return Err(Error::bad_request("Name one source: \"run_id\", \"upload_id\", or \"model_name\" with \"version\".")),
    };
    response::json(StatusCode::CREATED, &ModelView::new(platform, model).await?)
}

/// A version, written as a number or as text.
fn version_of(fields: &mut Fields) -> Option<String> {
    match fields.any("version")? {
        serde_json::Value::String(text) if !text.is_empty() && text.len() <= 20 => Some(text),
        serde_json::Value::Number(number) if number.is_u64() => Some(number.to_string()),
        _ => {
            fields.fault(&["version"], "value is not a version's number", "type_error.integer");
            None
        }
    }
}

async fn of_run(
    platform: &Platform,
    request: &Request,
    project: &Project,
    run_id: &str,
    registered_as: Option<String>,
    description: Option<String>,
) -> Result<ModelVersion> {
    let store = platform.store()?.seen_by(&request.caller);
    let found = if shared::id::is_id(run_id) { store.run(run_id).await? } else { None };
    let run = found.ok_or_else(|| Error::not_found(format!("Run {run_id} not found")))?;
    let Some(model) = store.resolve_run_model(platform.objects()?, run_id).await? else {
        let message = format!("run {run_id} logged no model; log one with mlflow.<flavor>.log_model(model, name=\"model\") in it");
        return Err(Error::field("run_id", message));
    };
    let named = registered_as.unwrap_or_else(|| run.name.clone());
    name::check_model_name("name", &named)?;
    let version = NewModelVersion {
        model_name: named,
        description,
        run_id: Some(run_id.to_owned()),
        source: model.source,
        artifact_path: Some(model.artifact_path),
        model_id: model.model_id,
        project_id: Some(project.id.clone()),
        ..NewModelVersion::default()
    };
    store.create_model_version(version).await
}

/// A registered version, which joins the project. One of another project's model is there for its members alone.
async fn of_version(platform: &Platform, request: &Request, project: &Project, model_name: &str, version: &str) -> Result<ModelVersion> {
    let store = platform.store()?.seen_by(&request.caller);
    let found = registered_version(&store, model_name, version).await?;
    store.add_model_to_project(&project.id, &found).await?;
    Ok(found)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;
    use shared::domain::project::DEFAULT_PROJECT_ID;
    use testing::TestPlatform;

    use crate::fixtures::{get_as, model, post_as, project, upload, user};

    #[tokio::test]
    async fn what_other_apis_registered_is_in_the_project_of_everybody_and_joins_others() {
        let test = TestPlatform::start().await;
        let (owner, other) = (user(&test, "owner").await, user(&test, "other").await);
        let version = model(&test, "fraud").await;
        let everybodys = format!("/api/mlops/projects/{DEFAULT_PROJECT_ID}/models");
        let (_, list) = get_as(&test, &everybodys, &other).await;
        assert_eq!((list["total"].as_u64(), list["items"][0]["id"].as_str()), (Some(1), Some(version.id().as_str())), "{list}");
        assert_eq!((list["items"][0]["name"].as_str(), list["items"][0]["version"].as_str()), (Some("fraud"), Some("1")));
        let own = project(&test, &owner).await;
        let path = format!("/api/mlops/projects/{own}/models");
        assert_eq!(get_as(&test, &format!("{path}/{}", version.id()), &owner).await.0, 404, "it is not in this project yet");
        for _ in 0..2 {
            let (status, added) = post_as(&test, &path, &owner, &json!({ "model_name": "fraud", "version": 1 })).await;
            assert_eq!((status, added["id"].as_str()), (201, Some(version.id().as_str())), "{added}");
        }
        assert_eq!(get_as(&test, &path, &owner).await.1["total"], 1);
        assert_eq!(get_as(&test, &format!("{path}/{}", version.id()), &owner).await.0, 200);
        for stranger in
            [get_as(&test, &path, &other).await, post_as(&test, &path, &other, &json!({ "model_name": "fraud", "version": 1 })).await]
        {
            assert_eq!(stranger.0, 404);
        }
        // A version that is removed is in no project any more.
        test.platform.store().unwrap().delete_model_version("fraud", 1).await.unwrap();
        for path in [&path, &everybodys] {
            let (_, list) = get_as(&test, path, &owner).await;
            assert_eq!((list["total"].as_u64(), list["items"].as_array().unwrap().len()), (Some(0), 0), "{list}");
        }
    }

    #[tokio::test]
    async fn an_uploaded_file_is_a_model_of_its_project_alone() {
        let test = TestPlatform::start().await;
        let (owner, other) = (user(&test, "owner").await, user(&test, "other").await);
        let own = project(&test, &owner).await;
        let path = format!("/api/mlops/projects/{own}/models");
        let upload_id = upload(&test, &owner, "forest.onnx").await;
        let (status, added) = post_as(&test, &path, &owner, &json!({ "upload_id": upload_id, "name": "forest" })).await;
        assert_eq!((status, added["name"].as_str()), (201, Some("forest")), "{added}");
        assert!(added["algo"].as_str().is_some_and(|algo| algo != "unknown"), "{added}");
        assert_eq!(get_as(&test, &format!("/api/mlops/projects/{DEFAULT_PROJECT_ID}/models"), &other).await.1["total"], 0);
        let theirs = project(&test, &other).await;
        let stolen = json!({ "model_name": "forest", "version": "1" });
        assert_eq!(post_as(&test, &format!("/api/mlops/projects/{theirs}/models"), &other, &stolen).await.0, 404);
        assert_eq!(
            post_as(&test, &format!("/api/mlops/projects/{theirs}/models"), &other, &json!({ "upload_id": upload_id })).await.0,
            422
        );
    }

    #[tokio::test]
    async fn what_is_wrong_is_told() {
        let test = TestPlatform::start().await;
        let owner = user(&test, "owner").await;
        let path = format!("/api/mlops/projects/{}/models", project(&test, &owner).await);
        for (body, expected) in [
            (json!({}), 400),
            (json!({ "run_id": "x", "upload_id": "y" }), 400),
            (json!({ "run_id": "x" }), 404),
            (json!({ "run_id": 1 }), 422),
            (json!({ "model_name": "m" }), 422),
            (json!({ "model_name": "m", "version": -1 }), 422),
            (json!({ "model_name": "m", "version": "999" }), 404),
            (json!({ "model_name": "m/../n", "version": "1" }), 404),
            (json!({ "upload_id": "x" }), 422),
        ] {
            let (status, answer) = post_as(&test, &path, &owner, &body).await;
            assert_eq!(status, expected, "{body}: {answer}");
        }
    }
}
