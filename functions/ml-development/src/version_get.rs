//! `GET /api/ml-development/recipes/{recipe_id}/versions/{version_id}`. Document: ml-development-api, "Get Version".

use shared::http::response;
use shared::{Platform, Request, Response, Result};

use crate::find;
use crate::views::problem::Problem;
use crate::views::version::VersionView;

/// Get a recipe's version
#[utoipa::path(
    get,
    path = "/api/ml-development/recipes/{recipe_id}/versions/{version_id}",
    operation_id = "version_get",
    tag = "Recipe Versions",
    params(
        ("recipe_id" = String, Path, description = "The recipe's id"),
        ("version_id" = String, Path, description = "The version's id"),
    ),
    responses(
        (status = 200, description = "The version", body = VersionView),
        (status = 404, description = "No such recipe, or it has no such version", body = Problem),
    )
)]
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let recipe = find::recipe_of_path(platform, &request).await?;
    let version = find::version(platform, &recipe, request.path_parameter("version_id")?).await?;
    response::ok(&VersionView::of(platform, version).await?)
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use testing::TestPlatform;

    use crate::fixtures::get;

    #[tokio::test]
    async fn a_version_is_found_in_its_recipe_only() {
        let test = TestPlatform::start().await;
        let (status, version) = get(&test, "/recipes/recipe_pricing_base/versions/ver_pricing_base_v1").await;
        assert_eq!((status, &version["version_number"], &version["created_by"]), (200, &json!("1.0.0"), &json!("system")));
        for path in [
            "/recipes/recipe_forecasting_base/versions/ver_pricing_base_v1",
            "/recipes/recipe_pricing_base/versions/ver_none",
            "/recipes/recipe_none/versions/x",
        ] {
            assert_eq!(get(&test, path).await.0, 404, "{path}");
        }
    }
}
