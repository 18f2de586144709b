//! What the handlers' tests start from.
#![allow(clippy::unwrap_used)]

use http::Method;
use serde_json::Value;
use shared::Response;
use shared::domain::deployment::Deployment;
use shared::domain::job::{Job, JobKind, JobStatus};
use shared::domain::registered_model::{ModelVersion, NewModelVersion};
use shared::identity::api_key::ApiKey;
use shared::store::deployments::Live;
use shared::store::jobs::JobChange;
use testing::{TestPlatform, json_of, request, with_header, with_json};

/// The response of a route of this crate, with its body as JSON; null where there is none.
pub async fn send(test: &TestPlatform, method: Method, path: &str, body: Option<Value>) -> (u16, Value) {
    let request = request(method, path);
    let request = match &body {
        Some(body) => with_json(request, body),
        None => request,
    };
    let response = test.send(crate::FUNCTIONS, request).await;
    (response.status().as_u16(), body_of(&response))
}

/// As [`send`], by whom an API key is.
pub async fn send_as(test: &TestPlatform, key: &str, method: Method, path: &str, body: Option<Value>) -> (u16, Value) {
    let request = with_header(request(method, path), "authorization", &format!("Bearer {key}"));
    let request = match &body {
        Some(body) => with_json(request, body),
        None => request,
    };
    let response = test.send(crate::FUNCTIONS, request).await;
    (response.status().as_u16(), body_of(&response))
}

/// An API key of a user of that id.
pub async fn api_key(test: &TestPlatform, user: &str) -> String {
    let (kept, key) = ApiKey::new(user, "test").unwrap();
    test.platform.store().unwrap().create_api_key(&kept).await.unwrap();
    key
}

/// As [`send`], for a request that reads.
pub async fn get(test: &TestPlatform, path: &str) -> (u16, Value) {
    send(test, Method::GET, path, None).await
}

/// As [`send`], for a request that posts.
pub async fn post(test: &TestPlatform, path: &str, body: Value) -> (u16, Value) {
    send(test, Method::POST, path, Some(body)).await
}

fn body_of(response: &Response) -> Value {
    if response.body().is_empty() { Value::Null } else { json_of(response) }
}

/// A version of a model, whose files are here.
pub async fn version(test: &TestPlatform, model_name: &str) -> ModelVersion {
    let new = NewModelVersion {
        model_name: model_name.to_owned(),
        run_id: Some(shared::id::new_hexadecimal_id()),
        source: "models:/m-1".to_owned(),
        artifact_path: Some("0/models/m-1/artifacts".to_owned()),
        ..NewModelVersion::default()
    };
    test.platform.store().unwrap().create_model_version(new).await.unwrap()
}

/// A deployment job that went all the way and holds the model's traffic.
pub async fn deployed(test: &TestPlatform, version: &ModelVersion) -> (Job, Deployment) {
    let store = test.platform.store().unwrap();
    let mut job = Job::new(JobKind::Deployment, version.model_name.clone());
    job.model_version = Some(version.version);
    store.create_job(&job, None).await.unwrap();
    let deployment = store.ensure_deployment(&version.model_name, "serveml-model-").await.unwrap();
    for status in [JobStatus::Building, JobStatus::Pushing, JobStatus::Deploying] {
        store.move_job(&job.id, status, JobChange::default()).await.unwrap();
    }
    assert!(store.lease_deployment(&deployment.id, &job.id).await.unwrap());
    let live = Live::new(
        Some("http://localhost:21000".to_owned()),
        version.version,
        version.version.to_string(),
        "repository@sha256:0".to_owned(),
    );
    let deployment = store.set_live(&deployment.id, &job.id, &live).await.unwrap();
    let change = JobChange { deployment_id: Some(deployment.id.clone()), deployment_url: deployment.url.clone(), ..JobChange::default() };
    let job = store.move_job(&job.id, JobStatus::Deployed, change).await.unwrap();
    store.release_deployment(&deployment.id, &job.id).await.unwrap();
    (job, deployment)
}
