//! What is sent of an event, by what receives it.

use shared::domain::alert_channel::ChannelKind;
use shared::domain::event::Event;
use shared::{Error, Result};

use super::{mail, slack};

/// What a delivery of an event to a channel holds: the body of a POST, or an e-mail's subject and text. `api_url` is the platform's
/// base URL.
///
/// # Errors
/// `Internal` where people would be told of what is no alert: only the channels of alert rules are theirs.
pub fn of(event: &Event, channel: ChannelKind, api_url: &str) -> Result<String> {
    let notice = || event.alert.as_ref().ok_or_else(|| Error::broken("an event that is no alert was to be told to people"));
    match channel {
        ChannelKind::Webhook => Ok(event.payload(api_url)),
        ChannelKind::Slack => Ok(slack::body(event.kind, notice()?)),
        ChannelKind::Email => mail::body(event.kind, notice()?),
    }
}
