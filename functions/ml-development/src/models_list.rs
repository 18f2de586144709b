//! `GET /api/ml-development/models`. Document: ml-development-api, "List Models".

use serde::Serialize;
use shared::domain::development::choices::{ModelFamily, ModelStatus};
use shared::http::fields::Fields;
use shared::http::response;
use shared::store::development_models::ModelFilter;
use shared::{Platform, Request, Response, Result};
use utoipa::ToSchema;

use crate::views::model::ModelView;
use crate::views::problem::{Problem, ValidationProblem};

/// A page of models.
#[derive(Debug, Serialize, ToSchema)]
pub struct DevelopmentModelList {
    /// The models, the newest first.
    pub models: Vec<ModelView>,
    /// How many there are that the filters let through.
    #[schema(example = 42)]
    pub total: u64,
}

/// List models
#[utoipa::path(
    get,
    path = "/api/ml-development/models",
    operation_id = "development_models_list",
    tag = "Development Models",
    params(
        ("model_family" = Option<ModelFamily>, Query, description = "Of this family only"),
        ("status" = Option<ModelStatus>, Query, description = "Of this status only"),
        ("limit" = Option<i64>, Query, description = "How many at the most: 1 to 500, 100 unless told"),
        ("offset" = Option<i64>, Query, description = "How many to skip: up to 10,000"),
    ),
    responses(
        (status = 200, description = "The models", body = DevelopmentModelList),
        (status = 400, description = "A filter has no such value", body = Problem),
        (status = 422, description = "A parameter is not as it must be", body = ValidationProblem),
    )
)]
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let mut fields = Fields::of_query(&request);
    let filter = ModelFilter { model_family: fields.choice("model_family"), status: fields.choice("status") };
    let window = fields.window();
    fields.finish()?;
    let (models, total) = platform.store()?.development_models(filter, window).await?;
    let view = |mut model: shared::domain::registered_model::RegisteredModel| {
        let development = model.development.take()?;
        Some(ModelView::of(model, development))
    };
    response::ok(&DevelopmentModelList { models: models.into_iter().filter_map(view).collect(), total })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;
    use testing::TestPlatform;

    use crate::fixtures::{get, ids, model, put, recipe};

    #[tokio::test]
    async fn filters_and_windows_have_true_totals_also_after_renames_and_deletions() {
        let test = TestPlatform::start().await;
        let made = recipe(&test, "Retail", json!({})).await;
        let forecasting = ("recipe_forecasting_base".to_owned(), "ver_forecasting_base_v1".to_owned());
        let one = model(&test, "One", &made).await;
        let two = model(&test, "Two", &made).await;
        let three = model(&test, "Three", &forecasting).await;
        assert_eq!(put(&test, &format!("/models/{two}"), &json!({ "status": "staging" })).await.0, 200);
        for (query, expected) in [
            ("", vec![&three, &two, &one]),
            ("?model_family=pricing", vec![&two, &one]),
            ("?status=draft", vec![&three, &one]),
            ("?status=draft&model_family=pricing", vec![&one]),
            ("?limit=1&offset=1", vec![&two]),
            ("?status=retired", vec![]),
        ] {
            let (_, listed) = get(&test, &format!("/models{query}")).await;
            assert_eq!(ids(&listed["models"]).iter().collect::<Vec<_>>(), expected, "{query}");
            if !query.contains("limit") {
                assert_eq!(listed["total"].as_u64(), Some(expected.len() as u64), "{query}");
            }
        }
        let store = test.platform.store().unwrap();
        store.rename_registered_model("Two", "Second").await.unwrap();
        store.delete_registered_model("One").await.unwrap();
        let (_, listed) = get(&test, "/models").await;
        assert_eq!((ids(&listed["models"]), listed["total"].as_u64()), (vec![three, two.clone()], Some(2)));
        assert_eq!(get(&test, &format!("/models/{two}")).await.1["name"], "Second");
        assert_eq!(get(&test, &format!("/models/{one}")).await.0, 404);
        for (query, expected) in [("status=x", 400), ("model_family=x", 400), ("limit=1000", 422)] {
            assert_eq!(get(&test, &format!("/models?{query}")).await.0, expected, "{query}");
        }
    }
}
