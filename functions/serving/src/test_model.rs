//! `POST /api/v1/test-model`: tries a model with named features. Document: serveml-api, "Test Model".

use serde::Deserialize;
use serde_json::Value;
use shared::{Platform, Request, Response, Result};
use utoipa::ToSchema;

use crate::prediction::{self, LONGEST_BODY, PredictionResponse};
use crate::views::problem::Problem;
use crate::{body, deployment_id};

/// The model, and what to try it with.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TestModelRequest {
    /// The deployment.
    #[schema(example = "dep-0199f0a2-7c3e-7d21-b1a5-0f6f3f1f2c11")]
    pub deployment_id: String,
    /// Features by name; of a model that was fitted without names, in its own order. What `predict` takes is taken too.
    #[schema(value_type = Object, example = json!({ "feature1": 5.1, "feature2": 3.5, "feature3": 1.4, "feature4": 0.2 }))]
    pub data: Value,
}

/// Test a model
///
/// Answers as a prediction does.
#[utoipa::path(
    post,
    path = "/api/v1/test-model",
    operation_id = "test_model",
    tag = "Predictions",
    request_body = TestModelRequest,
    responses(
        (status = 200, description = "The prediction, or the predictions", body = PredictionResponse),
        (status = 400, description = "The model cannot take this data, or no version answers yet (`INVALID_INPUT`)", body = Problem),
        (status = 401, description = "Not logged in", body = Problem),
        (status = 404, description = "The user has no such deployment", body = Problem),
        (status = 500, description = "The model failed (`PREDICTION_ERROR`)", body = Problem),
    )
)]
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let asked: TestModelRequest = body::read_up_to(&request, LONGEST_BODY)?;
    let id = deployment_id::read(&asked.deployment_id);
    let deployment = deployment_id::find(platform, &request, id).await?;
    prediction::predict(platform, &request, &deployment, asked.data).await
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::{Value, json};
    use testing::TestPlatform;

    use crate::fixtures::{live, post, post_as, register};

    #[tokio::test]
    async fn named_features_reach_the_model() {
        let test = TestPlatform::start().await;
        let (token, other) = (register(&test, "johndoe").await, register(&test, "janedoe").await);
        let id = live(&test, &token).await;
        let data = json!({ "feature1": 5.1, "feature2": 3.5, "feature3": 1.4, "feature4": 0.2 });
        let body = json!({ "deployment_id": id, "data": data });
        let answer = json!({ "model_version": "1", "predictions": [2] });
        test.answer_with("/invocations", json!({ "statusCode": 200, "body": answer.to_string() }));
        let (status, answer) = post_as(&test, "/api/v1/test-model", &token, &body).await;
        assert_eq!((status, &answer["prediction"]), (200, &json!(2)), "{answer}");
        let asked = test.calls().pop().unwrap();
        let sent: Value = serde_json::from_str(asked.body["body"].as_str().unwrap()).unwrap();
        assert_eq!(sent["inputs"]["feature2"], json!([3.5]));
        assert_eq!(post_as(&test, "/api/v1/test-model", &other, &body).await.0, 404);
        assert_eq!(post(&test, "/api/v1/test-model", &body).await.0, 401);
        assert_eq!(post_as(&test, "/api/v1/test-model", &token, &json!({ "data": [1] })).await.0, 422);
    }
}
