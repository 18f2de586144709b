//! Makes the deliveries of an event: one for each webhook that asked for it, or for each channel of its alert rule.

use serde::{Deserialize, Serialize};
use shared::domain::event::{Event, EventKind};
use shared::domain::webhook::{Delivery, DeliveryState, Webhook};
use shared::{Platform, Result, Timestamp, config};

use crate::webhooks::body;

/// An event, by id.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct EventId {
    /// Its id.
    pub event_id: String,
}

/// An event with what is to be delivered of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Published {
    /// The event.
    pub event_id: String,
    /// Deliveries that have not ended.
    pub deliveries: Vec<DeliveryId>,
}

/// A delivery, by ids.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryId {
    /// Whose webhook it is; absent where it is nobody's in particular.
    pub owner: Option<String>,
    /// The webhook.
    pub webhook_id: String,
    /// The delivery.
    pub delivery_id: String,
}

/// Makes what is to be delivered of an event. Doing it again makes nothing twice.
///
/// # Errors
/// `Internal` when the table does not answer.
pub async fn perform(platform: &Platform, event: EventId) -> Result<Published> {
    let store = platform.store()?;
    let mut published = Published { event_id: event.event_id.clone(), deliveries: Vec::new() };
    // An event that is gone was told of everywhere.
    let Some(event) = store.event(&event.event_id).await? else { return Ok(published) };
    let api_url = platform.config.get(config::API_URL)?;
    for webhook in store.webhooks(event.owner.as_deref()).await?.iter().filter(|webhook| is_told(webhook, &event)) {
        let delivery = Delivery {
            id: event.delivery_id(&webhook.id),
            webhook_id: webhook.id.clone(),
            event: event.kind,
            body: body::of(&event, webhook.channel, &api_url)?,
            state: DeliveryState::Pending,
            attempts: 0,
            settled: Vec::new(),
            created_at: Timestamp::now(),
        };
        let delivery = store.ensure_delivery(&delivery).await?;
        if delivery.state == DeliveryState::Pending {
            let owner = event.owner.clone();
            published.deliveries.push(DeliveryId { owner, webhook_id: delivery.webhook_id, delivery_id: delivery.id });
        }
    }
    Ok(published)
}

/// Whether a webhook is told of an event: one that was made after it is not. A rule's channels are told of all of its alerts.
fn is_told(webhook: &Webhook, event: &Event) -> bool {
    match &event.webhook_id {
        Some(only) => *only == webhook.id,
        None if event.kind == EventKind::AlertTest => true,
        None => {
            let asked = event.kind.is_of_alert() || webhook.events.contains(&event.kind);
            webhook.enabled && asked && webhook.created_at <= event.timestamp
        }
    }
}
