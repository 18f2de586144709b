//! `GET /api/ml-development/recipes/{recipe_id}/synthetic-example`. Document: ml-development-api, "Get Synthetic Example".

use shared::http::response;
use shared::{Error, Platform, Request, Response, Result};

use crate::find;
use crate::views::problem::Problem;
use crate::views::synthetic_example::SyntheticExampleView;

/// Get a recipe's example data
#[utoipa::path(
    get,
    path = "/api/ml-development/recipes/{recipe_id}/synthetic-example",
    operation_id = "synthetic_example_get",
    tag = "Synthetic Examples",
    params(("recipe_id" = String, Path, description = "The recipe's id")),
    responses(
        (status = 200, description = "The example data", body = SyntheticExampleView),
        (status = 404, description = "No such recipe, or it has none", body = Problem),
    )
)]
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let recipe = find::recipe_of_path(platform, &request).await?;
    let example = platform.store()?.synthetic_example(&recipe.id).await?;
    let example = example.ok_or_else(|| Error::not_found("Synthetic example not found"))?;
    response::ok(&SyntheticExampleView::of(platform, example).await?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;
    use testing::TestPlatform;

    use crate::fixtures::{get, recipe};

    #[tokio::test]
    async fn baselines_have_rows_and_new_recipes_none() {
        let test = TestPlatform::start().await;
        let (status, example) = get(&test, "/recipes/recipe_forecasting_base/synthetic-example").await;
        assert_eq!((status, &example["row_count"], &example["generated"]), (200, &json!(420), &json!(false)), "{example}");
        assert_eq!(example["sample_rows_json"].as_array().unwrap().len(), 420);
        let (id, _) = recipe(&test, "Retail", json!({})).await;
        let (status, refused) = get(&test, &format!("/recipes/{id}/synthetic-example")).await;
        assert_eq!((status, refused), (404, json!({ "detail": "Synthetic example not found" })));
        assert_eq!(get(&test, "/recipes/recipe_none/synthetic-example").await.0, 404);
    }
}
