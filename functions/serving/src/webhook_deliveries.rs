//! `GET /api/v1/webhooks/{webhook_id}/deliveries`: every attempt to tell a webhook of an event.

use serde::Serialize;
use shared::domain::event::EventKind;
use shared::domain::webhook::Attempt;
use shared::http::response;
use shared::paging::PageRequest;
use shared::{Error, Platform, Request, Response, Result, Timestamp};
use utoipa::ToSchema;

use crate::views::problem::Problem;

const DEFAULT_LIMIT: u32 = 50;
const MOST: u32 = 100;

/// An attempt to tell a webhook of an event.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeliveryView {
    /// The delivery's id, the same in each attempt; receivers see it as `webhook-id`.
    pub id: String,
    /// What happened.
    pub event: EventKind,
    /// The attempt's number, from 1.
    #[schema(example = 1)]
    pub attempt: u32,
    /// The status that the receiver answered with, if it answered.
    #[schema(example = 200)]
    pub status_code: Option<u16>,
    /// Why it did not succeed.
    #[schema(example = "The receiver answered 500.")]
    pub error: Option<String>,
    /// When the attempt ended.
    pub delivered_at: Timestamp,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// Whether the receiver took it.
    pub succeeded: bool,
}

impl From<Attempt> for DeliveryView {
    fn from(attempt: Attempt) -> Self {
        Self {
            id: attempt.delivery_id,
            event: attempt.event,
            attempt: attempt.attempt,
            status_code: attempt.status_code,
            error: attempt.error,
            delivered_at: attempt.delivered_at,
            duration_ms: attempt.duration_ms,
            succeeded: attempt.succeeded,
        }
    }
}

/// Attempts to tell a webhook of events.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeliveriesResponse {
    /// The attempts of the last 30 days, the newest first.
    pub items: Vec<DeliveryView>,
    /// What to ask for the next page with; null on the last.
    pub next_page_token: Option<String>,
}

/// List a webhook's deliveries
#[utoipa::path(
    get,
    path = "/api/v1/webhooks/{webhook_id}/deliveries",
    operation_id = "webhook_deliveries",
    tag = "Webhooks",
    params(
        ("webhook_id" = String, Path, description = "The webhook's id"),
        ("limit" = Option<u32>, Query, description = "Attempts in a page, from 1 to 100 (default 50)"),
        ("page_token" = Option<String>, Query, description = "The `next_page_token` of the page before"),
    ),
    responses(
        (status = 200, description = "The attempts", body = DeliveriesResponse),
        (status = 400, description = "The limit or the token is not one that there is", body = Problem),
        (status = 401, description = "Not logged in", body = Problem),
        (status = 404, description = "The caller has no such webhook", body = Problem),
    )
)]
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let page = PageRequest::new(request.query_number("limit", DEFAULT_LIMIT)?, MOST, request.query_parameter("page_token"))?;
    let store = platform.store()?;
    let webhook = store.webhook(request.caller.user_id(), request.path_parameter("webhook_id")?).await?;
    let webhook = webhook.ok_or_else(|| Error::not_found("There is no such webhook."))?;
    let attempts = store.attempts(&webhook.id, &page).await?.map(DeliveryView::from);
    response::ok(&DeliveriesResponse { items: attempts.items, next_page_token: attempts.next_page_token })
}
