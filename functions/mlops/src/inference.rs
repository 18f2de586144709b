//! `POST /mlops/inference`: predictions moved to each deployed model's own URL; this leads there. Documents: mlops-api-v5 3,
//! mlops-quick-reference ("Removed Endpoints").

use http::{HeaderValue, StatusCode, header};
use serde::Deserialize;
use shared::http::response;
use shared::jobs::submit::registered_version;
use shared::{Error, ErrorKind, Platform, Request, Response, Result};
use utoipa::ToSchema;

use crate::body;
use crate::views::problem::Problem;

/// Which model is asked. Whatever else the body holds is the model's business: `inputs`, `return_probabilities`.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({
    "model_name": "churn_predictor",
    "model_version": "1",
    "inputs": { "age": [25, 35, 45], "income": [50000, 75000, 100000], "tenure": [1, 5, 10] },
    "return_probabilities": true
}))]
pub struct InferenceRequest {
    /// The registered model.
    pub model_name: String,
    /// The version; where absent, the one that is live.
    #[serde(default, deserialize_with = "body::version")]
    #[schema(value_type = Option<String>)]
    pub model_version: Option<String>,
}

/// Run inference (moved)
///
/// Predictions are answered at each deployed model's own URL: `{deployment_url}/predict`, which takes this body too. Where
/// the version is deployed, the redirect leads there; clients that follow it with method and body need no change.
#[utoipa::path(
    post,
    path = "/mlops/inference",
    operation_id = "inference",
    tag = "Inference",
    request_body = InferenceRequest,
    responses(
        (
            status = 308,
            description = "The model answers there",
            body = Problem,
            headers(("Location" = String, description = "`{deployment_url}/predict`"))
        ),
        (status = 400, description = "The body names no model", body = Problem),
        (status = 404, description = "There is no such model version", body = Problem),
        (status = 410, description = "The version is registered but not deployed; the detail says what to do", body = Problem),
        (status = 500, description = "Internal error", body = Problem),
    )
)]
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let asked: InferenceRequest = request.json()?;
    let store = platform.store()?.seen_by(&request.caller);
    let not_found = || Error::not_found(format!("Model {} not found", asked.model_name.chars().take(256).collect::<String>()));
    if store.hides_model(&asked.model_name).await? {
        return Err(match &asked.model_version {
            Some(version) => registered_version(&store, &asked.model_name, version).await.err().unwrap_or_else(not_found),
            None => not_found(),
        });
    }
    let deployment = store.deployment_of_model(&asked.model_name).await?;
    let live = deployment.and_then(|deployment| Some((deployment.live_model_version?, deployment.url?)));
    let version = match (&asked.model_version, &live) {
        (Some(version), _) => registered_version(&store, &asked.model_name, version).await?.version,
        (None, Some((version, _))) => *version,
        (None, None) => store.latest_version(&asked.model_name).await?.ok_or_else(not_found)?.version,
    };
    match live {
        Some((live, url)) if live == version => moved(&url),
        live => Err(gone(&asked.model_name, version, live)),
    }
}

fn moved(url: &str) -> Result<Response> {
    let target = format!("{url}/predict");
    let problem = Problem { detail: format!("Inference moved to the deployed model's own URL: POST {target}"), request_id: None };
    let mut answer = response::json(StatusCode::PERMANENT_REDIRECT, &problem)?;
    let location = HeaderValue::from_str(&target).map_err(|error| Error::internal("writing the Location header", error))?;
    let headers = answer.headers_mut();
    headers.insert(header::LOCATION, location);
    // Without this a client may keep a permanent redirect for ever, past the deployment's end.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // A browser follows a redirect of another origin only where this says that it may.
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    Ok(answer)
}

fn gone(model_name: &str, version: u64, live: Option<(u64, String)>) -> Error {
    let body = serde_json::json!({ "model_name": model_name, "model_version": version.to_string() });
    let instead = live.map(|(live, url)| format!(" Version {live} is live now and answers at {url}/predict.")).unwrap_or_default();
    Error::new(
        ErrorKind::Gone,
        format!(
            "Model {model_name} version {version} is registered but not deployed, and this endpoint runs no model itself any more. Deploy \
             it with POST /mlops/deploy {body}, then send this request to {{deployment_url}}/predict.{instead}"
        ),
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use http::Method;
    use serde_json::{Value, json};
    use testing::{TestPlatform, request, with_json};

    use crate::fixtures::{deployed, post, version};

    const PATH: &str = "/mlops/inference";

    /// The document's own request.
    fn document() -> Value {
        json!({
            "model_name": "churn_predictor",
            "model_version": "1",
            "inputs": { "age": [25, 35, 45], "income": [50000, 75000, 100000], "tenure": [1, 5, 10] },
            "return_probabilities": true
        })
    }

    #[tokio::test]
    async fn a_deployed_version_is_redirected_to() {
        let test = TestPlatform::start().await;
        deployed(&test, &version(&test, "churn_predictor").await).await;
        let mut no_version = document();
        no_version.as_object_mut().unwrap().remove("model_version");
        for body in [document(), no_version] {
            let answer = test.send(crate::FUNCTIONS, with_json(request(Method::POST, PATH), &body)).await;
            assert_eq!((answer.status().as_u16(), answer.headers()["location"].to_str().unwrap()), (308, "http://localhost:21000/predict"));
            assert_eq!(
                (&answer.headers()["cache-control"], &answer.headers()["access-control-allow-origin"]),
                (&"no-store".parse().unwrap(), &"*".parse().unwrap())
            );
        }
    }

    #[tokio::test]
    async fn a_version_that_is_not_deployed_says_what_to_do() {
        let test = TestPlatform::start().await;
        version(&test, "churn_predictor").await;
        let (status, answer) = post(&test, PATH, document()).await;
        let detail = answer["detail"].as_str().unwrap();
        assert!(
            status == 410 && detail.contains("POST /mlops/deploy {\"model_name\":\"churn_predictor\",\"model_version\":\"1\"}"),
            "{detail}"
        );
        deployed(&test, &version(&test, "churn_predictor").await).await;
        let (status, answer) = post(&test, PATH, document()).await;
        assert!(status == 410 && answer["detail"].as_str().unwrap().contains("Version 2 is live now"), "{answer}");
    }

    #[tokio::test]
    async fn an_unknown_version_is_answered_in_the_documents_words() {
        let test = TestPlatform::start().await;
        let body = json!({ "model_name": "my_model", "model_version": "999", "inputs": {} });
        assert_eq!(post(&test, PATH, body).await, (404, json!({ "detail": "Model my_model version 999 not found" })));
        assert_eq!(post(&test, PATH, json!({ "model_name": "my_model" })).await, (404, json!({ "detail": "Model my_model not found" })));
        assert_eq!(post(&test, PATH, json!({ "model_name": "", "model_version": "1" })).await.0, 404);
        assert_eq!(post(&test, PATH, json!({ "inputs": {} })).await.0, 400);
    }
}
