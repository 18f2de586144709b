//! The tracking API, request by request, over a real table and a real bucket.
#![allow(clippy::unwrap_used)]

mod access;
mod artifacts;
mod concurrency;
mod experiments;
mod logged_models;
mod projects;
mod registry;
mod runs;
mod search;
mod web_pages;

use http::Method;
use serde_json::{Value, json};
use testing::{TestPlatform, json_of, request, with_header, with_json};

const API: &str = "/api/2.0/mlflow";

/// A platform of a test's own, and requests to it.
struct Server {
    test: TestPlatform,
    token: Option<String>,
}

impl Server {
    async fn start() -> Self {
        Self { test: TestPlatform::start().await, token: None }
    }

    fn store(&self) -> &shared::store::Store {
        self.test.platform.store().unwrap()
    }

    async fn send(&self, method: Method, path: &str, body: Option<Value>) -> (u16, Value) {
        let path = if path.starts_with('/') { path.to_owned() } else { format!("{API}/{path}") };
        let mut request = request(method, &path);
        if let Some(body) = body {
            request = with_header(with_json(request, &body), "content-type", "application/json");
        }
        if let Some(token) = &self.token {
            request = with_header(request, "authorization", &format!("Bearer {token}"));
        }
        let response = self.test.send(tracking::FUNCTIONS, request).await;
        (response.status().as_u16(), json_of(&response))
    }

    async fn get(&self, path: &str) -> Value {
        let (status, body) = self.send(Method::GET, path, None).await;
        assert_eq!(status, 200, "GET {path}: {body}");
        body
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        let (status, answer) = self.send(Method::POST, path, Some(body.clone())).await;
        assert_eq!(status, 200, "POST {path} {body}: {answer}");
        answer
    }

    /// The status, error code and message of a request that is refused.
    async fn refused(&self, method: Method, path: &str, body: Option<Value>) -> (u16, String, String) {
        let (status, answer) = self.send(method, path, body).await;
        assert!(status >= 400, "{path}: {answer}");
        (status, answer["error_code"].as_str().unwrap().to_owned(), answer["message"].as_str().unwrap().to_owned())
    }

    /// A new run's id.
    async fn run(&self) -> String {
        let answer = self.post("runs/create", json!({ "experiment_id": "0", "start_time": 1000, "user_id": "ann" })).await;
        answer["run"]["info"]["run_id"].as_str().unwrap().to_owned()
    }
}
