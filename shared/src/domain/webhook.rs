//! Webhooks: addresses that are told of what happens, and how often a telling is tried. The channels of an alert rule are webhooks
//! of the rule; see [`super::alert_channel`].

use std::collections::BTreeSet;
use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use url::{Host, Url};

use super::alert_channel::ChannelKind;
use super::event::EventKind;
use super::network::Networks;
use crate::{Error, Result, Timestamp};

/// How many webhooks an owner may have.
pub const MOST_WEBHOOKS: usize = 20;
/// A delivery is tried so often, the first attempt among them.
pub const MOST_ATTEMPTS: u32 = 8;
/// Each pause between two attempts is so many times as long as the one before.
const BACKOFF: u32 = 4;
/// The longest pause between two attempts, in seconds.
const LONGEST_PAUSE: u64 = 12 * 3600;
/// After so many failed deliveries in a row a webhook is disabled.
pub const FAILED_DELIVERIES: u32 = 5;

const LONGEST_URL: usize = 2048;
const SECRET_LENGTH: std::ops::RangeInclusive<usize> = 8..=256;
const PREFIX: &str = "whsec_";

/// As whose webhooks the channels of an alert rule are kept.
pub fn alert_rule_owner(rule_id: &str) -> String {
    format!("ALERT_RULE#{rule_id}")
}

/// A webhook as the table holds it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Webhook {
    /// Its id, a UUIDv7.
    pub id: String,
    /// Whose it is; absent where nobody in particular made it.
    pub owner: Option<String>,
    /// What receives there, and so what it is sent.
    #[serde(default)]
    pub channel: ChannelKind,
    /// Where events are sent.
    pub url: String,
    /// Which events; none of a rule's channel, which is told of every alert.
    pub events: Vec<EventKind>,
    /// What the signatures are made with; empty where none are made.
    pub secret: String,
    /// Whether events are sent.
    pub enabled: bool,
    /// Why they are not.
    pub disabled_reason: Option<String>,
    /// How many deliveries failed since the last one that did not.
    #[serde(default)]
    pub failed_deliveries: u32,
    /// When it was made.
    pub created_at: Timestamp,
}

impl std::fmt::Debug for Webhook {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Webhook").field("id", &self.id).field("enabled", &self.enabled).finish_non_exhaustive()
    }
}

impl Webhook {
    /// A new webhook.
    ///
    /// # Errors
    /// `Unprocessable`, naming the field, when one is not as it must be.
    pub fn new(owner: Option<&str>, url: &str, events: &[String], secret: String, networks: Networks) -> Result<Self> {
        check_url(url, networks)?;
        check_secret(&secret)?;
        Ok(Self { events: kinds(events)?, secret, ..Self::of(owner, ChannelKind::Webhook, url) })
    }

    /// A new one that asks for no events and signs nothing, of what was checked before.
    pub(super) fn of(owner: Option<&str>, channel: ChannelKind, url: &str) -> Self {
        Self {
            id: crate::id::new_id(),
            owner: owner.map(str::to_owned),
            channel,
            url: url.to_owned(),
            events: Vec::new(),
            secret: String::new(),
            enabled: true,
            disabled_reason: None,
            failed_deliveries: 0,
            created_at: Timestamp::now(),
        }
    }
}

/// A new secret in the form that Standard Webhooks recommends.
pub fn new_secret() -> String {
    format!("{PREFIX}{}", STANDARD.encode(rand::random::<[u8; 32]>()))
}

/// The key that a secret stands for: what follows `whsec_` is base64, anything else is the key's bytes as they stand.
///
/// # Errors
/// `Unprocessable`, naming the field, when what follows the prefix is not base64.
pub fn signing_key(secret: &str) -> Result<Vec<u8>> {
    match secret.strip_prefix(PREFIX) {
        Some(encoded) => STANDARD.decode(encoded).map_err(|_| Error::field("secret", format!("must be base64 behind {PREFIX}"))),
        None => Ok(secret.as_bytes().to_vec()),
    }
}

