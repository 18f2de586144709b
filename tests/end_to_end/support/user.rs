//! Somebody who is signed in.

use reqwest::Method;
use serde_json::{Value, json};

use super::Client;
use super::client::eventually;

/// A user with the session's token.
#[derive(Clone)]
pub struct User {
    pub client: Client,
    pub token: String,
}

impl User {
    /// Registers somebody of that name.
    pub async fn register(client: &Client, name: &str) -> Self {
        let body = json!({ "email": format!("{name}@example.com"), "username": name, "password": "secure-password" });
        let answer = client.post("/api/v1/auth/register", &body).await;
        assert_eq!(answer.status, 201, "{:?}", answer.body);
        Self { client: client.clone(), token: answer.body["access_token"].as_str().unwrap().to_owned() }
    }

    /// Asks with a JSON body, or without one where it is null.
    pub async fn ask(&self, method: Method, path: &str, body: Value) -> (u16, Value) {
        let bearer = format!("Bearer {}", self.token);
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let answer = self.client.request(method, path, &headers, body).await;
        (answer.status, answer.body)
    }

    /// What is there.
    pub async fn get(&self, path: &str) -> Value {
        let (status, body) = self.ask(Method::GET, path, Value::Null).await;
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    /// The answer to what must succeed.
    pub async fn post(&self, path: &str, body: Value) -> Value {
        let (status, answer) = self.ask(Method::POST, path, body).await;
        assert!(matches!(status, 200..=202), "{path}: {status} {answer}");
        answer
    }

    /// A job of a project, when it has ended.
    pub async fn job(&self, id: &str) -> Value {
        eventually("the job ends", || async {
            let job = self.get(&format!("/api/mlops/jobs/{id}")).await;
            matches!(job["status"].as_str(), Some("completed" | "deployed" | "failed")).then_some(job)
        })
        .await
    }

    /// A deployment of a project in staging that answers; `more` are further fields of the request.
    pub async fn deployed(&self, project_id: &str, model_id: &str, more: Value) -> String {
        let mut body = json!({ "model_id": model_id, "name": "fraud-detector", "stage": "staging" });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let made = self.post(&format!("/api/mlops/projects/{project_id}/deployments"), body).await;
        let job = self.job(made["job_id"].as_str().unwrap()).await;
        assert_eq!(job["status"], "deployed", "{job}");
        made["id"].as_str().unwrap().to_owned()
    }
}
