//! `GET /api/ml-development/runs/{run_id}`. Document: ml-development-api, "Get Run".

use shared::http::response;
use shared::{Platform, Request, Response, Result};

use crate::find;
use crate::views::problem::Problem;
use crate::views::run::RunView;

/// Get a run
///
/// With its log: what was written by hand, else the last 256 KB of its script's output.
#[utoipa::path(
    get,
    path = "/api/ml-development/runs/{run_id}",
    operation_id = "run_get",
    tag = "Runs",
    params(("run_id" = String, Path, description = "The run's id")),
    responses(
        (status = 200, description = "The run", body = RunView),
        (status = 404, description = "No such run", body = Problem),
    )
)]
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let run = find::run(platform, request.path_parameter("run_id")?).await?;
    response::ok(&RunView::of(platform, &request.caller, run).await?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;
    use testing::TestPlatform;

    use crate::fixtures::{get, id, post, recipe};

    #[tokio::test]
    async fn a_run_is_found_by_each_form_of_its_id() {
        let test = TestPlatform::start().await;
        let made = recipe(&test, "Retail", json!({})).await;
        let body = json!({ "recipe_id": made.0, "recipe_version_id": made.1, "run_type": "train" });
        let run_id = id(&post(&test, "/runs", &body).await.1, "id");
        let bare = run_id.trim_start_matches("run_").to_owned();
        let hyphens = format!("{}-{}-{}-{}-{}", &bare[..8], &bare[8..12], &bare[12..16], &bare[16..20], &bare[20..]);
        for given in [run_id.clone(), bare, hyphens.clone(), format!("run_{hyphens}")] {
            assert_eq!(get(&test, &format!("/runs/{given}")).await.1["id"], json!(run_id), "{given}");
        }
        for given in ["run_none", "x"] {
            assert_eq!(get(&test, &format!("/runs/{given}")).await, (404, json!({ "detail": "Run not found" })), "{given}");
        }
    }
}
