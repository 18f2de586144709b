//! `GET metrics/get-history`: a metric's values in the order of their time.

use serde_json::json;
use shared::http::response;
use shared::paging::PageRequest;
use shared::{Error, Platform, Request, Response, Result};

use crate::access::Caller;
use crate::message::Message;
use crate::shapes;

/// The most values in one page, and the most that a request without pages is given.
const MOST_VALUES: u32 = 25_000;

/// Takes `run_id`, `metric_key`, `max_results`, `page_token`; gives `metrics`, `next_page_token`.
///
/// # Errors
/// In MLflow's shape and codes.
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    Caller::of(platform, &request).await?;
    let message = Message::of(&request)?;
    let (run_id, key) = (message.run_id()?, message.required("metric_key")?);
    let limit = match message.integer("max_results")? {
        None => MOST_VALUES,
        Some(most) if most > 0 => u32::try_from(most).unwrap_or(MOST_VALUES).min(MOST_VALUES),
        Some(most) => {
            let message = format!("Invalid value {most} for parameter 'max_results' supplied. It must be a positive integer.");
            return Err(Error::bad_request(message));
        }
    };
    let page = PageRequest::new(limit, MOST_VALUES, message.text("page_token")?.as_deref())?;
    let page = platform.store()?.metric_history(&run_id, &key, &page).await?;
    let metrics: Vec<_> = page.items.into_iter().map(|point| shapes::metric(&key, point)).collect();
    response::ok(&shapes::object(json!({ "metrics": metrics, "next_page_token": page.next_page_token })))
}
