//! `PUT /api/ml-development/recipes/{recipe_id}`. Document: ml-development-api, "Update Recipe".

use serde::Deserialize;
use shared::domain::development::choices::RecipeStatus;
use shared::domain::development::recipe::Recipe;
use shared::http::fields::Fields;
use shared::http::response;
use shared::{Error, ErrorKind, Platform, Request, Response, Result, Timestamp};
use utoipa::ToSchema;

use crate::views::problem::{Problem, ValidationProblem};
use crate::views::recipe::RecipeView;
use crate::{find, rules};

const ATTEMPTS: u32 = 8;

/// What is to change; what is absent stays.
#[derive(Debug, Deserialize, ToSchema)]
pub struct RecipeChange {
    /// Its name, unique.
    pub name: Option<String>,
    /// Where it is.
    pub status: Option<RecipeStatus>,
    /// Its tags, at most 50.
    pub tags: Option<Vec<String>>,
}

/// Update a recipe
///
/// An approved recipe stays as it was approved: its name and tags change, and it takes new versions, only once its status is
/// `draft` or `archived` again (the same request may say so). Recipes that come with the platform never change: clone them.
#[utoipa::path(
    put,
    path = "/api/ml-development/recipes/{recipe_id}",
    operation_id = "recipe_update",
    tag = "Recipes",
    params(("recipe_id" = String, Path, description = "The recipe's id")),
    request_body = RecipeChange,
    responses(
        (status = 200, description = "The recipe as it is now", body = RecipeView),
        (status = 400, description = "It is approved, the name is taken, or a value is none of its set", body = Problem),
        (status = 403, description = "Another user made it", body = Problem),
        (status = 404, description = "No such recipe", body = Problem),
        (status = 422, description = "Fields are not as they must be", body = ValidationProblem),
    )
)]
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let mut fields = Fields::of_body(&request, rules::LONGEST_BODY)?;
    let (name, status, tags) = (rules::recipe_name(&mut fields, false), fields.choice("status"), rules::tags(&mut fields));
    fields.finish()?;
    for _ in 0..ATTEMPTS {
        let old = find::own_recipe_of_path(platform, &request).await?;
        let new = Recipe {
            name: name.clone().unwrap_or_else(|| old.name.clone()),
            status: status.unwrap_or(old.status),
            tags: tags.clone().unwrap_or_else(|| old.tags.clone()),
            updated_at: Timestamp::now(),
            ..old.clone()
        };
        let edited = (&new.name, &new.tags) != (&old.name, &old.tags);
        if !edited && new.status == old.status {
            return response::ok(&RecipeView::from(old));
        }
        check_is_open(&old, new.status)?;
        if platform.store()?.change_recipe(&old, &new).await? {
            return response::ok(&RecipeView::from(new));
        }
    }
    Err(Error::new(ErrorKind::Unavailable, "Others change this recipe at this moment; try again."))
}

/// That a recipe may be changed by a request that leaves it in this status.
///
/// # Errors
/// `BadRequest` when it is approved and stays so, or comes with the platform.
pub fn check_is_open(recipe: &Recipe, status: RecipeStatus) -> Result<()> {
    if recipe.built_in {
        let message =
            "This recipe comes with the platform and never changes; clone it: POST /api/ml-development/recipes/{recipe_id}/clone?name=…";
        return Err(Error::bad_request(message));
    }
    if recipe.status == RecipeStatus::Approved && status == RecipeStatus::Approved {
        return Err(Error::bad_request("An approved recipe cannot be edited; clone it, or set its status to draft or archived first"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;
    use testing::TestPlatform;

    use crate::fixtures::{get, post, put, recipe};

    #[tokio::test]
    async fn a_draft_changes_and_an_approved_recipe_does_not() {
        let test = TestPlatform::start().await;
        let (id, _) = recipe(&test, "Retail", json!({})).await;
        let path = format!("/recipes/{id}");
        let (status, changed) = put(&test, &path, &json!({ "name": "Retail 2", "tags": ["a"], "status": "approved" })).await;
        assert_eq!((status, changed["name"].as_str(), changed["status"].as_str()), (200, Some("Retail 2"), Some("approved")), "{changed}");
        for body in [json!({ "name": "Retail 3" }), json!({ "tags": [] }), json!({ "name": "Retail 3", "status": "approved" })] {
            let (status, refused) = put(&test, &path, &body).await;
            assert!(status == 400 && refused["detail"].as_str().unwrap().contains("approved"), "{body}: {refused}");
        }
        let version = json!({ "recipe_id": id, "manifest_json": { "a": 1 } });
        assert_eq!(post(&test, &format!("{path}/versions"), &version).await.0, 400);
        // As it is: nothing to refuse.
        assert_eq!(put(&test, &path, &json!({ "name": "Retail 2", "status": "approved" })).await.0, 200);
        assert_eq!(put(&test, &path, &json!({ "status": "draft" })).await.0, 200);
        assert_eq!(put(&test, &path, &json!({ "name": "Retail 3" })).await.0, 200);
        assert_eq!(post(&test, &format!("{path}/versions"), &version).await.0, 201);
        assert_eq!(get(&test, "/recipes?status=draft").await.1["total"], 1);
    }

    #[tokio::test]
    async fn names_stay_unique_and_are_given_back() {
        let test = TestPlatform::start().await;
        let (one, _) = recipe(&test, "One", json!({})).await;
        let (two, _) = recipe(&test, "Two", json!({})).await;
        assert_eq!(put(&test, &format!("/recipes/{two}"), &json!({ "name": "One" })).await.0, 400);
        assert_eq!(put(&test, &format!("/recipes/{one}"), &json!({ "name": "First" })).await.0, 200);
        assert_eq!(put(&test, &format!("/recipes/{two}"), &json!({ "name": "One" })).await.0, 200);
    }

    #[tokio::test]
    async fn bad_input_is_refused() {
        let test = TestPlatform::start().await;
        let (id, _) = recipe(&test, "One", json!({})).await;
        for (path, body, expected) in [
            (format!("/recipes/{id}"), json!({ "status": "production" }), 400),
            (format!("/recipes/{id}"), json!({ "status": 1 }), 422),
            (format!("/recipes/{id}"), json!({ "name": " x" }), 422),
            (format!("/recipes/{id}"), json!([]), 422),
            ("/recipes/recipe_none".to_owned(), json!({ "name": "x" }), 404),
            ("/recipes/recipe_pricing_base".to_owned(), json!({ "name": "x" }), 400),
            ("/recipes/recipe_pricing_base".to_owned(), json!({ "status": "archived" }), 400),
        ] {
            let (status, refused) = put(&test, &path, &body).await;
            assert_eq!(status, expected, "{path} {body}: {refused}");
        }
    }
}
