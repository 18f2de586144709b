//! `GET /api/mlops/alert-rules/{rule_id}/deliveries`: every attempt to tell a rule's channels.

use std::cmp::Reverse;

use futures::future::try_join_all;
use serde::Serialize;
use shared::domain::event::EventKind;
use shared::domain::webhook::Attempt;
use shared::http::fields::Fields;
use shared::http::response;
use shared::paging::PageRequest;
use shared::{Platform, Request, Response, Result, Timestamp};
use utoipa::ToSchema;

use crate::access;
use crate::views::problem::Problem;

const MOST: i64 = 100;

/// An attempt to tell a channel.
#[derive(Debug, Serialize, ToSchema)]
pub struct AttemptView {
    /// The channel.
    pub channel_id: String,
    /// The message's id, the same in each attempt; receivers of webhooks see it as `webhook-id`.
    pub delivery_id: String,
    /// What happened.
    #[schema(value_type = String, example = "alert.fired")]
    pub event: EventKind,
    /// The attempt's number, from 1.
    #[schema(example = 1)]
    pub attempt: u32,
    /// The status that the receiver answered with, if it answered; of mail, the SMTP reply's code.
    #[schema(example = 200)]
    pub status_code: Option<u16>,
    /// Why it did not succeed.
    pub error: Option<String>,
    /// When the attempt ended.
    pub delivered_at: Timestamp,
    /// Whether the receiver took it.
    pub succeeded: bool,
}

impl AttemptView {
    fn new(channel_id: &str, attempt: Attempt) -> Self {
        Self {
            channel_id: channel_id.to_owned(),
            delivery_id: attempt.delivery_id,
            event: attempt.event,
            attempt: attempt.attempt,
            status_code: attempt.status_code,
            error: attempt.error,
            delivered_at: attempt.delivered_at,
            succeeded: attempt.succeeded,
        }
    }
}

/// The newest attempts to tell a rule's channels.
#[derive(Debug, Serialize, ToSchema)]
pub struct Attempts {
    /// The attempts of the last 30 days, the newest first.
    pub items: Vec<AttemptView>,
}

/// List an alert rule's deliveries
///
/// The newest attempts to tell its channels, the newest first.
#[utoipa::path(
    get,
    path = "/api/mlops/alert-rules/{rule_id}/deliveries",
    operation_id = "deployments_alert_rule_deliveries",
    tag = "Alerts",
    params(
        ("rule_id" = String, Path, description = "The rule"),
        ("limit" = Option<u32>, Query, description = "The most attempts, 1 to 100; 50 where absent", minimum = 1, maximum = 100),
    ),
    responses(
        (status = 200, description = "The attempts", body = Attempts),
        (status = 401, description = "Not signed in", body = Problem),
        (status = 404, description = "The caller has no such rule", body = Problem),
        (status = 422, description = "The limit is out of bounds", body = Problem),
    )
)]
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let rule = access::alert_rule(platform, &request).await?;
    let mut fields = Fields::of_query(&request);
    let limit = fields.integer("limit", 1..=MOST).and_then(|limit| u32::try_from(limit).ok()).unwrap_or(50);
    fields.finish()?;
    let store = platform.store()?;
    let page = &PageRequest { limit, after: None };
    let channels = store.alert_channels(&rule.id).await?;
    let attempts = try_join_all(channels.iter().map(|channel| store.attempts(&channel.id, page))).await?;
    let mut items: Vec<AttemptView> = channels
        .iter()
        .zip(attempts)
        .flat_map(|(channel, attempts)| attempts.items.into_iter().map(|attempt| AttemptView::new(&channel.id, attempt)))
        .collect();
    items.sort_by_key(|attempt| Reverse(attempt.delivered_at));
    items.truncate(limit as usize);
    response::ok(&Attempts { items })
}
