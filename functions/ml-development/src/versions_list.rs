//! `GET /api/ml-development/recipes/{recipe_id}/versions`. Document: ml-development-api, "List Versions".

use futures::future::try_join_all;
use serde::Serialize;
use shared::documents::Document;
use shared::http::fields::Fields;
use shared::http::response;
use shared::{Platform, Request, Response, Result};
use utoipa::ToSchema;

use crate::find;
use crate::views::problem::{Problem, ValidationProblem};
use crate::views::version::VersionView;
use crate::views::within_a_response;

/// A page of a recipe's versions.
#[derive(Debug, Serialize, ToSchema)]
pub struct VersionList {
    /// The versions, the newest first. A page ends early where its manifests are more than 4 MB.
    pub versions: Vec<VersionView>,
    /// How many there are.
    #[schema(example = 2)]
    pub total: u64,
}

/// List a recipe's versions
#[utoipa::path(
    get,
    path = "/api/ml-development/recipes/{recipe_id}/versions",
    operation_id = "versions_list",
    tag = "Recipe Versions",
    params(
        ("recipe_id" = String, Path, description = "The recipe's id"),
        ("limit" = Option<i64>, Query, description = "How many at the most: 1 to 500, 100 unless told"),
        ("offset" = Option<i64>, Query, description = "How many to skip: up to 10,000"),
    ),
    responses(
        (status = 200, description = "The versions", body = VersionList),
        (status = 404, description = "No such recipe", body = Problem),
        (status = 422, description = "A parameter is not as it must be", body = ValidationProblem),
    )
)]
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let mut fields = Fields::of_query(&request);
    let window = fields.window();
    fields.finish()?;
    let recipe = find::recipe_of_path(platform, &request).await?;
    let versions = platform.store()?.recipe_versions(&recipe.id, window).await?;
    let versions =
        within_a_response(versions, |version| version.manifest.bytes() + version.diff_from_prev.as_ref().map_or(0, Document::bytes));
    let versions = try_join_all(versions.into_iter().map(|version| VersionView::of(platform, version))).await?;
    response::ok(&VersionList { versions, total: u64::from(recipe.versions) })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;
    use testing::TestPlatform;

    use crate::fixtures::{get, post, recipe};

    #[tokio::test]
    async fn versions_come_newest_first() {
        let test = TestPlatform::start().await;
        let (id, _) = recipe(&test, "Retail", json!({ "a": 0 })).await;
        for a in 1..4 {
            assert_eq!(post(&test, &format!("/recipes/{id}/versions"), &json!({ "manifest_json": { "a": a } })).await.0, 201);
        }
        let (_, listed) = get(&test, &format!("/recipes/{id}/versions")).await;
        let numbers: Vec<&str> =
            listed["versions"].as_array().unwrap().iter().map(|version| version["version_number"].as_str().unwrap()).collect();
        assert_eq!((numbers, listed["total"].as_u64()), (vec!["1.0.3", "1.0.2", "1.0.1", "1.0.0"], Some(4)));
        let (_, page) = get(&test, &format!("/recipes/{id}/versions?limit=2&offset=1")).await;
        assert_eq!(page["versions"], json!(listed["versions"].as_array().unwrap()[1..3]));
        assert_eq!(get(&test, &format!("/recipes/{id}/versions?limit=0")).await.0, 422);
        assert_eq!(get(&test, "/recipes/recipe_none/versions").await.0, 404);
    }

    #[tokio::test]
    async fn a_page_fits_a_response() {
        let test = TestPlatform::start().await;
        let (id, _) = recipe(&test, "Retail", json!({})).await;
        for at in 0..6 {
            let manifest = json!({ "notes": format!("{at}").repeat(1_000_000) });
            assert_eq!(post(&test, &format!("/recipes/{id}/versions"), &json!({ "manifest_json": manifest })).await.0, 201);
        }
        let (status, listed) = get(&test, &format!("/recipes/{id}/versions")).await;
        assert!(status == 200 && (1..5).contains(&listed["versions"].as_array().unwrap().len()));
        assert_eq!(listed["total"], 7);
    }
}
