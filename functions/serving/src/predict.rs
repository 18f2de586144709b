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
/// One example gives `prediction`, an array of examples `predictions`. A sleeping model's first request waits for it.
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
    let deployment = deployment_id::of_path(platform, &request).await?;
    prediction::predict(platform, &request, &deployment, asked.data).await
}
