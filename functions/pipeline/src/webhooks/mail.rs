//! The e-mail of an alert: a plain text, the same bytes in every attempt.

use std::time::{Duration, SystemTime};

use lettre::Message;
use lettre::message::Mailbox;
use lettre::message::header::{ContentType, Header, HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};
use shared::domain::alert_notice::AlertNotice;
use shared::domain::event::EventKind;
use shared::domain::webhook::Delivery;
use shared::{Error, Result};

use super::alert_text;

/// What a delivery holds of an e-mail.
#[derive(Debug, Serialize, Deserialize)]
struct Content {
    subject: String,
    text: String,
}

/// The subject and the text of an alert, as a delivery holds them.
///
/// # Errors
/// `Internal` when they cannot be written.
pub fn body(kind: EventKind, notice: &AlertNotice) -> Result<String> {
    let facts = alert_text::facts(notice).into_iter();
    let facts: String = facts.map(|(name, value)| format!("{:<15}{value}\n", format!("{name}:"))).collect();
    let content = Content {
        subject: alert_text::heading(kind, notice),
        text: format!(
            "{}\n\n{facts}\nThis message was sent by ServeML, because an alert rule names this address.\n",
            alert_text::message(notice)
        ),
    };
    serde_json::to_string(&content).map_err(|error| Error::internal("writing an e-mail's content", error))
}

/// The e-mail of a delivery, from `from` to all of `addresses`. Its Message-ID is made of the delivery's id, so that one that was sent
/// twice can be recognised.
///
/// # Errors
/// `Internal` when the delivery holds no e-mail, or an address is none.
pub fn message(delivery: &Delivery, from: &Mailbox, addresses: &[&str]) -> Result<Message> {
    let content: Content = serde_json::from_str(&delivery.body).map_err(|error| Error::internal("reading an e-mail's content", error))?;
    let sent = SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(delivery.created_at.seconds()).unwrap_or_default());
    let message = Message::builder()
        .from(from.clone())
        .subject(content.subject)
        .date(sent)
        .message_id(Some(format!("<{}@{}>", delivery.id, from.email.domain())))
        .header(AutoSubmitted)
        .header(ContentType::TEXT_PLAIN);
    let message = addresses.iter().try_fold(message, |message, address| {
        let address = address.parse().map_err(|error| Error::internal("reading a channel's address", error))?;
        Ok::<_, Error>(message.to(Mailbox::new(None, address)))
    })?;
    message.body(content.text).map_err(|error| Error::internal("writing an e-mail", error))
}

/// That no person sent it, so that no program answers: RFC 3834.
#[derive(Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_value: &str) -> std::result::Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use shared::Timestamp;
    use shared::domain::webhook::DeliveryState;

    use super::super::fixtures::notice;
    use super::*;

    fn written(notice: &AlertNotice) -> String {
        let delivery = Delivery {
            id: "01890a5d-ac96-774b-bcce-b302099a805b".to_owned(),
            webhook_id: "w".to_owned(),
            event: EventKind::AlertFired,
            body: body(EventKind::AlertFired, notice).unwrap(),
            state: DeliveryState::Pending,
            attempts: 0,
            settled: Vec::new(),
            created_at: Timestamp::from_milliseconds(1_750_000_000_000),
        };
        let from = "ServeML <alerts@example.com>".parse().unwrap();
        let message = message(&delivery, &from, &["a@x.com", "b@y.org"]).unwrap().formatted();
        assert!(message.is_ascii(), "no server needs to know more than ASCII");
        String::from_utf8(message).unwrap()
    }

    #[test]
    fn an_email_says_what_happened_and_who_it_is_from() {
        let message = written(&notice());
        let (headers, text) = message.split_once("\r\n\r\n").unwrap();
        for header in [
            "From: ServeML <alerts@example.com>",
            "To: a@x.com, b@y.org",
            "Subject: [critical] Slow answers: latency_p99 > 500 ms (fraud-v2)",
            "Date: Sun, 15 Jun 2025 15:06:40 +0000",
            "Message-ID: <01890a5d-ac96-774b-bcce-b302099a805b@example.com>",
            "Auto-Submitted: auto-generated",
            "Content-Type: text/plain; charset=utf-8",
        ] {
            assert!(headers.lines().any(|line| line == header), "{header}:\n{headers}");
        }
        assert!(text.starts_with("latency_p99 is 812.5 ms, which is > 500 ms.\r\n\r\nProject:       fraud\r\n"), "{text}");
        assert_eq!(message, written(&notice()));
    }

    #[test]
    fn nothing_that_is_named_adds_a_header() {
        let message = written(&AlertNotice {
            rule_name: "x\r\nBcc: c@z.com\r\n\r\nHello ü".to_owned(),
            deployment_name: Some("y\nCc: d@z.com".to_owned()),
            message: "m\r\n.\r\nMAIL FROM:<e@z.com>".to_owned(),
            ..notice()
        });
        let (headers, text) = message.split_once("\r\n\r\n").unwrap();
        assert!(headers.lines().all(|line| !line.starts_with("Bcc") && !line.starts_with("Cc")), "{headers}");
        assert!(text.lines().all(|line| line != "."), "{text}");
    }
}
