//! `GET /api/ml-development/models/{model_id}`. Document: ml-development-api, "Get Model".

use shared::http::response;
use shared::{Platform, Request, Response, Result};

use crate::find;
use crate::views::model::ModelView;
use crate::views::problem::Problem;

/// Get a model
#[utoipa::path(
    get,
    path = "/api/ml-development/models/{model_id}",
    operation_id = "development_model_get",
    tag = "Development Models",
    params(("model_id" = String, Path, description = "The model's id")),
    responses(
        (status = 200, description = "The model", body = ModelView),
        (status = 404, description = "No such model", body = Problem),
    )
)]
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let (model, development) = find::model(platform, request.path_parameter("model_id")?).await?;
    response::ok(&ModelView::of(model, development))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use testing::TestPlatform;

    use crate::fixtures::{get, model, recipe};

    #[tokio::test]
    async fn a_model_is_found_with_and_without_its_prefix() {
        let test = TestPlatform::start().await;
        let made = recipe(&test, "Retail", json!({})).await;
        let id = model(&test, "Prices", &made).await;
        for given in [id.as_str(), id.trim_start_matches("model_")] {
            let (status, found) = get(&test, &format!("/models/{given}")).await;
            assert_eq!(
                (status, &found["id"], &found["status"], &found["owner"]),
                (200, &json!(id), &json!("draft"), &json!("team")),
                "{found}"
            );
        }
        for given in ["model_none", "%00", "Prices"] {
            assert_eq!(get(&test, &format!("/models/{given}")).await, (404, json!({ "detail": "Model not found" })), "{given}");
        }
    }
}
