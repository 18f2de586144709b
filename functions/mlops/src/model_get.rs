//! `GET /mlops/models/{model_name}`: a registered model. Document: mlops-api-v5 6.

use shared::http::response;
use shared::{Error, Platform, Request, Response, Result};

use crate::views::model::ModelView;
use crate::views::problem::Problem;

/// Get model details
#[utoipa::path(
    get,
    path = "/mlops/models/{model_name}",
    operation_id = "model_get",
    tag = "Models",
    params(("model_name" = String, Path, description = "The registered model's name")),
    responses(
        (status = 200, description = "The model", body = ModelView),
        (status = 404, description = "There is no such model", body = Problem),
        (status = 500, description = "Internal error", body = Problem),
    )
)]
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let name = request.path_parameter("model_name")?;
    let not_found = || Error::not_found(format!("Model {} not found", name.chars().take(256).collect::<String>()));
    let store = platform.store()?.seen_by(&request.caller);
    let model = store.registered_model(name).await?.ok_or_else(not_found)?;
    response::ok(&ModelView::read(&store, model).await?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;
    use testing::TestPlatform;

    use crate::fixtures::get;

    #[tokio::test]
    async fn an_unknown_model_is_not_found() {
        let test = TestPlatform::start().await;
        assert_eq!(get(&test, "/mlops/models/nothing").await, (404, json!({ "detail": "Model nothing not found" })));
        assert_eq!(get(&test, &format!("/mlops/models/{}", "x".repeat(5000))).await.0, 404);
    }
}