pub(super) fn check_secret(secret: &str) -> Result<()> {
    let (least, most) = (SECRET_LENGTH.start(), SECRET_LENGTH.end());
    if !SECRET_LENGTH.contains(&secret.len()) || !SECRET_LENGTH.contains(&signing_key(secret)?.len()) {
        return Err(Error::field("secret", format!("must have from {least} to {most} bytes")));
    }
    Ok(())
}

fn kinds(names: &[String]) -> Result<Vec<EventKind>> {
    let known = || EventKind::ALL.map(EventKind::name).join(", ");
    if names.is_empty() || names.len() > 4 * EventKind::ALL.len() {
        return Err(Error::field("events", format!("must name some of {}", known())));
    }
    let kinds: BTreeSet<EventKind> = names
        .iter()
        .enumerate()
        .map(|(at, name)| {
            let found = EventKind::ALL.into_iter().find(|kind| kind.name() == name);
            found.ok_or_else(|| Error::field(&format!("events.{at}"), format!("must be one of {}", known())))
        })
        .collect::<Result<_>>()?;
    Ok(kinds.into_iter().collect())
}

/// That a URL is one to which webhooks may be sent, as far as it tells itself: to which addresses its name leads is checked
/// at each attempt.
///
/// # Errors
/// `Unprocessable`, naming the field.
pub fn check_url(text: &str, networks: Networks) -> Result<Url> {
    let refused = |message: &str| Error::field("url", message);
    if text.len() > LONGEST_URL {
        return Err(refused(&format!("must have at most {LONGEST_URL} bytes")));
    }
    let url = Url::parse(text).map_err(|_| refused("must be a URL such as https://your-app.com/webhook"))?;
    if !networks.allow_scheme(url.scheme()) {
        let schemes = if networks == Networks::Any { "https:// or http://" } else { "https://" };
        return Err(refused(&format!("must begin with {schemes}")));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(refused("must not hold a user name or a password; the signature tells who sends"));
    }
    if url.fragment().is_some() {
        return Err(refused("must not have a fragment (#)"));
    }
    let address = match url.host() {
        Some(Host::Ipv4(address)) => Some(IpAddr::V4(address)),
        Some(Host::Ipv6(address)) => Some(IpAddr::V6(address)),
        Some(Host::Domain(name)) if is_local_name(name) => Some(IpAddr::from([127, 0, 0, 1])),
        Some(Host::Domain(_)) => None,
        None => return Err(refused("must name a host")),
    };
    match address {
        Some(address) if !networks.allow(address) => Err(refused("must lead to an address that the platform may send to")),
        _ => Ok(url),
    }
}

fn is_local_name(name: &str) -> bool {
    let name = name.trim_end_matches('.');
    name == "localhost" || name.ends_with(".localhost")
}

/// Where a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// It is tried, or waits for the next attempt.
    Pending,
    /// The receiver took it.
    Succeeded,
    /// No attempt is left, or the receiver said that it is gone.
    Failed,
    /// Its webhook was deleted or disabled.
    Dropped,
}

/// One event on its way to one webhook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// Its id; receivers see it as `webhook-id`, the same in every attempt.
    pub id: String,
    /// The webhook.
    pub webhook_id: String,
    /// What happened.
    pub event: EventKind,
    /// What is sent.
    pub body: String,
    /// Where it stands.
    pub state: DeliveryState,
    /// Attempts so far.
    pub attempts: u32,
    /// Of several recipients, those to whom nothing is sent any more: each took it, or refused it for good.
    #[serde(default)]
    pub settled: Vec<Settled>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A recipient to whom a delivery is not sent any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settled {
    /// The recipient.
    pub recipient: String,
    /// Why it refused, for the webhook's owner; absent where it took it.
    pub refusal: Option<String>,
}

impl Delivery {
    /// How often it is tried at the most: a test once, so that who asked for it knows at once.
    pub fn most_attempts(&self) -> u32 {
        if self.event.is_test() { 1 } else { MOST_ATTEMPTS }
    }
}

