//! `POST /api/ml-development/recipes/{recipe_id}/clone`. Document: ml-development-api, "Clone Recipe".

use http::StatusCode;
use shared::domain::development::choices::{RecipeLevel, RecipeStatus};
use shared::domain::development::recipe::{RECIPE_PREFIX, Recipe, RecipeVersion, SyntheticExample, VERSION_PREFIX, shown};
use shared::domain::development::version_number;
use shared::http::fields::{Choice as _, Fields};
use shared::http::response;
use shared::store::recipes::NewRecipe;
use shared::{Error, Platform, Request, Response, Result, Timestamp, id};

use crate::views::problem::{Problem, ValidationProblem};
use crate::views::recipe::RecipeView;
use crate::{find, rules};

/// Clone a recipe
///
/// The clone is a draft of its own: version 1.0.0 is the original's newest version, its example data are the original's, and
/// the original is its parent. A clone of a baseline is an industry recipe, any other clone a client recipe.
#[utoipa::path(
    post,
    path = "/api/ml-development/recipes/{recipe_id}/clone",
    operation_id = "recipe_clone",
    tag = "Recipes",
    params(
        ("recipe_id" = String, Path, description = "The original's id"),
        ("name" = String, Query, description = "The clone's name, unique"),
        ("level" = Option<RecipeLevel>, Query, description = "The clone's level, the original's or below it"),
    ),
    responses(
        (status = 201, description = "The clone", body = RecipeView),
        (status = 400, description = "The name is taken, or the level is none or above the original's", body = Problem),
        (status = 404, description = "No such recipe", body = Problem),
        (status = 422, description = "The name is missing or not as it must be", body = ValidationProblem),
    )
)]
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let mut fields = Fields::of_query(&request);
    let name = rules::recipe_name(&mut fields, true).unwrap_or_default();
    let level = fields.choice::<RecipeLevel>("level");
    fields.finish()?;
    let store = platform.store()?;
    let original = find::recipe_of_path(platform, &request).await?;
    let level = level.unwrap_or_else(|| original.level.of_variant());
    if level < original.level {
        return Err(Error::bad_request(format!("level must be the original's or below it: the original is at {}", original.level.name())));
    }
    let newest = find::version(platform, &original, &original.latest_version_id).await?;
    let now = Timestamp::now();
    let recipe_id = id::new_id();
    let version = RecipeVersion {
        id: id::new_id(),
        recipe_id: recipe_id.clone(),
        version_number: version_number::FIRST.to_owned(),
        manifest: newest.manifest,
        diff_from_prev: None,
        created_by: rules::maker(&request, None),
        created_at: now,
        change_note: Some(format!(
            "Cloned from {} version {} ({})",
            shown(RECIPE_PREFIX, &original.id),
            newest.version_number,
            shown(VERSION_PREFIX, &newest.id)
        )),
    };
    let example = store.synthetic_example(&original.id).await?;
    let new = NewRecipe {
        recipe: Recipe {
            id: recipe_id.clone(),
            name,
            model_family: original.model_family,
            level,
            status: RecipeStatus::Draft,
            parent_id: Some(original.id),
            tags: original.tags,
            latest_version_id: version.id.clone(),
            latest_version_number: version.version_number.clone(),
            versions: 1,
            references: 0,
            revision: 0,
            made_by: request.caller.user_id().map(str::to_owned),
            built_in: false,
            created_at: now,
            updated_at: now,
        },
        version,
        example: example.map(|example| SyntheticExample { recipe_id, created_at: now, ..example }),
    };
    store.create_recipe(&new).await?;
    response::json(StatusCode::CREATED, &RecipeView::from(new.recipe))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::{Value, json};
    use testing::TestPlatform;

    use crate::fixtures::{get, id, post};

    #[tokio::test]
    async fn a_clone_has_the_newest_version_and_keeps_its_origin() {
        let test = TestPlatform::start().await;
        let (status, clone) = post(&test, "/recipes/recipe_pricing_base/clone?name=Retail", &Value::Null).await;
        assert_eq!(status, 201, "{clone}");
        for (field, value) in
            [("parent_id", "recipe_pricing_base"), ("status", "draft"), ("level", "industry"), ("model_family", "pricing")]
        {
            assert_eq!(clone[field], value, "{clone}");
        }
        let versions = format!("/recipes/{}/versions", id(&clone, "id"));
        let (_, listed) = get(&test, &versions).await;
        let manifest = &listed["versions"][0]["manifest_json"];
        assert!(manifest["training_script"].as_str().unwrap().contains("mlflow"), "{listed}");
        assert!(listed["versions"][0]["change_note"].as_str().unwrap().contains("ver_pricing_base_v1"));
        // A clone of the clone has what the clone was given meanwhile.
        let body = json!({ "recipe_id": id(&clone, "id"), "manifest_json": { "target": "x" } });
        assert_eq!(post(&test, &versions, &body).await.0, 201);
        let (_, second) = post(&test, &format!("/recipes/{}/clone?name=Second", id(&clone, "id")), &Value::Null).await;
        let (_, listed) = get(&test, &format!("/recipes/{}/versions", id(&second, "id"))).await;
        assert_eq!((&listed["total"], &listed["versions"][0]["manifest_json"]), (&json!(1), &json!({ "target": "x" })));
        assert_eq!((&second["level"], &second["parent_id"]), (&json!("client"), &clone["id"]));
        let (status, example) = get(&test, &format!("/recipes/{}/synthetic-example", id(&second, "id"))).await;
        assert_eq!((status, &example["recipe_id"], &example["row_count"]), (200, &second["id"], &json!(400)));
    }

    #[tokio::test]
    async fn bad_input_is_refused() {
        let test = TestPlatform::start().await;
        assert_eq!(post(&test, "/recipes/recipe_pricing_base/clone?name=Retail", &Value::Null).await.0, 201);
        for (path, expected) in [
            ("/recipes/recipe_pricing_base/clone", 422),
            ("/recipes/recipe_pricing_base/clone?name=", 422),
            ("/recipes/recipe_pricing_base/clone?name=Retail", 400),
            ("/recipes/recipe_pricing_base/clone?name=A&level=x", 400),
            ("/recipes/recipe_none/clone?name=A", 404),
        ] {
            let (status, refused) = post(&test, path, &Value::Null).await;
            assert_eq!(status, expected, "{path}: {refused}");
        }
        let (_, refused) = post(&test, "/recipes/recipe_pricing_base/clone", &Value::Null).await;
        assert_eq!(refused["detail"][0], json!({ "loc": ["query", "name"], "msg": "field required", "type": "value_error.missing" }));
    }
}
