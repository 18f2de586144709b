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
