//! `GET registered-models/search`: registered models that satisfy a filter.

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use serde_json::json;
use shared::domain::registered_model::Stage;
use shared::domain::search::{filter, order, rules};
use shared::http::response;
use shared::store::search::RegisteredModelSearch;
use shared::{Error, Platform, Request, Response, Result};

use crate::access::Caller;
use crate::message::Message;
use crate::searching;
use crate::shapes;

const CONCURRENT_READS: usize = 8;

/// Takes `filter`, `max_results`, `order_by`, `page_token`; gives `registered_models`, `next_page_token`.
///
/// # Errors
/// In MLflow's shape and codes.
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    Caller::of(platform, &request).await?;
    let message = Message::of(&request)?;
    let search = RegisteredModelSearch {
        clauses: filter::parse(&message.text_or_empty("filter")?, &rules::REGISTERED_MODELS)?,
        orders: order::parse(&message.texts("order_by")?, &rules::REGISTERED_MODELS)?,
        limit: searching::limit(&message, 100, 1000)?,
    };
    let store = platform.store()?;
    let page = store.search_registered_models(&search, message.text("page_token")?.as_deref()).await?;
    let models: Vec<_> = stream::iter(page.items)
        .map(|model| async move {
            let latest =
                if model.last_version == 0 { Vec::new() } else { store.latest_versions_by_stage(&model.name, &Stage::ALL).await? };
            Ok::<_, Error>(shapes::registered_model(&model, &latest))
        })
        .buffered(CONCURRENT_READS)
        .try_collect()
        .await?;
    response::ok(&shapes::object(json!({ "registered_models": models, "next_page_token": page.next_page_token })))
}
