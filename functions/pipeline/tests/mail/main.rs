//! E-mails of alerts, to a real mail server: the session, and the deliveries behind it.
#![allow(clippy::unwrap_used)]

#[path = "../../../../tests/end_to_end/support/mail_server.rs"]
mod mail_server;
#[path = "../../../../tests/end_to_end/support/python.rs"]
mod python;

mod deliveries;
mod session;
