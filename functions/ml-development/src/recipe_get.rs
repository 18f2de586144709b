//! `GET /api/ml-development/recipes/{recipe_id}`. Document: ml-development-api, "Get Recipe".

use shared::http::response;
use shared::{Platform, Request, Response, Result};

use crate::find;
use crate::views::problem::Problem;
use crate::views::recipe::RecipeView;

/// Get a recipe
#[utoipa::path(
    get,
    path = "/api/ml-development/recipes/{recipe_id}",
    operation_id = "recipe_get",
    tag = "Recipes",
    params(("recipe_id" = String, Path, description = "The recipe's id")),
    responses(
        (status = 200, description = "The recipe", body = RecipeView),
        (status = 404, description = "No such recipe", body = Problem),
    )
)]
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    response::ok(&RecipeView::from(find::recipe_of_path(platform, &request).await?))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use testing::TestPlatform;

    use crate::fixtures::get;

    #[tokio::test]
    async fn a_recipe_is_found_with_and_without_its_prefix() {
        let test = TestPlatform::start().await;
        for id in ["recipe_pricing_base", "pricing_base"] {
            let (status, recipe) = get(&test, &format!("/recipes/{id}")).await;
            assert_eq!((status, &recipe["id"], &recipe["parent_id"]), (200, &json!("recipe_pricing_base"), &json!(null)), "{recipe}");
        }
        let long = "x".repeat(5000);
        for id in ["recipe_none", "%2e%2e", "0199f0a2-7c3e-7d21-b1a5-0f6f3f1f2c11", &long] {
            let (status, refused) = get(&test, &format!("/recipes/{id}")).await;
            assert_eq!((status, refused), (404, json!({ "detail": "Recipe not found" })), "{id}");
        }
    }
}
