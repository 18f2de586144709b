//! `POST /api/v1/predict/{deployment_id}`: predictions. Document: serveml-api, "Make Prediction".

use serde::Deserialize;
use serde_json::Value;
use shared::{Platform, Request, Response, Result};
use utoipa::ToSchema;

use crate::prediction::{self, LONGEST_BODY, PredictionResponse};
use crate::views::problem::Problem;
use crate::{body, deployment_id};

/// What to predict from.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PredictRequest {
    /// One example (an array, or an object of named features), or an array of examples.
    #[schema(value_type = Object, example = json!([5.1, 3.5, 1.4, 0.2]))]
    pub data: Value,
}

/// Make a prediction
///
/// One example gives `prediction`, an array of examples `predictions`. A sleeping model's first request waits for it. A deployment
/// of a project answers the project's members, under the privacy settings that it has.
#[utoipa::path(
    post,
    path = "/api/v1/predict/{deployment_id}",
    operation_id = "predict",
    tag = "Predictions",
    params(("deployment_id" = String, Path, description = "As it was deployed")),
    request_body = PredictRequest,
    responses(
        (status = 200, description = "The prediction, or the predictions", body = PredictionResponse),
        (status = 400, description = "The model cannot take this data, or no version answers yet (`INVALID_INPUT`)", body = Problem),
        (status = 401, description = "Not logged in", body = Problem),
        (status = 404, description = "The user has no such deployment", body = Problem),
        (status = 413, description = "The body is too long", body = Problem),
        (status = 429, description = "Too many requests", body = Problem),
        (status = 500, description = "The model failed (`PREDICTION_ERROR`)", body = Problem),
    )
)]
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let asked: PredictRequest = body::read_up_to(&request, LONGEST_BODY)?;
    let deployment = deployment_id::seen(platform, &request).await?;
    prediction::predict(platform, &request, &deployment, asked.data).await
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::{Value, json};
    use testing::TestPlatform;

    use crate::fixtures::{deploy, live, post, post_as, register};

    /// Lets the model answer.
    fn model_answers(test: &TestPlatform, status: u16, body: &Value) {
        test.answer_with("/invocations", json!({ "statusCode": status, "body": body.to_string(), "headers": {} }));
    }

    #[tokio::test]
    async fn single_and_batch_are_answered_as_the_document_says() {
        let test = TestPlatform::start().await;
        let (token, other) = (register(&test, "johndoe").await, register(&test, "janedoe").await);
        let path = format!("/api/v1/predict/{}", live(&test, &token).await);
        let single = json!({ "data": [5.1, 3.5, 1.4, 0.2] });
        assert_eq!(post_as(&test, &path, &other, &single).await.0, 404);
        assert_eq!(post(&test, &path, &single).await.0, 401);
        model_answers(&test, 200, &json!({ "model_version": "1", "predictions": [0], "probabilities": [[0.98, 0.01, 0.01]] }));
        let (status, answer) = post_as(&test, &path, &token, &single).await;
        assert_eq!((status, &answer["prediction"], &answer["model_version"]), (200, &json!(0), &json!("v1")), "{answer}");
        assert!(
            answer["probabilities"] == json!([0.98, 0.01, 0.01])
                && answer["response_time_ms"].is_u64()
                && answer.get("batch_size").is_none()
        );
        let asked = test.calls().pop().unwrap();
        assert!(asked.operation.starts_with("POST ") && asked.operation.ends_with("/invocations"), "{asked:?}");
        let sent: Value = serde_json::from_str(asked.body["body"].as_str().unwrap()).unwrap();
        assert_eq!(sent["inputs"], json!([[5.1, 3.5, 1.4, 0.2]]));
        assert_eq!(asked.body["requestContext"]["http"]["sourceIp"].as_str().unwrap().len(), 16);

        model_answers(&test, 200, &json!({ "model_version": "1", "predictions": [0, 2] }));
        let (_, answer) = post_as(&test, &path, &token, &json!({ "data": [[5.1, 3.5, 1.4, 0.2], [6.2, 3.4, 5.4, 2.3]] })).await;
        assert_eq!((&answer["predictions"], &answer["batch_size"]), (&json!([0, 2]), &json!(2)), "{answer}");
        assert!(answer.get("probabilities").is_none(), "this model gives none");
    }

    #[tokio::test]
    async fn failures_are_told_apart() {
        let test = TestPlatform::start().await;
        let token = register(&test, "johndoe").await;
        let path = format!("/api/v1/predict/{}", live(&test, &token).await);
        let data = json!({ "data": [5.1, 3.5, 1.4, 0.2] });
        for (status, expected, code) in [
            (422, 400, "INVALID_INPUT"),
            (400, 400, "INVALID_INPUT"),
            (413, 400, "INVALID_INPUT"),
            (429, 429, "RATE_LIMITED"),
            (500, 500, "PREDICTION_ERROR"),
            (503, 500, "PREDICTION_ERROR"),
            (504, 500, "PREDICTION_ERROR"),
        ] {
            model_answers(&test, status, &json!({ "detail": "its own reason" }));
            let (status, answer) = post_as(&test, &path, &token, &data).await;
            assert_eq!((status, answer["error"]["code"].as_str()), (expected, Some(code)), "{answer}");
            assert!(answer["error"]["message"].as_str().unwrap().contains("its own reason"), "{answer}");
        }
        for wrong in [json!({}), json!({ "data": [1], "dta": 1 }), json!(1)] {
            assert_eq!(post_as(&test, &path, &token, &wrong).await.0, 422, "{wrong}");
        }
        for wrong in [json!(null), json!([]), json!("x"), json!([[1], [1, 2]]), json!([[[1]]])] {
            let (status, answer) = post_as(&test, &path, &token, &json!({ "data": wrong })).await;
            let seen = (status, answer["error"]["code"].as_str(), answer["error"]["details"]["field"].as_str());
            assert_eq!(seen, (400, Some("INVALID_INPUT"), Some("data")), "{wrong}: {answer}");
        }
        let long = json!({ "data": vec![0.123_456_789; 400_000] });
        assert_eq!(post_as(&test, &path, &token, &long).await.0, 413);
    }

    #[tokio::test]
    async fn what_is_not_there_yet_says_so() {
        let test = TestPlatform::start().await;
        let token = register(&test, "johndoe").await;
        let id = deploy(&test, &token, &[]).await;
        let (status, answer) = post_as(&test, &format!("/api/v1/predict/{id}"), &token, &json!({ "data": [1, 2, 3, 4] })).await;
        assert!(status == 400 && answer["error"]["message"].as_str().unwrap().contains("building"), "{answer}");
        assert_eq!(post_as(&test, "/api/v1/predict/dep-x", &token, &json!({ "data": [1] })).await.0, 404);
    }
}
