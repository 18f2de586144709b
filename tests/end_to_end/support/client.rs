//! Talks HTTP to a cloud and to deployed models.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};

/// Longer than any job of the tests takes on a slow machine with everything else running.
const PATIENCE: Duration = Duration::from_secs(600);

#[derive(Debug, Clone)]
pub struct Client {
    pub url: String,
    http: reqwest::Client,
}

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub body: Value,
}

impl Client {
    pub fn new(url: String) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            // Tests share clouds and run in runtimes of their own: a kept connection would die with the runtime that made it.
            .pool_max_idle_per_host(0)
            .build()
            .unwrap();
        Self { url, http }
    }

    pub fn http(&self) -> &reqwest::Client {
        &self.http
    }

    pub async fn send(&self, request: reqwest::RequestBuilder) -> reqwest::Result<Answer> {
        let response = request.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await?;
        Ok(Answer { status, headers, body: serde_json::from_str(&text).unwrap_or(Value::String(text)) })
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.http.get(self.at(path))).await.unwrap()
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(self.http.post(self.at(path)).json(body)).await.unwrap()
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.send(self.http.delete(self.at(path))).await.unwrap()
    }

    pub async fn request(&self, method: Method, path: &str, headers: &[(&str, &str)], body: impl Into<reqwest::Body>) -> Answer {
        let request = headers.iter().fold(self.http.request(method, self.at(path)), |request, (name, value)| request.header(*name, *value));
        self.send(request.body(body)).await.unwrap()
    }

    /// A path of the platform, or a whole URL of a deployed model.
    fn at(&self, path: &str) -> String {
        if path.starts_with("http") { path.to_owned() } else { format!("{}{path}", self.url) }
    }

    /// Starts a deployment; returns its job's id.
    pub async fn deploy(&self, request: &Value) -> String {
        let answer = self.post("/mlops/deploy", request).await;
        assert_eq!(answer.status, 202, "{:?}", answer.body);
        answer.body["job_id"].as_str().unwrap().to_owned()
    }

    /// Starts a training; returns its job's id.
    pub async fn train(&self, request: &Value) -> String {
        let answer = self.post("/mlops/training/upload", request).await;
        assert_eq!(answer.status, 202, "{:?}", answer.body);
        answer.body["job_id"].as_str().unwrap().to_owned()
    }

    /// Waits until a job has ended; returns it.
    pub async fn ended(&self, path: &str, job_id: &str) -> Value {
        self.until(path, job_id, &["deployed", "completed", "failed"]).await
    }

    /// Waits until a job has one of these statuses; returns it.
    pub async fn until(&self, path: &str, job_id: &str, statuses: &[&str]) -> Value {
        let begun = Instant::now();
        loop {
            let job = self.get(&format!("{path}/{job_id}")).await.body;
            let status = job["status"].as_str().unwrap_or_default();
            if statuses.contains(&status) {
                return job;
            }
            assert!(begun.elapsed() < PATIENCE, "job {job_id} is still {status}: {job:#}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Deploys and waits; the deployment must succeed.
    pub async fn deployed(&self, request: &Value) -> Value {
        let job_id = self.deploy(request).await;
        let job = self.ended("/mlops/deployments", &job_id).await;
        assert_eq!(job["status"], "deployed", "{job:#}");
        job
    }

    /// Asks a deployed model for predictions.
    pub async fn predict(&self, deployment_url: &str, inputs: Value) -> Answer {
        self.post(&format!("{deployment_url}/predict"), &json!({ "inputs": inputs })).await
    }
}

/// Asks again until the answer is as wanted.
pub async fn eventually<T, F: Future<Output = Option<T>>>(what: &str, mut ask: impl FnMut() -> F) -> T {
    let begun = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(begun.elapsed() < PATIENCE, "{what} did not happen");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