/// One attempt at a delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// Its id, a UUIDv7.
    pub id: String,
    /// The delivery.
    pub delivery_id: String,
    /// What happened.
    pub event: EventKind,
    /// Its number, from 1.
    pub attempt: u32,
    /// The status that the receiver answered with, if it answered: of HTTP, or of SMTP where it is e-mail.
    pub status_code: Option<u16>,
    /// Why it did not succeed, or not with every recipient.
    pub error: Option<String>,
    /// When it ended.
    pub delivered_at: Timestamp,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// Whether the receiver took it.
    pub succeeded: bool,
}

/// The pause behind an attempt, in seconds, where the first pause is `first`: exponential, with a tenth of chance, so that
/// receivers that failed together are not asked again together.
pub fn pause_after(attempt: u32, first: u64) -> u64 {
    let pause = first.saturating_mul(u64::from(BACKOFF).saturating_pow(attempt.saturating_sub(1))).clamp(1, LONGEST_PAUSE);
    pause + rand::random_range(0..=pause / 10)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn refusal(url: &str, networks: Networks) -> String {
        check_url(url, networks).unwrap_err().public_message().to_owned()
    }

    #[test]
    fn a_url_leads_to_where_webhooks_may_be_sent() {
        for url in ["https://your-app.com/webhook", "https://8.8.8.8:8443/x?y=z", "https://[2606:4700::1111]/"] {
            assert!(check_url(url, Networks::Public).is_ok(), "{url}");
        }
        for url in [
            "http://your-app.com/",
            "https://127.0.0.1/",
            "https://localhost/",
            "https://LOCALHOST./",
            "https://x.localhost/",
            "https://2130706433/",
            "https://0x7f.1/",
            "https://017700000001/",
            "https://[::1]/",
            "https://[::ffff:10.0.0.1]/",
            "https://169.254.169.254/latest/meta-data/",
            "https://user:secret@your-app.com/",
            "https://your-app.com/#x",
            "ftp://your-app.com/",
            "file:///etc/passwd",
            "your-app.com",
            "",
            "https://",
        ] {
            assert!(refusal(url, Networks::Public).starts_with("url: "), "{url}");
        }
        for url in ["http://127.0.0.1:9/x", "http://localhost:9/", "https://10.0.0.1/"] {
            assert!(check_url(url, Networks::Any).is_ok(), "{url}");
        }
        for url in ["http://169.254.169.254/", "http://[fe80::1]/", "http://0.0.0.0/", "http://[fd00:ec2::254]/", "gopher://localhost/"] {
            assert!(refusal(url, Networks::Any).starts_with("url: "), "{url}");
        }
        assert!(refusal(&format!("https://your-app.com/{}", "x".repeat(LONGEST_URL)), Networks::Public).contains("at most"));
    }

    #[test]
    fn a_secret_is_its_bytes_or_base64() {
        assert_eq!(signing_key("webhook-secret").unwrap(), b"webhook-secret");
        assert_eq!(signing_key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap().len(), 24);
        assert_eq!(signing_key(&new_secret()).unwrap().len(), 32);
        for wrong in ["", "short", "whsec_", "whsec_§", "whsec_YWJj", &"x".repeat(257)] {
            assert!(check_secret(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn events_are_those_of_the_document() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        assert_eq!(kinds(&names(&["deployment.ready", "deployment.created", "deployment.ready"])).unwrap().len(), 2);
        for wrong in [&["webhook.test"][..], &["deployment.*"], &[], &["deployment.ready"; 100]] {
            assert!(kinds(&names(wrong)).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn pauses_grow_over_hours_and_stay_bounded() {
        let pauses: Vec<u64> = (1..MOST_ATTEMPTS).map(|attempt| pause_after(attempt, 10)).collect();
        assert!(pauses[0] >= 10 && pauses[0] <= 11 && pauses.windows(2).all(|pair| pair[1] > 3 * pair[0]), "{pauses:?}");
        let hours = pauses.iter().sum::<u64>() as f64 / 3600.0;
        assert!((15.0..17.0).contains(&hours), "{hours}");
        assert!(pause_after(u32::MAX, u64::MAX) <= LONGEST_PAUSE + LONGEST_PAUSE / 10);
    }
}
