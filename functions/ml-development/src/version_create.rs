//! `POST /api/ml-development/recipes/{recipe_id}/versions`. Document: ml-development-api, "Create Version".

use http::StatusCode;
use serde::Deserialize;
use serde_json::Value;
use shared::domain::development::manifest::{DEEPEST, LONGEST_MANIFEST, Manifest};
use shared::domain::development::recipe::{RECIPE_PREFIX, Recipe, RecipeVersion};
use shared::domain::development::version_number;
use shared::http::fields::Fields;
use shared::http::response;
use shared::{Error, ErrorKind, Platform, Request, Response, Result, Timestamp, documents, id};
use utoipa::ToSchema;

use crate::recipe_update::check_is_open;
use crate::views::problem::{Problem, ValidationProblem};
use crate::views::version::VersionView;
use crate::{find, rules};

const ATTEMPTS: u32 = 8;
const MOST_VERSIONS: u32 = 1000;
const LONGEST_NOTE: usize = 2000;

/// A new version of a recipe.
#[derive(Debug, Deserialize, ToSchema)]
pub struct VersionRequest {
    /// The path's recipe.
    pub recipe_id: Option<String>,
    /// What it says.
    #[schema(value_type = Object)]
    pub manifest_json: Value,
    /// What changes, in a few words.
    #[schema(example = "Added retail features")]
    pub change_note: Option<String>,
    /// Who makes it; the user who asks unless told.
    pub created_by: Option<String>,
}

/// Create a version of a recipe
///
/// Its number grows by what changed since the newest version: the first part where a script, the target or a field of the
/// dataset went or became something else, the second where members came or went, the third where only values changed.
#[utoipa::path(
    post,
    path = "/api/ml-development/recipes/{recipe_id}/versions",
    operation_id = "version_create",
    tag = "Recipe Versions",
    params(("recipe_id" = String, Path, description = "The recipe's id")),
    request_body = VersionRequest,
    responses(
        (status = 201, description = "The version", body = VersionView),
        (status = 400, description = "The recipe is approved, or the body names another", body = Problem),
        (status = 403, description = "Another user made it", body = Problem),
        (status = 404, description = "No such recipe", body = Problem),
        (status = 413, description = "The body is too large", body = Problem),
        (status = 422, description = "Fields are not as they must be", body = ValidationProblem),
    )
)]
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let mut fields = Fields::of_body(&request, rules::LONGEST_BODY)?;
    let same = find::same_as_path(&mut fields, "recipe_id", RECIPE_PREFIX, request.path_parameter("recipe_id")?);
    fields.require("manifest_json");
    let manifest = fields.object("manifest_json", LONGEST_MANIFEST, DEEPEST).unwrap_or_default();
    Manifest(&manifest).check("manifest_json", &mut fields);
    let change_note = fields.text("change_note", 0..=LONGEST_NOTE);
    let created_by = rules::maker(&request, fields.text("created_by", 0..=rules::LONGEST_NAME));
    fields.finish()?;
    same?;
    let kept = documents::keep(platform, &manifest).await?;
    for _ in 0..ATTEMPTS {
        let recipe = find::own_recipe_of_path(platform, &request).await?;
        check_is_open(&recipe, recipe.status)?;
        if recipe.versions >= MOST_VERSIONS {
            return Err(Error::bad_request(format!("A recipe has at most {MOST_VERSIONS} versions; clone it and go on there")));
        }
        let (number, diff) = grown(platform, &recipe, &manifest).await?;
        let version = RecipeVersion {
            id: id::new_id(),
            recipe_id: recipe.id.clone(),
            version_number: number,
            manifest: kept.clone(),
            diff_from_prev: Some(documents::keep(platform, &diff).await?),
            created_by: created_by.clone(),
            created_at: Timestamp::now(),
            change_note: change_note.clone(),
        };
        if platform.store()?.add_recipe_version(&recipe, &version).await? {
            return response::json(StatusCode::CREATED, &VersionView::of(platform, version).await?);
        }
    }
    Err(Error::new(ErrorKind::Unavailable, "Others change this recipe at this moment; try again."))
}

