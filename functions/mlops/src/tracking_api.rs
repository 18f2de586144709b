//! Whether the tracking API answers.

use std::time::Duration;

use serde_json::Value;
use shared::Result;

/// For how long the tracking API may think about a light call.
const PATIENCE: Duration = Duration::from_secs(2);

/// True when the tracking API at that base URL answers a light call as MLflow would.
pub async fn answers(base_url: &str) -> bool {
    match ask(base_url).await {
        Ok(answered) => answered,
        Err(error) => {
            tracing::warn!(error = %error, base_url, "the tracking API did not answer");
            false
        }
    }
}

async fn ask(base_url: &str) -> Result<bool> {
    let doing = "asking the tracking API";
    // The second installation is refused; the first one serves.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().timeout(PATIENCE).redirect(reqwest::redirect::Policy::none()).build();
    let client = client.map_err(|error| shared::Error::internal(doing, error))?;
    let request = client.get(format!("{base_url}/api/2.0/mlflow/experiments/get?experiment_id=0"));
    let answer = request.send().await.map_err(|error| shared::Error::internal(doing, error))?;
    let well = answer.status().as_u16() < 500;
    let body: Value = answer.json().await.map_err(|error| shared::Error::internal(doing, error))?;
    Ok(well && (body.get("experiment").is_some() || body.get("error_code").is_some()))
}
