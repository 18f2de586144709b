//! `POST /api/ml-development/recipes`. Document: ml-development-api, "Create Recipe".

use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use shared::domain::development::choices::{ModelFamily, RecipeLevel, RecipeStatus};
use shared::domain::development::manifest::{DEEPEST, LONGEST_MANIFEST, Manifest};
use shared::domain::development::recipe::{Recipe, RecipeVersion};
use shared::domain::development::version_number;
use shared::http::fields::Fields;
use shared::http::response;
use shared::store::recipes::NewRecipe;
use shared::{Error, Platform, Request, Response, Result, Timestamp, documents, id};
use utoipa::ToSchema;

use crate::views::problem::{Problem, ValidationProblem};
use crate::views::recipe::RecipeView;
use crate::{baselines, find, rules};

/// A new recipe.
#[derive(Debug, Deserialize, ToSchema)]
pub struct RecipeRequest {
    /// Its name, unique.
    #[schema(example = "Retail Pricing v1")]
    pub name: String,
    /// What its models decide.
    pub model_family: ModelFamily,
    /// How special it is; at its parent's level or below.
    pub level: RecipeLevel,
    /// The recipe that it is made of; of the same family.
    pub parent_id: Option<String>,
    /// Its tags, at most 50.
    pub tags: Option<Vec<String>>,
    /// What its first version says. The platform reads `training_script`, `evaluation_script`, `requirements`,
    /// `timeout_seconds`, `dataset_schema`, `target` and `parameters`; the rest is yours. Without a `training_script` runs are
    /// tracked by hand. Scripts find `dataset.json` (`schema`, `rows`) and `run.json` (`run_type`, `model_uri`, `parameters`, …)
    /// beside them, and log with MLflow.
    #[schema(value_type = Option<Object>)]
    pub manifest: Option<Value>,
}

/// Create a recipe
///
/// It is a draft, with version 1.0.0 made of the manifest.
#[utoipa::path(
    post,
    path = "/api/ml-development/recipes",
    operation_id = "recipe_create",
    tag = "Recipes",
    request_body = RecipeRequest,
    responses(
        (status = 201, description = "The recipe", body = RecipeView),
        (status = 400, description = "The name is taken, a value is none of its set, or the parent cannot be one", body = Problem),
        (status = 404, description = "No such parent", body = Problem),
        (status = 413, description = "The body is too large", body = Problem),
        (status = 422, description = "Fields are not as they must be", body = ValidationProblem),
    )
)]
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let mut fields = Fields::of_body(&request, rules::LONGEST_BODY)?;
    let name = rules::recipe_name(&mut fields, true).unwrap_or_default();
    fields.require("model_family");
    fields.require("level");
    let (family, level) = (fields.choice::<ModelFamily>("model_family"), fields.choice::<RecipeLevel>("level"));
    let parent_id = fields.text("parent_id", 1..=find::LONGEST_ID);
    let tags = rules::tags(&mut fields).unwrap_or_default();
    let manifest = fields.object("manifest", LONGEST_MANIFEST, DEEPEST).unwrap_or_else(|| json!({}));
    Manifest(&manifest).check("manifest", &mut fields);
    fields.finish()?;
    let (Some(model_family), Some(level)) = (family, level) else {
        return Err(Error::broken("a required field was absent and not refused"));
    };
    baselines::ensure(platform).await?;
    let parent = match &parent_id {
        Some(id) => Some(parent(platform, id, model_family, level).await?),
        None => None,
    };
    let now = Timestamp::now();
    let version = RecipeVersion {
        id: id::new_id(),
        recipe_id: id::new_id(),
        version_number: version_number::FIRST.to_owned(),
        manifest: documents::keep(platform, &manifest).await?,
        diff_from_prev: None,
        created_by: rules::maker(&request, None),
        created_at: now,
        change_note: Some("Initial version".to_owned()),
    };
    let recipe = Recipe {
        id: version.recipe_id.clone(),
        name,
        model_family,
        level,
        status: RecipeStatus::Draft,
        parent_id: parent.map(|parent| parent.id),
        tags,
        latest_version_id: version.id.clone(),
        latest_version_number: version.version_number.clone(),
        versions: 1,
        references: 0,
        revision: 0,
        made_by: request.caller.user_id().map(str::to_owned),
        built_in: false,
        created_at: now,
        updated_at: now,
    };
    let new = NewRecipe { recipe, version, example: None };
    platform.store()?.create_recipe(&new).await?;
    response::json(StatusCode::CREATED, &RecipeView::from(new.recipe))
}

