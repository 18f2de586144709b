//! `GET /api/ml-development/runs`. Document: ml-development-api, "List Runs".

use serde::Serialize;
use shared::domain::development::choices::RecipeRunStatus;
use shared::domain::development::recipe::{MODEL_PREFIX, RECIPE_PREFIX, is_id, read};
use shared::http::fields::Fields;
use shared::http::response;
use shared::store::recipe_runs::RecipeRunFilter;
use shared::{Platform, Request, Response, Result};
use utoipa::ToSchema;

use crate::find;
use crate::views::problem::{Problem, ValidationProblem};
use crate::views::run::RunView;
use crate::views::within_a_response;

/// A page of runs.
#[derive(Debug, Serialize, ToSchema)]
pub struct RunList {
    /// The runs, the newest first, without their logs. A page ends early where its metrics and artifacts are more than
    /// 4 MB.
    pub runs: Vec<RunView>,
    /// How many there are that the filters let through.
    #[schema(example = 42)]
    pub total: u64,
}

/// List runs
#[utoipa::path(
    get,
    path = "/api/ml-development/runs",
    operation_id = "runs_list",
    tag = "Runs",
    params(
        ("model_id" = Option<String>, Query, description = "For this model only"),
        ("recipe_id" = Option<String>, Query, description = "Of this recipe only"),
        ("status" = Option<RecipeRunStatus>, Query, description = "Of this status only"),
        ("limit" = Option<i64>, Query, description = "How many at the most: 1 to 500, 100 unless told"),
        ("offset" = Option<i64>, Query, description = "How many to skip: up to 10,000"),
    ),
    responses(
        (status = 200, description = "The runs; none where there is no such model or recipe", body = RunList),
        (status = 400, description = "A filter has no such value", body = Problem),
        (status = 422, description = "A parameter is not as it must be", body = ValidationProblem),
    )
)]
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let mut fields = Fields::of_query(&request);
    let (model_id, recipe_id) = (fields.text("model_id", 1..=find::LONGEST_ID), fields.text("recipe_id", 1..=find::LONGEST_ID));
    let status = fields.choice("status");
    let window = fields.window();
    fields.finish()?;
    let (model_id, recipe_id) =
        (model_id.as_deref().map(|id| read(MODEL_PREFIX, id)), recipe_id.as_deref().map(|id| read(RECIPE_PREFIX, id)));
    if [model_id, recipe_id].into_iter().flatten().any(|id| !is_id(id)) {
        return response::ok(&RunList { runs: Vec::new(), total: 0 });
    }
    let (runs, total) = platform.store()?.recipe_runs(RecipeRunFilter { model_id, recipe_id, status }, window).await?;
    let runs = within_a_response(RunView::all(platform, runs).await?, RunView::bytes);
    response::ok(&RunList { runs, total })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;
    use testing::TestPlatform;

    use crate::fixtures::{get, id, ids, model, post, put, recipe};

    #[tokio::test]
    async fn filters_combine_with_true_totals() {
        let test = TestPlatform::start().await;
        let (one, two) = (recipe(&test, "One", json!({})).await, recipe(&test, "Two", json!({})).await);
        let model_id = model(&test, "Prices", &one).await;
        let mut made = Vec::new();
        for (recipe, model_id) in [(&one, Some(&model_id)), (&one, Some(&model_id)), (&one, None), (&two, None)] {
            let body = json!({ "recipe_id": recipe.0, "recipe_version_id": recipe.1, "run_type": "train", "model_id": model_id });
            made.push(id(&post(&test, "/runs", &body).await.1, "id"));
        }
        put(&test, &format!("/runs/{}", made[0]), &json!({ "status": "succeeded", "metrics_json": { "a": 1 } })).await;
        put(&test, &format!("/runs/{}", made[3]), &json!({ "status": "failed" })).await;
        let (one, two) = (&one.0, &two.0);
        for (query, expected) in [
            (String::new(), vec![3, 2, 1, 0]),
            (format!("?recipe_id={one}"), vec![2, 1, 0]),
            (format!("?model_id={model_id}"), vec![1, 0]),
            (format!("?model_id={model_id}&status=succeeded"), vec![0]),
            (format!("?recipe_id={two}&status=failed"), vec![3]),
            (format!("?recipe_id={two}&model_id={model_id}"), vec![]),
            ("?status=queued".to_owned(), vec![2, 1]),
            ("?status=running".to_owned(), vec![]),
            ("?model_id=model_none".to_owned(), vec![]),
            ("?model_id=%23%2A".to_owned(), vec![]),
            ("?model_id=*".to_owned(), vec![]),
        ] {
            let (_, listed) = get(&test, &format!("/runs{query}")).await;
            let expected: Vec<String> = expected.into_iter().map(|at: usize| made[at].clone()).collect();
            assert_eq!((ids(&listed["runs"]), listed["total"].as_u64()), (expected.clone(), Some(expected.len() as u64)), "{query}");
        }
        let (_, listed) = get(&test, "/runs?status=succeeded").await;
        assert_eq!(listed["runs"][0]["metrics_json"], json!({ "a": 1 }));
        for (query, expected) in [("status=done", 400), ("limit=501", 422), ("model_id=", 422)] {
            assert_eq!(get(&test, &format!("/runs?{query}")).await.0, expected, "{query}");
        }
    }
}
