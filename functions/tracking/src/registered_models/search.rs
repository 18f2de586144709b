//! `GET registered-models/search`: registered models that satisfy a filter.

use serde_json::json;
use shared::domain::registered_model::Stage;
use shared::domain::search::{filter, order, rules};
use shared::http::response;
use shared::store::search::RegisteredModelSearch;
use shared::{Platform, Request, Response, Result};

use crate::access::Caller;
use crate::message::Message;
use crate::searching;
use crate::shapes;

/// Takes `filter`, `max_results`, `order_by`, `page_token`; gives `registered_models`, `next_page_token`.
///
/// # Errors
/// In MLflow's shape and codes.
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let caller = Caller::of(platform, &request).await?;
    let message = Message::of(&request)?;
    let search = RegisteredModelSearch {
        clauses: filter::parse(&message.text_or_empty("filter")?, &rules::REGISTERED_MODELS)?,
        orders: order::parse(&message.texts("order_by")?, &rules::REGISTERED_MODELS)?,
        limit: searching::limit(&message, 100, 1000)?,
    };
    let store = caller.store(platform)?;
    let page = store.search_registered_models(&search, message.text("page_token")?.as_deref()).await?;
    let latest = store.latest_versions_by_stage(&page.items, &Stage::ALL).await?;
    let latest_of = |name: &str| latest.get(name).map(Vec::as_slice).unwrap_or_default();
    let models: Vec<_> = page.items.iter().map(|model| shapes::registered_model(model, latest_of(&model.name))).collect();
    response::ok(&shapes::object(json!({ "registered_models": models, "next_page_token": page.next_page_token })))
}
