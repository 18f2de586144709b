//! `GET /api/ml-development/recipes`. Document: ml-development-api, "List Recipes".

use serde::Serialize;
use shared::domain::development::choices::{ModelFamily, RecipeLevel, RecipeStatus};
use shared::http::fields::Fields;
use shared::http::response;
use shared::store::recipes::RecipeFilter;
use shared::{Platform, Request, Response, Result};
use utoipa::ToSchema;

use crate::baselines;
use crate::views::problem::{Problem, ValidationProblem};
use crate::views::recipe::RecipeView;

/// A page of recipes.
#[derive(Debug, Serialize, ToSchema)]
pub struct RecipeList {
    /// The recipes, the newest first.
    pub recipes: Vec<RecipeView>,
    /// How many there are that the filters let through.
    #[schema(example = 42)]
    pub total: u64,
}

/// List recipes
#[utoipa::path(
    get,
    path = "/api/ml-development/recipes",
    operation_id = "recipes_list",
    tag = "Recipes",
    params(
        ("model_family" = Option<ModelFamily>, Query, description = "Of this family only"),
        ("level" = Option<RecipeLevel>, Query, description = "At this level only"),
        ("status" = Option<RecipeStatus>, Query, description = "Of this status only"),
        ("limit" = Option<i64>, Query, description = "How many at the most: 1 to 500, 100 unless told"),
        ("offset" = Option<i64>, Query, description = "How many to skip: up to 10,000"),
    ),
    responses(
        (status = 200, description = "The recipes", body = RecipeList),
        (status = 400, description = "A filter has no such value", body = Problem),
        (status = 422, description = "A parameter is not as it must be", body = ValidationProblem),
    )
)]
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let mut fields = Fields::of_query(&request);
    let filter =
        RecipeFilter { model_family: fields.choice("model_family"), level: fields.choice("level"), status: fields.choice("status") };
    let window = fields.window();
    fields.finish()?;
    let store = platform.store()?;
    let (mut recipes, mut total) = store.recipes(filter, window).await?;
    if total == 0 {
        baselines::ensure(platform).await?;
        (recipes, total) = store.recipes(filter, window).await?;
    }
    response::ok(&RecipeList { recipes: recipes.into_iter().map(RecipeView::from).collect(), total })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;
    use testing::TestPlatform;

    use crate::fixtures::{get, ids, post, put};

    #[tokio::test]
    async fn an_empty_platform_has_an_approved_baseline_for_each_family() {
        let test = TestPlatform::start().await;
        let (status, listed) = get(&test, "/recipes?model_family=pricing").await;
        assert_eq!((status, &listed["total"], &listed["recipes"][0]["id"]), (200, &json!(1), &json!("recipe_pricing_base")), "{listed}");
        let (_, listed) = get(&test, "/recipes").await;
        assert_eq!((listed["total"].as_u64(), listed["recipes"].as_array().unwrap().len()), (Some(4), 4));
        for recipe in listed["recipes"].as_array().unwrap() {
            assert_eq!((recipe["status"].as_str(), recipe["level"].as_str()), (Some("approved"), Some("baseline")), "{recipe}");
        }
    }

    #[tokio::test]
    async fn filters_and_windows_have_true_totals() {
        let test = TestPlatform::start().await;
        for at in 0..5 {
            let body = json!({ "name": format!("Client {at}"), "model_family": "forecasting", "level": "client" });
            let (status, made) = post(&test, "/recipes", &body).await;
            assert_eq!(status, 201, "{made}");
            if at < 2 {
                put(&test, &format!("/recipes/{}", made["id"].as_str().unwrap()), &json!({ "status": "approved" })).await;
            }
        }
        for (query, total) in [
            ("", 9),
            ("?model_family=forecasting", 6),
            ("?level=client", 5),
            ("?status=approved", 6),
            ("?status=draft&level=client", 3),
            ("?status=approved&level=client&model_family=forecasting", 2),
            ("?status=archived", 0),
            ("?model_family=forecasting&level=industry", 0),
        ] {
            let (_, listed) = get(&test, &format!("/recipes{query}")).await;
            assert_eq!((listed["total"].as_u64(), listed["recipes"].as_array().unwrap().len()), (Some(total), total as usize), "{query}");
        }
        let (_, first) = get(&test, "/recipes?limit=3").await;
        let (_, second) = get(&test, "/recipes?limit=3&offset=3").await;
        let (_, all) = get(&test, "/recipes").await;
        assert_eq!([ids(&first["recipes"]), ids(&second["recipes"])].concat(), ids(&all["recipes"])[..6]);
        assert_eq!(all["recipes"][0]["name"], "Client 4", "the newest first");
        assert_eq!(get(&test, "/recipes?offset=10000").await.1["recipes"], json!([]));
    }

    #[tokio::test]
    async fn wrong_parameters_are_told_in_the_documents_shapes() {
        let test = TestPlatform::start().await;
        for (query, parameter) in [
            ("limit=0", "limit"),
            ("limit=501", "limit"),
            ("limit=-1", "limit"),
            ("limit=x", "limit"),
            ("offset=-1", "offset"),
            ("offset=10001", "offset"),
        ] {
            let (status, refused) = get(&test, &format!("/recipes?{query}")).await;
            assert_eq!((status, &refused["detail"][0]["loc"]), (422, &json!(["query", parameter])), "{query}: {refused}");
        }
        for (query, field) in [("model_family=x", "model_family"), ("level=x", "level"), ("status=production", "status")] {
            let (status, refused) = get(&test, &format!("/recipes?{query}")).await;
            let told = refused["detail"].as_str().unwrap_or_default();
            assert!(status == 400 && told.starts_with(&format!("Invalid {field} value")), "{query}: {refused}");
        }
    }
}
