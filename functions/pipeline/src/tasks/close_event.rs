//! Takes an event out of the outbox, once every webhook that asked for it was told or given up.

use shared::{Platform, Result};

use super::publish_event::EventId;

/// Takes an event out of the outbox. Doing it again changes nothing.
///
/// # Errors
/// `Internal` when the table does not answer.
pub async fn perform(platform: &Platform, event: EventId) -> Result<EventId> {
    platform.store()?.close_event(&event.event_id).await?;
    Ok(event)
}
