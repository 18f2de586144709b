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
    let store = platform.store()?.seen_by(&request.caller);
    let models = store.registered_models(&page).await?;
    let reading = futures::stream::iter(models.items.into_iter().map(|model| ModelView::read(&store, model)));
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
    use http::Method;
    use serde_json::{Value, json};
    use shared::domain::project::Project;
    use shared::domain::registered_model::{NewModelVersion, Stage};
    use testing::{TestPlatform, json_of, request, with_header};

    use crate::fixtures::{api_key, deployed, get, send_as, version};

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

    #[tokio::test]
    async fn a_projects_model_is_there_for_its_members_alone_on_every_route() {
        let test = TestPlatform::start().await;
        let store = test.platform.store().unwrap();
        let project = Project::new("Fraud", None, "ann", "serveml-model-");
        store.create_project(&project).await.unwrap();
        store.add_member(&project.id, "bob").await.unwrap();
        let new = NewModelVersion {
            model_name: "secret".to_owned(),
            source: "models:/m-1".to_owned(),
            artifact_path: Some("0/models/m-1/artifacts".to_owned()),
            project_id: Some(project.id.clone()),
            ..NewModelVersion::default()
        };
        let secret = store.create_model_version(new).await.unwrap();
        for name in ["open", "zebra"] {
            version(&test, name).await;
        }
        let listed = async |key: &str| {
            let (mut names, mut path) = (Vec::new(), "/mlops/models?limit=1".to_owned());
            loop {
                let request = with_header(request(Method::GET, &path), "authorization", &format!("Bearer {key}"));
                let answer = test.send(crate::FUNCTIONS, request).await;
                names.extend(json_of(&answer).as_array().unwrap().iter().map(|model| model["name"].as_str().unwrap().to_owned()));
                let Some(token) = answer.headers().get("x-next-page-token") else { return names };
                path = format!("/mlops/models?limit=1&page_token={}", token.to_str().unwrap());
            }
        };
        // That it is deployed is no door for others.
        deployed(&test, &secret).await;
        let script = json!({ "script_name": "t.py", "script_content": "import mlflow", "experiment_name": "e", "model_name": "secret" });
        let registered = json!({ "model_name": "secret", "run_id": shared::id::new_hexadecimal_id() });
        let of_version = json!({ "model_name": "secret", "model_version": "1" });
        let asked = json!({ "model_name": "secret", "data": [[1]] });
        let asked_of_version = json!({ "model_name": "secret", "model_version": "1", "data": [[1]] });
        // What eve is told, and what a member is.
        let requests = [
            (Method::GET, "/mlops/models/secret", Value::Null, 404, 200),
            (Method::POST, "/mlops/inference", asked.clone(), 404, 308),
            (Method::POST, "/mlops/inference", asked_of_version, 404, 308),
            (Method::POST, "/mlops/registry", registered, 409, 404),
            (Method::POST, "/mlops/training/upload", script.clone(), 409, 202),
            (Method::POST, "/mlops/deploy", script, 409, 202),
            (Method::POST, "/mlops/deploy", of_version, 404, 202),
        ];
        let [eve, ann, bob] = [api_key(&test, "eve").await, api_key(&test, "ann").await, api_key(&test, "bob").await];
        let everybodys = || vec!["open".to_owned(), "zebra".to_owned()];
        assert_eq!(listed(&eve).await, everybodys());
        for key in [&ann, &bob] {
            assert_eq!(listed(key).await, ["open", "secret", "zebra"]);
        }
        for (method, path, body, refused, answered) in &requests {
            let body = Some(body.clone()).filter(|body| !body.is_null());
            for (key, expected) in [(&eve, refused), (&ann, answered)] {
                let (status, answer) = send_as(&test, key, method.clone(), path, body.clone()).await;
                assert_eq!(status, *expected, "{method} {path} {body:?}: {answer}");
            }
        }
        store.remove_member(&project.id, "bob").await.unwrap();
        assert_eq!(listed(&bob).await, everybodys());
        assert_eq!(send_as(&test, &bob, Method::GET, "/mlops/models/secret", None).await.0, 404);
        assert_eq!(send_as(&test, &bob, Method::POST, "/mlops/inference", Some(asked)).await.0, 404);
    }
}
