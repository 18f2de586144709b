//! What the tests of several routes share.
#![allow(clippy::unwrap_used)]

use http::Method;
use serde_json::{Value, json};
use shared::Request;
use shared::domain::deployment::Deployment;
use shared::domain::job::JobStatus;
use shared::domain::registered_model::{ModelVersion, NewModelVersion};
use shared::domain::upload::Upload;
use shared::domain::user::User;
use shared::store::deployments::Live;
use shared::store::jobs::JobChange;
use testing::{TestPlatform, request, with_header, with_json};

/// A user of that name; gives the session token.
pub async fn user(test: &TestPlatform, name: &str) -> String {
    let store = test.platform.store().unwrap();
    let user = User::new(&format!("{name}@example.com"), name, None, "hash".to_owned()).unwrap();
    store.create_user(&user).await.unwrap();
    let key = store.ensure_session_signing_key().await.unwrap();
    key.issue(&user.id, shared::Timestamp::now()).unwrap()
}

async fn send(test: &TestPlatform, request: Request, token: &str) -> (u16, Value) {
    let response = test.send(crate::FUNCTIONS, with_header(request, "authorization", &format!("Bearer {token}"))).await;
    let (parts, body) = response.into_parts();
    (parts.status.as_u16(), serde_json::from_slice(&body).unwrap_or(Value::Null))
}

pub async fn get_as(test: &TestPlatform, path: &str, token: &str) -> (u16, Value) {
    send(test, request(Method::GET, path), token).await
}

pub async fn post_as(test: &TestPlatform, path: &str, token: &str, body: &Value) -> (u16, Value) {
    send(test, with_json(request(Method::POST, path), body), token).await
}

pub async fn patch_as(test: &TestPlatform, path: &str, token: &str, body: &Value) -> (u16, Value) {
    send(test, with_json(request(Method::PATCH, path), body), token).await
}

pub async fn delete_as(test: &TestPlatform, path: &str, token: &str) -> (u16, Value) {
    send(test, request(Method::DELETE, path), token).await
}

/// A project of the user's; gives its id.
pub async fn project(test: &TestPlatform, token: &str) -> String {
    let (status, made) = post_as(test, "/api/mlops/projects", token, &json!({ "name": "Fraud" })).await;
    assert_eq!(status, 201, "{made}");
    made["id"].as_str().unwrap().to_owned()
}

/// A registered version, as another API makes it.
pub async fn model(test: &TestPlatform, name: &str) -> ModelVersion {
    let new = NewModelVersion {
        model_name: name.to_owned(),
        source: "mlflow-artifacts:/1/m".to_owned(),
        artifact_path: Some("1/m".to_owned()),
        ..NewModelVersion::default()
    };
    test.platform.store().unwrap().create_model_version(new).await.unwrap()
}

/// A registered version in a project; gives its id.
pub async fn model_in(test: &TestPlatform, token: &str, project_id: &str, name: &str) -> String {
    let version = model(test, name).await;
    let body = json!({ "model_name": name, "version": version.version });
    let (status, added) = post_as(test, &format!("/api/mlops/projects/{project_id}/models"), token, &body).await;
    assert_eq!(status, 201, "{added}");
    version.id()
}

/// A model file of the tests of the crate that reads them, uploaded; gives the upload's id.
pub async fn upload(test: &TestPlatform, token: &str, file: &str) -> String {
    let path = format!("{}/../../shared/model-file/tests/fixtures/{file}", env!("CARGO_MANIFEST_DIR"));
    let content = std::fs::read(path).unwrap();
    let store = test.platform.store().unwrap();
    let user = store.session_signing_key().await.unwrap().unwrap().user_of(token).unwrap();
    let upload = Upload::new(Some(user), file.to_owned(), i64::try_from(content.len()).unwrap()).unwrap();
    store.create_upload(&upload).await.unwrap();
    test.platform.objects().unwrap().put(&shared::objects::keys::upload(&upload.id), content).await.unwrap();
    upload.id
}

/// Asks for a deployment of a model; gives its id.
pub async fn deploy(test: &TestPlatform, token: &str, project_id: &str, model_id: &str, more: &Value) -> String {
    let mut body = json!({ "model_id": model_id, "name": "fraud-detector", "stage": "staging" });
    for (field, value) in more.as_object().into_iter().flatten() {
        body[field] = value.clone();
    }
    let (status, made) = post_as(test, &format!("/api/mlops/projects/{project_id}/deployments"), token, &body).await;
    assert_eq!(status, 201, "{made}");
    made["deployment_id"].as_str().unwrap().to_owned()
}

/// Brings the job of a deployment to its end, as the pipeline does.
pub async fn go_live(test: &TestPlatform, id: &str) -> Deployment {
    let store = test.platform.store().unwrap();
    let deployment = store.deployment(id).await.unwrap().unwrap();
    let job = store.job(deployment.job_id.as_ref().unwrap()).await.unwrap().unwrap();
    for status in [JobStatus::Building, JobStatus::Pushing, JobStatus::Deploying] {
        store.move_job(&job.id, status, JobChange::default()).await.unwrap();
    }
    assert!(store.lease_deployment(id, &job.id).await.unwrap());
    // Each deployment of a project is another version of its function.
    let version = u64::from_str_radix(&id.replace('-', "")[24..], 16).unwrap() % 1_000_000;
    let live = Live::new(None, job.model_version.unwrap(), version.to_string(), format!("repository@sha256:{version}"));
    let deployment = store.set_live(id, &job.id, &live).await.unwrap();
    if deployment.goes_to_production {
        shared::projects::routing::go_to_production(&test.platform, &deployment).await.unwrap();
    }
    store.move_job(&job.id, JobStatus::Deployed, JobChange::default()).await.unwrap();
    store.release_deployment(id, &job.id).await.unwrap();
    store.deployment(id).await.unwrap().unwrap()
}

/// A deployment that answers; gives its id.
pub async fn live(test: &TestPlatform, token: &str, project_id: &str, model_id: &str) -> String {
    let id = deploy(test, token, project_id, model_id, &json!({})).await;
    go_live(test, &id).await;
    id
}

/// The stages of a project's deployments, by id.
pub async fn stages(test: &TestPlatform, token: &str, project_id: &str) -> std::collections::BTreeMap<String, String> {
    let (_, list) = get_as(test, &format!("/api/mlops/projects/{project_id}/deployments"), token).await;
    let items = list["items"].as_array().unwrap().iter();
    items.map(|item| (item["id"].as_str().unwrap().to_owned(), item["stage"].as_str().unwrap().to_owned())).collect()
}
