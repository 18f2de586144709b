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
    use http::Method;
    use serde_json::{Value, json};
    use testing::TestPlatform;

    use crate::fixtures::{get, id, post, recipe, send_as, user};

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

    #[tokio::test]
    async fn what_somebody_made_others_read_and_do_not_change() {
        let test = TestPlatform::start().await;
        let (one, other) = (user(&test, "one").await, user(&test, "other").await);
        let body =
            json!({ "name": "Mine", "model_family": "pricing", "level": "client", "manifest": { "training_script": "import mlflow\n" } });
        let (_, recipe) = send_as(&test, &one, Method::POST, "/recipes", &body).await;
        let recipe_path = format!("/recipes/{}", id(&recipe, "id"));
        let of = json!({ "recipe_id": recipe["id"], "recipe_version_id": recipe["latest_version_id"], "name": "Prices" });
        let (_, model) = send_as(&test, &one, Method::POST, "/models", &of).await;
        let model_path = format!("/models/{}", id(&model, "id"));
        let mut asked = of.clone();
        asked["run_type"] = json!("train");
        asked["model_id"] = model["id"].clone();
        let (_, run) = send_as(&test, &one, Method::POST, "/runs", &asked).await;
        let run_path = format!("/runs/{}", id(&run, "id"));
        test.platform.store().unwrap().add_output(&id(&run, "job_id"), 1, 1, "secret\n").await.unwrap();
        assert_eq!(send_as(&test, &one, Method::GET, &run_path, &Value::Null).await.1["logs_text"], "secret\n");
        for path in [&recipe_path, &model_path, &run_path] {
            let (status, read) = send_as(&test, &other, Method::GET, path, &Value::Null).await;
            assert!(status == 200 && !read.to_string().contains("secret"), "{path}: {read}");
        }
        let schema = json!({ "dataset_schema_json": { "a": "integer" } });
        for (method, path, body) in [
            (Method::PUT, recipe_path.clone(), json!({ "name": "Theirs" })),
            (Method::DELETE, recipe_path.clone(), Value::Null),
            (Method::POST, format!("{recipe_path}/versions"), json!({ "manifest_json": {} })),
            (Method::POST, format!("{recipe_path}/synthetic-example"), schema),
            (Method::PUT, model_path.clone(), json!({ "status": "production" })),
            (Method::POST, format!("{model_path}/monitoring"), json!({})),
            (Method::PUT, run_path, json!({ "status": "failed" })),
            (Method::POST, "/runs".to_owned(), asked),
        ] {
            for (token, expected) in [(Some(&other), 403), (None, 403)] {
                let (status, refused) = match token {
                    Some(token) => send_as(&test, token, method.clone(), &path, &body).await,
                    None => {
                        crate::fixtures::send(
                            &test,
                            testing::with_json(testing::request(method.clone(), &format!("{}{path}", crate::fixtures::BASE)), &body),
                        )
                        .await
                    }
                };
                assert_eq!(status, expected, "{method} {path}: {refused}");
            }
        }
        assert_eq!(send_as(&test, &other, Method::POST, &format!("{recipe_path}/clone?name=Theirs"), &Value::Null).await.0, 201);
    }
}
