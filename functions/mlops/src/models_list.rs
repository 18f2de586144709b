//! `GET /mlops/models`: registered models by name. Document: mlops-api-v5 5.

use futures::{StreamExt as _, TryStreamExt as _};
use http::{HeaderValue, header};
use shared::http::response;
use shared::{Error, Platform, Request, Response, Result};

use crate::page;
use crate::views::model::ModelView;
use crate::views::problem::Problem;

/// How many models are read at the same time.
const AT_ONCE: usize = 10;

/// List models
///
/// By name. A page has at most 100 models; where there are more, the headers `X-Next-Page-Token` and `Link` lead to the
/// next page.
#[utoipa::path(
    get,
    path = "/mlops/models",
    operation_id = "models_list",
    tag = "Models",
    params(
        ("limit" = Option<u32>, Query, description = "The most models of a page, 1 to 100; 100 where absent", minimum = 1, maximum = 100),
        ("page_token" = Option<String>, Query, description = "The `X-Next-Page-Token` of the page before"),
    ),
    responses(
        (
            status = 200,
            description = "A page of models",
            body = Vec<ModelView>,
            headers(
                ("X-Next-Page-Token" = String, description = "What to ask for the next page with; absent on the last"),
                ("Link" = String, description = "The next page, `rel=\"next\"`; absent on the last"),
            )
        ),
        (status = 400, description = "Invalid input", body = Problem),
        (status = 500, description = "Internal error", body = Problem),
    )
)]
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let page = page::of(&request, page::MOST)?;
    let models = platform.store()?.registered_models(&page).await?;
    let reading = futures::stream::iter(models.items.into_iter().map(|model| ModelView::read(platform, model)));
    let views: Vec<ModelView> = reading.buffered(AT_ONCE).try_collect().await?;
    let mut answer = response::ok(&views)?;
    if let Some(token) = models.next_page_token {
        let next = format!("</mlops/models?limit={}&page_token={token}>; rel=\"next\"", page.limit);
        let value = |text: &str| HeaderValue::from_str(text).map_err(|error| Error::internal("writing a header", error));
        answer.headers_mut().insert(header::LINK, value(&next)?);
        answer.headers_mut().insert("x-next-page-token", value(&token)?);
    }
    Ok(answer)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;
    use shared::domain::registered_model::Stage;
    use testing::{TestPlatform, json_of, request};

    use crate::fixtures::{get, version};

    #[tokio::test]
    async fn a_model_shows_what_the_document_shows() {
        let test = TestPlatform::start().await;
        let store = test.platform.store().unwrap();
        assert_eq!(get(&test, "/mlops/models").await, (200, json!([])));
        let tags = [("team".to_owned(), "data-science".to_owned())].into();
        store.create_registered_model("churn_predictor", Some("Customer churn prediction model".to_owned()), tags).await.unwrap();
        for _ in 0..4 {
            version(&test, "churn_predictor").await;
        }
        store.set_stage("churn_predictor", 2, Stage::Production, false).await.unwrap();
        let (status, models) = get(&test, "/mlops/models").await;
        let model = &models[0];
        assert_eq!((status, models.as_array().unwrap().len()), (200, 1));
        let mut fields: Vec<_> = model.as_object().unwrap().keys().map(String::as_str).collect();
        fields.sort_unstable();
        assert_eq!(fields, ["created_at", "description", "latest_versions", "name", "tags", "updated_at"]);
        assert_eq!(
            (&model["tags"], &model["description"]),
            (&json!({ "team": "data-science" }), &json!("Customer churn prediction model"))
        );
        let latest: Vec<_> = model["latest_versions"].as_array().unwrap().iter().map(|one| (&one["version"], &one["stage"])).collect();
        assert_eq!(latest, [(&json!("4"), &json!("None")), (&json!("2"), &json!("Production"))]);
        let mut fields: Vec<_> = model["latest_versions"][0].as_object().unwrap().keys().map(String::as_str).collect();
        fields.sort_unstable();
        assert_eq!(fields, ["created_at", "name", "run_id", "stage", "updated_at", "version"]);
        assert_eq!(get(&test, "/mlops/models/churn_predictor").await.1, *model);
    }

    #[tokio::test]
    async fn headers_lead_to_the_next_page() {
        let test = TestPlatform::start().await;
        for name in ["a", "b b", "ç"] {
            version(&test, name).await;
        }
        let (mut names, mut path) = (Vec::new(), "/mlops/models?limit=2".to_owned());
        loop {
            let answer = test.send(crate::FUNCTIONS, request(http::Method::GET, &path)).await;
            names.extend(json_of(&answer).as_array().unwrap().iter().map(|model| model["name"].as_str().unwrap().to_owned()));
            let Some(token) = answer.headers().get("x-next-page-token") else { break };
            path = format!("/mlops/models?limit=2&page_token={}", token.to_str().unwrap());
            assert_eq!(answer.headers()["link"], format!("<{path}>; rel=\"next\""));
        }
        assert_eq!(names, ["a", "b b", "ç"]);
    }
}
