//! The new version's own health check and a smoke prediction. Until both pass, the old version stays live.

use serde_json::{Value, json};
use shared::domain::job::Job;
use shared::model_functions::ModelResponse;
use shared::{Error, ErrorKind, Platform, Result};

use super::JobEvent;

/// Asks the published version, and no other, for its health and a prediction of the model's own example.
///
/// # Errors
/// `BadRequest` with what the container answered when either fails; `Unavailable`, which is tried again, when it does not
/// answer or is still loading its model.
pub async fn perform(platform: &Platform, event: JobEvent) -> Result<JobEvent> {
    let job = super::job(platform, &event.job_id).await?;
    let deployment = super::deployment(platform, &job).await?;
    let version = job.function_version.clone().ok_or_else(|| Error::broken(format!("job {} has published no version", job.id)))?;
    let ask = async |method: &'static str, path: &'static str, body: Option<&Value>| {
        platform.model_functions().request(&deployment.function_name, &version, method, path, body).await
    };
    let health = ask("GET", "/health", None).await?;
    expect_ok("its health check", &health)?;
    let metadata = ask("GET", "/metadata", None).await?;
    expect_ok("the question for its metadata", &metadata)?;
    match &metadata.body["example_inputs"] {
        Value::Null => {
            super::say(platform, &job, 40, "The model has no input example and no signature: deployed after its health check alone")
                .await?;
        }
        inputs => {
            let prediction = ask("POST", "/predict", Some(&json!({ "inputs": inputs }))).await?;
            expect_ok("a prediction of its own example", &prediction)?;
            said_prediction(platform, &job, &prediction).await?;
        }
    }
    Ok(JobEvent { job_id: job.id })
}

fn expect_ok(check: &str, response: &ModelResponse) -> Result<()> {
    if response.status == 200 {
        return Ok(());
    }
    if response.body["status"] == "loading" {
        return Err(Error::new(ErrorKind::Unavailable, "The new version takes very long to load its model"));
    }
    let said = response.body["detail"].as_str().map_or_else(|| response.body.to_string(), str::to_owned);
    Err(Error::bad_request(format!("The new version failed {check} ({}): {said}", response.status)))
}

async fn said_prediction(platform: &Platform, job: &Job, prediction: &ModelResponse) -> Result<()> {
    let milliseconds = prediction.body["inference_time_ms"].as_f64().unwrap_or_default();
    super::say(platform, job, 40, &format!("The new version is healthy and predicts its own example ({milliseconds:.1} ms)")).await
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_version_that_is_still_loading_is_asked_again_and_a_broken_one_is_not() {
        let answer = |status, body| expect_ok("its health check", &ModelResponse { status, body, ..ModelResponse::default() });
        assert!(answer(200, json!({ "status": "healthy" })).is_ok());
        let loading = answer(503, json!({ "status": "loading", "detail": "The model is still being loaded." })).unwrap_err();
        assert_eq!(loading.kind(), ErrorKind::Unavailable);
        let broken = answer(503, json!({ "status": "unhealthy", "detail": "no module named x" })).unwrap_err();
        assert_eq!(broken.kind(), ErrorKind::BadRequest);
        assert_eq!(broken.public_message(), "The new version failed its health check (503): no module named x");
    }
}
