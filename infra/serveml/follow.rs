//! Follows a deployment from stage to stage.

use std::time::Duration;

use serde_json::Value;

use crate::display;

const POLL: Duration = Duration::from_millis(300);
/// A platform that restarts is given this many polls to come back.
const PATIENCE: u32 = 100;

/// A platform, and what opens it.
pub struct Platform {
    /// Its address, no slash at the end.
    pub url: String,
    /// An API key or token; none where the platform asks for none.
    pub api_key: Option<String>,
}

impl Platform {
    /// A request to a path of the platform.
    pub fn request(&self, client: &reqwest::Client, method: reqwest::Method, path: &str) -> reqwest::RequestBuilder {
        let request = client.request(method, format!("{}{path}", self.url));
        match &self.api_key {
            Some(key) => request.bearer_auth(key),
            None => request,
        }
    }
}

/// Sends a request and reads its JSON; a refusal becomes the words of its `detail`.
pub async fn json(request: reqwest::RequestBuilder) -> Result<Value, String> {
    let response = request.send().await.map_err(|error| format!("the platform does not answer: {error}"))?;
    let status = response.status();
    let text = response.text().await.map_err(|error| format!("the platform's answer broke off: {error}"))?;
    let value: Value = serde_json::from_str(&text).unwrap_or(Value::Null);
    if status.is_success() {
        return Ok(value);
    }
    Err(value["detail"].as_str().map_or_else(|| format!("the platform answered {status}: {text}"), str::to_owned))
}

/// Shows a deployment's stages and output as they come; returns it once it is deployed.
pub async fn job(client: &reqwest::Client, platform: &Platform, job_id: &str) -> Result<Value, String> {
    let (mut shown, mut stages, mut silent) = (0, 0, 0);
    loop {
        let job = match json(platform.request(client, reqwest::Method::GET, &format!("/mlops/deployments/{job_id}"))).await {
            Ok(job) => job,
            Err(message) if silent >= PATIENCE => return Err(message),
            Err(_) => {
                silent += 1;
                tokio::time::sleep(POLL).await;
                continue;
            }
        };
        silent = 0;
        let status = job["status"].as_str().unwrap_or_default();
        let ended = matches!(status, "deployed" | "failed");
        // Output first: what a stage wrote belongs before the next stage's line.
        shown = show_output(job["logs"].as_str().unwrap_or_default(), shown, ended);
        stages = show_stages(&job["stages"], stages);
        match status {
            "deployed" => return Ok(job),
            "failed" => return Err(job["error"].as_str().unwrap_or("the job gives no reason").to_owned()),
            _ => tokio::time::sleep(POLL).await,
        }
    }
}

/// Shows the whole lines from byte `shown` on; returns up to where.
fn show_output(logs: &str, shown: usize, ended: bool) -> usize {
    let Some(new) = logs.get(shown..) else { return shown };
    let end = if ended { new.len() } else { new.rfind('\n').map_or(0, |at| at + 1) };
    new[..end].lines().for_each(display::output);
    shown + end
}

fn show_stages(stages: &Value, shown: usize) -> usize {
    let stages = stages.as_array().map(Vec::as_slice).unwrap_or_default();
    for stage in stages.iter().skip(shown.saturating_sub(1)).take(stages.len().saturating_sub(shown)) {
        if let (Some(status), Some(seconds)) = (stage["status"].as_str(), stage["duration_seconds"].as_f64()) {
            display::success(status, &format!("done in {seconds:.1} s"));
        }
    }
    for stage in stages.iter().skip(shown) {
        match stage["status"].as_str() {
            Some("deployed" | "failed") | None => {}
            Some(status) => display::step(status, "…"),
        }
    }
    stages.len()
}

/// A line for the shell that asks the deployed model for a prediction of its own example.
pub async fn curl_line(client: &reqwest::Client, deployment_url: &str) -> Result<String, String> {
    let metadata = json(client.get(format!("{deployment_url}/metadata"))).await?;
    let inputs = &metadata["example_inputs"];
    let body = if inputs.is_null() { "{\"inputs\": [[…]]}".to_owned() } else { format!("{{\"inputs\": {inputs}}}") };
    let quoted = body.replace('\'', "'\\''");
    Ok(format!("curl -X POST {deployment_url}/predict -H 'Content-Type: application/json' -d '{quoted}'"))
}
