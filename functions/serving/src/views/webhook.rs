//! A webhook as answers show one: without its secret.

use serde::Serialize;
use shared::Timestamp;
use shared::domain::event::EventKind;
use shared::domain::webhook::Webhook;
use utoipa::ToSchema;

/// A webhook.
#[derive(Debug, Serialize, ToSchema)]
pub struct WebhookView {
    /// Its id.
    pub id: String,
    /// Where events are sent.
    #[schema(example = "https://your-app.com/webhook")]
    pub url: String,
    /// Which events.
    pub events: Vec<EventKind>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Whether events are sent.
    pub enabled: bool,
    /// Why they are not.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "5 deliveries in a row failed.")]
    pub disabled_reason: Option<String>,
}

impl From<Webhook> for WebhookView {
    fn from(webhook: Webhook) -> Self {
        Self {
            id: webhook.id,
            url: webhook.url,
            events: webhook.events,
            created_at: webhook.created_at,
            enabled: webhook.enabled,
            disabled_reason: webhook.disabled_reason,
        }
    }
}