/// The parent, if it can be one. A recipe gets its parent when it is made and keeps it: so there are no loops.
async fn parent(platform: &Platform, id: &str, family: ModelFamily, level: RecipeLevel) -> Result<Recipe> {
    use shared::http::fields::Choice as _;
    let parent = find::recipe(platform, id).await.map_err(|error| match error.kind() {
        shared::ErrorKind::NotFound => Error::not_found("Parent recipe not found"),
        _ => error,
    })?;
    if parent.model_family != family {
        let message = format!("model_family must be that of the parent: {}", parent.model_family.name());
        return Err(Error::bad_request(message));
    }
    if level < parent.level {
        return Err(Error::bad_request(format!("level must be the parent's or below it: the parent is at {}", parent.level.name())));
    }
    Ok(parent)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::{Value, json};
    use testing::{TestPlatform, request, with_body};

    use crate::fixtures::{BASE, get, post, send};

    #[tokio::test]
    async fn a_recipe_begins_as_a_draft_with_its_first_version() {
        let test = TestPlatform::start().await;
        let body = json!({
            "name": "Retail", "model_family": "pricing", "level": "industry", "parent_id": "recipe_pricing_base",
            "tags": ["retail"], "manifest": { "target": "units" },
        });
        let (status, made) = post(&test, "/recipes", &body).await;
        assert_eq!(status, 201, "{made}");
        for (field, value) in
            [("status", "draft"), ("level", "industry"), ("parent_id", "recipe_pricing_base"), ("latest_version_number", "1.0.0")]
        {
            assert_eq!(made[field], value, "{made}");
        }
        let path = format!("/recipes/{}/versions/{}", made["id"].as_str().unwrap(), made["latest_version_id"].as_str().unwrap());
        let (_, version) = get(&test, &path).await;
        assert_eq!((&version["manifest_json"], &version["diff_from_prev"]), (&json!({ "target": "units" }), &Value::Null), "{version}");
    }

    #[tokio::test]
    async fn names_are_given_once_and_parents_must_fit() {
        let test = TestPlatform::start().await;
        let body = json!({ "name": "Retail", "model_family": "pricing", "level": "client", "manifest": {} });
        assert_eq!(post(&test, "/recipes", &body).await.0, 201);
        let (status, refused) = post(&test, "/recipes", &body).await;
        assert!(status == 400 && refused["detail"].as_str().unwrap().contains("exists already"), "{refused}");
        let of = |parent: &str, family: &str, level: &str| json!({ "name": "Other", "model_family": family, "level": level, "parent_id": parent });
        let (_, retail) = get(&test, "/recipes?level=client").await;
        let retail = retail["recipes"][0]["id"].as_str().unwrap().to_owned();
        for (body, expected) in [
            (of("recipe_none", "pricing", "client"), 404),
            (of("recipe_pricing_base", "forecasting", "client"), 400),
            (of(&retail, "pricing", "baseline"), 400),
            (of(&retail, "pricing", "client"), 201),
        ] {
            let (status, answer) = post(&test, "/recipes", &body).await;
            assert_eq!(status, expected, "{body}: {answer}");
        }
    }

    #[tokio::test]
    async fn bad_input_is_told_in_the_documents_shapes() {
        let test = TestPlatform::start().await;
        let (status, refused) = post(&test, "/recipes", &json!({ "model_family": 1, "tags": "x", "manifest": [] })).await;
        assert_eq!(status, 422);
        let faults: Vec<(String, String)> = refused["detail"]
            .as_array()
            .unwrap()
            .iter()
            .map(|fault| (fault["loc"][1].as_str().unwrap().to_owned(), fault["type"].as_str().unwrap().to_owned()))
            .collect();
        for (field, kind) in [
            ("name", "value_error.missing"),
            ("level", "value_error.missing"),
            ("model_family", "type_error.string"),
            ("tags", "type_error.list"),
            ("manifest", "type_error.dict"),
        ] {
            assert!(faults.contains(&(field.to_owned(), kind.to_owned())), "{field}: {refused}");
        }
        let good = json!({ "name": "A", "model_family": "pricing", "level": "client", "manifest": {} });
        let with = |field: &str, value: Value| {
            let mut body = good.clone();
            body[field] = value;
            body
        };
        let deep = (0..40).fold(json!(1), |inner, _| json!({ "a": inner }));
        for (body, expected) in [
            (with("model_family", json!("x")), 400),
            (with("level", json!("x")), 400),
            (with("name", json!("")), 422),
            (with("name", json!("x".repeat(300))), 422),
            (with("name", json!("a\u{0}b")), 422),
            (with("manifest", deep), 422),
            (with("manifest", json!({ "x": "x".repeat(1_100_000) })), 422),
            (with("manifest", json!({ "training_script": 1 })), 422),
            (with("manifest", json!({ "requirements": ["-r x"] })), 422),
            (with("manifest", json!({ "requirements": "x" })), 422),
            (with("manifest", json!({ "timeout_seconds": 1 })), 422),
            (with("manifest", json!({ "dataset_schema": 1 })), 422),
            (with("tags", json!(vec!["t"; 51])), 422),
        ] {
            let (status, refused) = post(&test, "/recipes", &body).await;
            let shown: String = body.to_string().chars().take(120).collect();
            assert_eq!(status, expected, "{shown}: {refused}");
        }
        for (sent, expected) in [("", 422), ("{", 422), ("[]", 422), ("{\"name\": \"\\ud800\"}", 422)] {
            let response = send(&test, with_body(request(http::Method::POST, &format!("{BASE}/recipes")), sent)).await;
            assert_eq!(response.0, expected, "{sent}: {}", response.1);
        }
    }

    #[tokio::test]
    async fn a_large_manifest_is_kept() {
        let test = TestPlatform::start().await;
        let manifest = json!({ "notes": "x".repeat(900_000) });
        let body = json!({ "name": "Large", "model_family": "pricing", "level": "client", "manifest": manifest });
        let (status, made) = post(&test, "/recipes", &body).await;
        assert_eq!(status, 201, "{made}");
        let (_, listed) = get(&test, &format!("/recipes/{}/versions", made["id"].as_str().unwrap())).await;
        assert_eq!(listed["versions"][0]["manifest_json"], manifest);
    }
}
