//! `DELETE /api/ml-development/recipes/{recipe_id}`. Document: ml-development-api, "Delete Recipe".

use serde::Serialize;
use shared::domain::development::recipe::{MODEL_PREFIX, RECIPE_PREFIX, RUN_PREFIX, shown};
use shared::http::response;
use shared::store::recipes::RecipeReferences;
use shared::{Error, ErrorKind, Platform, Request, Response, Result};
use utoipa::ToSchema;

use crate::find;
use crate::views::problem::Problem;

const ATTEMPTS: u32 = 8;

/// A recipe that is gone.
#[derive(Debug, Serialize, ToSchema)]
pub struct Deleted {
    /// The recipe.
    pub id: String,
    /// What became of it.
    #[schema(example = "Recipe deleted")]
    pub message: &'static str,
}

/// Delete a recipe
///
/// With all its versions. What recipes, models or runs point at is not deleted; the answer names them.
#[utoipa::path(
    delete,
    path = "/api/ml-development/recipes/{recipe_id}",
    operation_id = "recipe_delete",
    tag = "Recipes",
    params(("recipe_id" = String, Path, description = "The recipe's id")),
    responses(
        (status = 200, description = "It is gone", body = Deleted),
        (status = 400, description = "Others point at it, or it comes with the platform", body = Problem),
        (status = 403, description = "Another user made it", body = Problem),
        (status = 404, description = "No such recipe", body = Problem),
    )
)]
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let store = platform.store()?;
    for _ in 0..ATTEMPTS {
        let recipe = find::own_recipe_of_path(platform, &request).await?;
        if recipe.built_in {
            return Err(Error::bad_request("This recipe comes with the platform and stays"));
        }
        if recipe.references > 0 {
            return Err(Error::bad_request(refusal(&store.recipe_references(&recipe.id).await?)));
        }
        if store.delete_recipe(&recipe).await? {
            return response::ok(&Deleted { id: shown(RECIPE_PREFIX, &recipe.id), message: "Recipe deleted" });
        }
    }
    Err(Error::new(ErrorKind::Unavailable, "Others change this recipe at this moment; try again."))
}

fn refusal(references: &RecipeReferences) -> String {
    let told = [
        ("recipes", RECIPE_PREFIX, &references.children),
        ("models", MODEL_PREFIX, &references.models),
        ("runs", RUN_PREFIX, &references.runs),
    ];
    let told: Vec<String> = told
        .into_iter()
        .filter(|(_, _, ids)| !ids.is_empty())
        .map(|(what, prefix, ids)| format!("{what} {}", ids.iter().map(|id| shown(prefix, id)).collect::<Vec<_>>().join(", ")))
        .collect();
    format!("Recipe cannot be deleted; these point at it: {}", told.join("; "))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;
    use testing::TestPlatform;

    use crate::fixtures::{delete, get, id, model, post, recipe};

    #[tokio::test]
    async fn what_nothing_points_at_goes_with_its_name() {
        let test = TestPlatform::start().await;
        let (recipe_id, version_id) = recipe(&test, "Retail", json!({})).await;
        let path = format!("/recipes/{recipe_id}");
        assert_eq!(delete(&test, &path).await.0, 200);
        for path in [path.clone(), format!("{path}/versions/{version_id}"), format!("{path}/synthetic-example")] {
            assert_eq!(get(&test, &path).await.0, 404, "{path}");
        }
        assert_eq!(delete(&test, &path).await.0, 404);
        assert_eq!(get(&test, "/recipes").await.1["total"], 4);
        recipe(&test, "Retail", json!({})).await;
    }

    #[tokio::test]
    async fn what_others_point_at_stays_and_they_are_named() {
        let test = TestPlatform::start().await;
        let made = recipe(&test, "Retail", json!({})).await;
        let path = format!("/recipes/{}", made.0);
        let model_id = model(&test, "Prices", &made).await;
        let run = json!({ "recipe_id": made.0, "recipe_version_id": made.1, "run_type": "train" });
        let run_id = id(&post(&test, "/runs", &run).await.1, "id");
        let (_, child) = post(&test, &format!("{path}/clone?name=Child"), &json!({})).await;
        let (status, refused) = delete(&test, &path).await;
        let told = refused["detail"].as_str().unwrap();
        assert!(status == 400 && [&model_id, &run_id, &id(&child, "id")].iter().all(|id| told.contains(id.as_str())), "{refused}");
        assert_eq!(delete(&test, &format!("/recipes/{}", id(&child, "id"))).await.0, 200);
        assert!(!delete(&test, &path).await.1["detail"].as_str().unwrap().contains("recipes "));
        assert_eq!(delete(&test, "/recipes/recipe_pricing_base").await.0, 400);
    }
}
