//! Telling a webhook, or a channel of an alert rule: a signed POST to an address that was checked, a message to Slack, an e-mail;
//! with bounds on everything that a receiver can do.

pub mod alert_text;
pub mod attempt;
pub mod body;
#[cfg(test)]
pub(crate) mod fixtures;
pub mod mail;
pub mod mail_server;
pub mod resolve;
pub mod send;
pub mod sign;
pub mod slack;
pub mod smtp;
