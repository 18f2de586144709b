//! What the tests of several routes share.
#![allow(clippy::unwrap_used)]

use http::{HeaderMap, Method};
use serde_json::{Value, json};
use shared::Request;
use shared::domain::deployment::{Configuration, Deployment, ModelMetadata};
use shared::domain::job::{Job, JobKind, JobStatus};
use shared::store::deployments::Live;
use shared::store::jobs::JobChange;
use testing::{TestPlatform, request, with_body, with_header, with_json};

async fn send(test: &TestPlatform, request: Request) -> (u16, Value, HeaderMap) {
    let response = test.send(crate::FUNCTIONS, request).await;
    let (parts, body) = response.into_parts();
    (parts.status.as_u16(), serde_json::from_slice(&body).unwrap_or(Value::Null), parts.headers)
}

fn bearer(request: Request, token: &str) -> Request {
    with_header(request, "authorization", &format!("Bearer {token}"))
}

pub async fn get(test: &TestPlatform, path: &str) -> (u16, Value) {
    let (status, body, _) = send(test, request(Method::GET, path)).await;
    (status, body)
}

pub async fn get_as(test: &TestPlatform, path: &str, token: &str) -> (u16, Value) {
    let (status, body, _) = send(test, bearer(request(Method::GET, path), token)).await;
    (status, body)
}

pub async fn post_with_headers(test: &TestPlatform, path: &str, body: &Value) -> (u16, Value, HeaderMap) {
    send(test, with_json(request(Method::POST, path), body)).await
}

pub async fn post(test: &TestPlatform, path: &str, body: &Value) -> (u16, Value) {
    let (status, body, _) = post_with_headers(test, path, body).await;
    (status, body)
}

pub async fn post_as(test: &TestPlatform, path: &str, token: &str, body: &Value) -> (u16, Value) {
    let (status, body, _) = send(test, bearer(with_json(request(Method::POST, path), body), token)).await;
    (status, body)
}

pub async fn delete_as(test: &TestPlatform, path: &str, token: &str) -> (u16, Value) {
    let (status, body, _) = send(test, bearer(request(Method::DELETE, path), token)).await;
    (status, body)
}

/// Registers a user of that name; gives back the token.
pub async fn register(test: &TestPlatform, username: &str) -> String {
    let asked = json!({ "email": format!("{username}@example.com"), "username": username, "password": "secure-password" });
    let (status, answer) = post(test, "/api/v1/auth/register", &asked).await;
    assert_eq!(status, 201, "{answer}");
    answer["access_token"].as_str().unwrap().to_owned()
}

pub async fn patch_as(test: &TestPlatform, path: &str, token: &str, body: &Value) -> (u16, Value) {
    let (status, body, _) = send(test, bearer(with_json(request(Method::PATCH, path), body), token)).await;
    (status, body)
}

/// A field of a form: its name, its file's name if it is a file, its content.
pub type Field<'a> = (&'a str, Option<&'a str>, &'a [u8]);

/// Sends a form with an Idempotency-Key, if there is one.
pub async fn form_as(test: &TestPlatform, path: &str, token: &str, fields: &[Field<'_>], key: Option<&str>) -> (u16, Value, HeaderMap) {
    // Every form has a boundary of its own.
    let boundary = shared::id::new_hexadecimal_id();
    let mut body = Vec::new();
    for (name, file_name, content) in fields {
        let file = file_name.map(|file_name| format!("; filename=\"{file_name}\"")).unwrap_or_default();
        body.extend_from_slice(format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n").as_bytes());
        body.extend_from_slice(content);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    let request = with_body(request(Method::POST, path), body);
    let request = bearer(with_header(request, "content-type", &format!("multipart/form-data; boundary={boundary}")), token);
    let request = match key {
        Some(key) => with_header(request, "idempotency-key", key),
        None => request,
    };
    send(test, request).await
}

/// A model file of the tests of the crate that reads them.
pub fn model_file(name: &str) -> Vec<u8> {
    std::fs::read(format!("{}/../../shared/model-file/tests/fixtures/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// The id of a user, as it is stored.
pub async fn user_id(test: &TestPlatform, token: &str) -> String {
    let (_, me) = get_as(test, "/api/v1/auth/me", token).await;
    me["id"].as_str().unwrap().trim_start_matches("user-").to_owned()
}

/// Deploys a model file; gives the deployment's id as it is shown.
pub async fn deploy(test: &TestPlatform, token: &str, fields: &[Field<'_>]) -> String {
    let file = model_file("forest.onnx");
    let mut form: Vec<Field<'_>> = vec![("model_file", Some("forest.onnx"), &file)];
    form.extend_from_slice(fields);
    let (status, answer, _) = form_as(test, "/api/v1/deploy", token, &form, None).await;
    assert_eq!(status, 202, "{answer}");
    answer["id"].as_str().unwrap().to_owned()
}

/// Brings the last job of a deployment to its end, as the pipeline does.
pub async fn go_live(test: &TestPlatform, shown_id: &str) -> Deployment {
    let store = test.platform.store().unwrap();
    let id = crate::deployment_id::read(shown_id);
    let deployment = store.deployment(id).await.unwrap().unwrap();
    let job = store.job(deployment.job_id.as_ref().unwrap()).await.unwrap().unwrap();
    if job.kind == JobKind::Deployment {
        for status in [JobStatus::Building, JobStatus::Pushing, JobStatus::Deploying] {
            store.move_job(&job.id, status, JobChange::default()).await.unwrap();
        }
    }
    assert!(store.lease_deployment(id, &job.id).await.unwrap());
    let number = deployment.last_version + 1;
    let change = job.configuration.unwrap_or_default();
    let live = Live {
        republished: deployment.live_version.filter(|_| job.kind == JobKind::Configuration),
        configuration: change.apply(deployment.configuration),
        model: job.model.clone().unwrap_or(deployment.model),
        changes: job.changes.clone(),
        ..Live::new(None, job.model_version.unwrap(), number.to_string(), format!("repository@sha256:{number}"))
    };
    store.set_live(id, &job.id, &live).await.unwrap();
    store.move_job(&job.id, JobStatus::Deployed, JobChange::default()).await.unwrap();
    store.release_deployment(id, &job.id).await.unwrap();
    store.deployment(id).await.unwrap().unwrap()
}

/// A deployment of a model file that answers; gives its id as it is shown.
pub async fn live(test: &TestPlatform, token: &str) -> String {
    let id = deploy(test, token, &[]).await;
    go_live(test, &id).await;
    id
}

/// A deployment that nobody in particular made.
pub async fn of_nobody(test: &TestPlatform, model_name: &str) -> String {
    let store = test.platform.store().unwrap();
    let job = Job { model_version: Some(1), ..Job::new(JobKind::Deployment, model_name.to_owned()) };
    let deployment = Deployment {
        configuration: Configuration::default(),
        model: ModelMetadata { framework: Some("sklearn".to_owned()), ..ModelMetadata::default() },
        ..Deployment::new(model_name, "serveml-model-")
    };
    let job = Job { deployment_id: Some(deployment.id.clone()), ..job };
    store.create_deployment_job(&job, &deployment, true, None).await.unwrap().unwrap();
    crate::deployment_id::shown(&deployment.id)
}
