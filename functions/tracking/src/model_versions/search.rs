//! `GET model-versions/search`: versions that satisfy a filter.

use serde_json::json;
use shared::domain::search::{filter, order, rules};
use shared::http::response;
use shared::store::search::VersionSearch;
use shared::{Platform, Request, Response, Result};

use crate::access::Caller;
use crate::message::Message;
use crate::searching;
use crate::shapes;

/// Takes `filter`, `max_results`, `order_by`, `page_token`; gives `model_versions`, `next_page_token`.
///
/// # Errors
/// In MLflow's shape and codes.
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let caller = Caller::of(platform, &request).await?;
    let message = Message::of(&request)?;
    let search = VersionSearch {
        clauses: filter::parse(&message.text_or_empty("filter")?, &rules::MODEL_VERSIONS)?,
        orders: order::parse(&message.texts("order_by")?, &rules::MODEL_VERSIONS)?,
        limit: searching::limit(&message, 10_000, 200_000)?,
    };
    let page = caller.store(platform)?.search_model_versions(&search, message.text("page_token")?.as_deref()).await?;
    let versions: Vec<_> = page.items.iter().map(shapes::model_version).collect();
    response::ok(&shapes::object(json!({ "model_versions": versions, "next_page_token": page.next_page_token })))
}
