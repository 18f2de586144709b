//! `POST /api/ml-development/models`. Document: ml-development-api, "Register Model".

use http::StatusCode;
use serde::Deserialize;
use shared::domain::development::choices::{ModelStatus, RecipeStatus};
use shared::domain::name;
use shared::domain::registered_model::Development;
use shared::http::fields::Fields;
use shared::http::response;
use shared::{Error, Platform, Request, Response, Result, id};
use utoipa::ToSchema;

use crate::views::model::ModelView;
use crate::views::problem::{Problem, ValidationProblem};
use crate::{find, rules};

/// A new model.
#[derive(Debug, Deserialize, ToSchema)]
pub struct ModelRequest {
    /// Its name, unique among all registered models.
    #[schema(example = "Production Retail Pricing")]
    pub name: String,
    /// The recipe that it is made of.
    #[schema(example = "recipe_pricing_base")]
    pub recipe_id: String,
    /// The recipe's version.
    #[schema(example = "ver_pricing_base_v1")]
    pub recipe_version_id: String,
    /// Who answers for it.
    #[schema(example = "team")]
    pub owner: Option<String>,
}

/// Register a model
///
/// It is a draft: a registered model without a version, which MLflow's API shows under the same name.
#[utoipa::path(
    post,
    path = "/api/ml-development/models",
    operation_id = "development_model_create",
    tag = "Development Models",
    request_body = ModelRequest,
    responses(
        (status = 201, description = "The model", body = ModelView),
        (status = 400, description = "The name is taken, or the recipe is archived", body = Problem),
        (status = 404, description = "No such recipe or version", body = Problem),
        (status = 422, description = "Fields are not as they must be", body = ValidationProblem),
    )
)]
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let mut fields = Fields::of_body(&request, rules::LONGEST_BODY)?;
    let name = fields.required_text("name", 1..=rules::LONGEST_NAME);
    check_name(&mut fields, &name);
    let recipe_id = fields.required_text("recipe_id", 1..=find::LONGEST_ID);
    let version_id = fields.required_text("recipe_version_id", 1..=find::LONGEST_ID);
    let owner = fields.text("owner", 0..=rules::LONGEST_NAME);
    fields.finish()?;
    let recipe = find::recipe(platform, &recipe_id).await?;
    let version = find::version(platform, &recipe, &version_id).await?;
    if recipe.status == RecipeStatus::Archived {
        return Err(Error::bad_request("Recipe is archived; set its status to draft or approved first"));
    }
    let development = Development {
        id: id::new_id(),
        model_family: recipe.model_family,
        recipe_id: recipe.id,
        recipe_version_id: version.id,
        status: ModelStatus::Draft,
        owner,
        made_by: request.caller.user_id().map(str::to_owned),
    };
    let model = platform.store()?.create_development_model(&name, development.clone()).await?;
    response::json(StatusCode::CREATED, &ModelView::of(model, development))
}

/// Notes what keeps a text from being a model's name; an empty one was noted already.
pub fn check_name(fields: &mut Fields, name: &str) {
    if let Err(error) = name::check_model_name("name", name)
        && !name.is_empty()
    {
        let message = error.fields().first().map_or_else(|| error.public_message().to_owned(), |problem| problem.message.clone());
        fields.fault(&["name"], message, "value_error");
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::{Value, json};
    use testing::TestPlatform;

    use crate::fixtures::{get, post, put, recipe};

    #[tokio::test]
    async fn a_model_is_a_registered_model_of_its_recipe() {
        let test = TestPlatform::start().await;
        let body = json!({ "name": "Production Retail Pricing", "recipe_id": "recipe_pricing_base", "recipe_version_id": "ver_pricing_base_v1", "owner": "team" });
        let (status, made) = post(&test, "/models", &body).await;
        assert_eq!((status, made["status"].as_str(), made["model_family"].as_str()), (201, Some("draft"), Some("pricing")), "{made}");
        let registered = test.platform.store().unwrap().registered_model("Production Retail Pricing").await.unwrap();
        assert!(registered.is_some());
        let (status, refused) = post(&test, "/models", &body).await;
        assert!(status == 400 && refused["detail"].as_str().unwrap().contains("exists already"), "{refused}");
        assert_eq!(get(&test, "/models").await.1["total"], 1);
    }

    #[tokio::test]
    async fn bad_input_is_refused() {
        let test = TestPlatform::start().await;
        let (archived, version) = recipe(&test, "Old", json!({})).await;
        put(&test, &format!("/recipes/{archived}"), &json!({ "status": "archived" })).await;
        let good = json!({ "name": "Prices", "recipe_id": "recipe_pricing_base", "recipe_version_id": "ver_pricing_base_v1" });
        let with = |changes: Value| {
            let mut body = good.clone();
            body.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
            body
        };
        for (body, expected) in [
            (json!({}), 422),
            (with(json!({ "name": "" })), 422),
            (with(json!({ "name": "a/b" })), 422),
            (with(json!({ "name": 1 })), 422),
            (with(json!({ "owner": {} })), 422),
            (with(json!({ "recipe_id": "recipe_none" })), 404),
            (with(json!({ "recipe_version_id": "ver_none" })), 404),
            (with(json!({ "recipe_version_id": "ver_forecasting_base_v1" })), 404),
            (with(json!({ "recipe_id": archived, "recipe_version_id": version })), 400),
        ] {
            let (status, refused) = post(&test, "/models", &body).await;
            assert_eq!(status, expected, "{body}: {refused}");
        }
        assert_eq!(post(&test, "/models", &json!({})).await.1["detail"].as_array().unwrap().len(), 3);
    }
}
