//! `POST and GET experiments/search`: experiments that satisfy a filter.

use serde_json::json;
use shared::domain::search::{filter, order, rules};
use shared::http::response;
use shared::store::search::ExperimentSearch;
use shared::{Platform, Request, Response, Result};

use crate::access::Caller;
use crate::message::Message;
use crate::searching;
use crate::shapes;

/// Takes `max_results`, `filter`, `order_by`, `view_type`, `page_token`; gives `experiments`, `next_page_token`.
///
/// # Errors
/// In MLflow's shape and codes.
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    Caller::of(platform, &request).await?;
    let message = Message::of(&request)?;
    let search = ExperimentSearch {
        stages: searching::stages(&message, "view_type")?,
        clauses: filter::parse(&message.text_or_empty("filter")?, &rules::EXPERIMENTS)?,
        orders: order::parse(&message.texts("order_by")?, &rules::EXPERIMENTS)?,
        limit: searching::limit(&message, 1000, 50_000)?,
    };
    let page = platform.store()?.search_experiments(&search, message.text("page_token")?.as_deref()).await?;
    let experiments: Vec<_> = page.items.iter().map(shapes::experiment).collect();
    response::ok(&shapes::object(json!({ "experiments": experiments, "next_page_token": page.next_page_token })))
}