/// The number of the version that this manifest makes, and how it differs from the newest one.
async fn grown(platform: &Platform, recipe: &Recipe, manifest: &Value) -> Result<(String, Value)> {
    let newest = find::version(platform, recipe, &recipe.latest_version_id).await?;
    let before = documents::read(platform, &newest.manifest).await?;
    let diff = json_patch::diff(&before, manifest);
    let diff = serde_json::to_value(diff).map_err(|error| Error::internal("writing a difference", error))?;
    Ok((version_number::next(&newest.version_number, version_number::growth(&before, manifest)), diff))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::{Value, json};
    use testing::TestPlatform;

    use crate::fixtures::{get, id, post, recipe};

    #[tokio::test]
    async fn versions_grow_by_what_changed_and_never_change() {
        let test = TestPlatform::start().await;
        let mut before = json!({ "target": "units", "parameters": { "depth": 3 } });
        let (recipe_id, _) = recipe(&test, "Retail", before.clone()).await;
        let path = format!("/recipes/{recipe_id}/versions");
        for (manifest, number) in [
            (json!({ "target": "units", "parameters": { "depth": 4 } }), "1.0.1"),
            (json!({ "target": "units", "parameters": { "depth": 4, "rate": 0.1 } }), "1.1.0"),
            (json!({ "target": "margin", "parameters": { "depth": 4, "rate": 0.1 } }), "2.0.0"),
            (json!({ "target": "margin", "parameters": { "depth": 4, "rate": 0.1 } }), "2.0.1"),
        ] {
            let body = json!({ "recipe_id": recipe_id, "manifest_json": manifest, "change_note": "n", "created_by": "me" });
            let (status, version) = post(&test, &path, &body).await;
            assert_eq!((status, version["version_number"].as_str()), (201, Some(number)), "{version}");
            let patch: json_patch::Patch = serde_json::from_value(version["diff_from_prev"].clone()).unwrap();
            json_patch::patch(&mut before, &patch).unwrap();
            assert_eq!(before, manifest);
            let (_, again) = get(&test, &format!("{path}/{}", id(&version, "version_id"))).await;
            assert_eq!(again, version);
        }
        let (_, recipe) = get(&test, &format!("/recipes/{recipe_id}")).await;
        assert_eq!(recipe["latest_version_number"], "2.0.1");
    }

    #[tokio::test]
    async fn simultaneous_versions_all_get_numbers_of_their_own() {
        let test = TestPlatform::start().await;
        let (recipe_id, _) = recipe(&test, "Retail", json!({ "a": 0 })).await;
        let path = format!("/recipes/{recipe_id}/versions");
        let bodies: Vec<Value> = (1..5).map(|a| json!({ "manifest_json": { "a": a } })).collect();
        let answers = futures::future::join_all(bodies.iter().map(|body| post(&test, &path, body))).await;
        let mut numbers: Vec<String> =
            answers.iter().filter(|(status, _)| *status == 201).map(|(_, version)| id(version, "version_number")).collect();
        let made = numbers.len();
        numbers.sort();
        numbers.dedup();
        assert_eq!(numbers.len(), made);
        assert_eq!(get(&test, &path).await.1["total"].as_u64(), Some(made as u64 + 1));
    }

    #[tokio::test]
    async fn bad_input_is_refused() {
        let test = TestPlatform::start().await;
        let (recipe_id, _) = recipe(&test, "Retail", json!({})).await;
        let path = format!("/recipes/{recipe_id}/versions");
        for (path, body, expected) in [
            (path.as_str(), json!({}), 422),
            (&path, json!({ "manifest_json": 1 }), 422),
            (&path, json!({ "manifest_json": {}, "recipe_id": "recipe_other" }), 400),
            (&path, json!({ "manifest_json": {}, "change_note": 1 }), 422),
            (&path, json!({ "manifest_json": { "x": "x".repeat(1_100_000) } }), 422),
            ("/recipes/recipe_none/versions", json!({ "manifest_json": {} }), 404),
            ("/recipes/recipe_pricing_base/versions", json!({ "manifest_json": {} }), 400),
        ] {
            let (status, refused) = post(&test, path, &body).await;
            let shown: String = body.to_string().chars().take(100).collect();
            assert_eq!(status, expected, "{path} {shown}: {refused}");
        }
        let (_, refused) = post(&test, &path, &json!({})).await;
        assert_eq!(refused["detail"][0]["loc"], json!(["body", "manifest_json"]));
    }
}
