//! The channels of an alert rule: what receives there, and what must hold of an address before anything is sent to it.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use email_address::EmailAddress;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::network::Networks;
use super::user::check_email;
use super::webhook::{Webhook, check_secret, check_url};
use crate::config::{self, Config};
use crate::http::fields::Choice;
use crate::{Error, Result};

/// How many channels a rule may have.
pub const MOST_CHANNELS: usize = 10;
/// How many addresses an e-mail may go to.
pub const MOST_ADDRESSES: usize = 10;

const SCHEME: &str = "mailto:";

/// What receives at a webhook.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChannelKind {
    /// A program: a POST with a JSON body, signed.
    #[default]
    Webhook,
    /// A channel of Slack, by one of its incoming webhooks.
    Slack,
    /// People, by e-mail.
    Email,
}

impl Choice for ChannelKind {
    const ALL: &'static [Self] = &[Self::Email, Self::Slack, Self::Webhook];

    fn name(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Slack => "slack",
            Self::Email => "email",
        }
    }
}

impl Webhook {
    /// A new channel that is a program of the user's own. It is told of every alert of its rule.
    ///
    /// # Errors
    /// `Unprocessable`, naming the field (`url`, `secret`), when one is not as it must be.
    pub fn channel(owner: &str, url: &str, secret: String, networks: Networks) -> Result<Self> {
        check_url(url, networks)?;
        check_secret(&secret)?;
        Ok(Self { secret, ..Self::of(Some(owner), ChannelKind::Webhook, url) })
    }

    /// A new channel that is one of Slack's; `url` is the address of an incoming webhook and is as secret as a password.
    ///
    /// # Errors
    /// `Unprocessable`, naming the field (`url`), when it is not as it must be.
    pub fn slack(owner: &str, url: &str, networks: Networks) -> Result<Self> {
        check_url(url, networks)?;
        Ok(Self::of(Some(owner), ChannelKind::Slack, url))
    }

    /// A new channel that is one e-mail to these addresses, each once. Whether the platform sends e-mail, and to whom, is for
    /// [`email_allowed`] to say.
    ///
    /// # Errors
    /// `Unprocessable`, naming the field (`addresses`, `addresses.0`, …), when one is not as it must be.
    pub fn email(owner: &str, addresses: &[String]) -> Result<Self> {
        if addresses.is_empty() || addresses.len() > MOST_ADDRESSES {
            return Err(Error::field("addresses", format!("must be from 1 to {MOST_ADDRESSES} email addresses")));
        }
        let mut seen = BTreeSet::new();
        let mut each_once = Vec::new();
        for (at, address) in addresses.iter().enumerate() {
            check_address(&format!("addresses.{at}"), address)?;
            if seen.insert(address.to_ascii_lowercase()) {
                each_once.push(address.as_str());
            }
        }
        Ok(Self::of(Some(owner), ChannelKind::Email, &format!("{SCHEME}{}", each_once.join(","))))
    }

    /// The addresses of an e-mail channel; none of any other.
    pub fn addresses(&self) -> Vec<&str> {
        match (self.channel, self.url.strip_prefix(SCHEME)) {
            (ChannelKind::Email, Some(addresses)) => addresses.split(',').collect(),
            _ => Vec::new(),
        }
    }
}

/// That a text is an address to which a mail server can be asked to send, and holds nothing that would mean something else to it:
/// no quotes, commas, blanks, control characters.
fn check_address(field: &str, address: &str) -> Result<()> {
    let options = email_address::Options::default().with_required_tld().without_domain_literal().without_display_text();
    let is_number = address.rsplit_once('@').is_some_and(|(_, domain)| domain.parse::<Ipv4Addr>().is_ok());
    let known = EmailAddress::parse_with_options(address, options).is_ok() && check_email(address).is_ok();
    if known && !is_number && address.is_ascii() && !address.contains(['"', ',', '<', '>', '\\']) {
        return Ok(());
    }
    Err(Error::field(field, "must be an email address such as user@example.com, in ASCII"))
}

/// That the platform may send e-mail to these addresses: that it has a mail server, and that the operator allows their domains.
///
/// # Errors
/// `Unprocessable`, naming the field (`addresses`, `addresses.0`, …), that says what to do about it.
pub fn email_allowed(config: Config, addresses: &[String]) -> Result<()> {
    if config.optional(config::SMTP_HOST).is_none() {
        return Err(Error::field("addresses", "cannot be told: this platform sends no email until its operator sets SmtpHost"));
    }
    let domains = config.optional(config::ALERT_EMAIL_DOMAINS).unwrap_or_default();
    let allowed: Vec<&str> = domains.split(',').map(str::trim).filter(|domain| !domain.is_empty()).collect();
    let is_allowed = |address: &str| {
        let domain = address.rsplit_once('@').map_or("", |(_, domain)| domain);
        allowed.is_empty() || allowed.iter().any(|allowed| allowed.eq_ignore_ascii_case(domain))
    };
    match addresses.iter().position(|address| !is_allowed(address)) {
        Some(at) => Err(Error::field(&format!("addresses.{at}"), format!("must be in a domain to which this platform sends: {domains}"))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::domain::webhook::alert_rule_owner;

    fn owned(addresses: &[&str]) -> Vec<String> {
        addresses.iter().map(|address| (*address).to_owned()).collect()
    }

    #[test]
    fn an_email_goes_to_each_address_once() {
        let owner = alert_rule_owner("r");
        let channel = Webhook::email(&owner, &owned(&["a@x.com", "first.last+tag@sub.example.co", "A@X.com"])).unwrap();
        assert_eq!((channel.channel, channel.url.as_str()), (ChannelKind::Email, "mailto:a@x.com,first.last+tag@sub.example.co"));
        assert_eq!(channel.addresses(), ["a@x.com", "first.last+tag@sub.example.co"]);
        assert_eq!((channel.owner.as_deref(), channel.events.len(), channel.enabled), (Some("ALERT_RULE#r"), 0, true));
    }

    #[test]
    fn what_is_no_address_is_named() {
        for wrong in [
            "",
            "a",
            "a@",
            "@x.com",
            "a@x",
            "a@localhost",
            "a@[127.0.0.1]",
            "a@127.0.0.1",
            "a b@x.com",
            "a@x.com,b@y.com",
            "\"a,b\"@x.com",
            "Ann <a@x.com>",
            "<a@x.com>",
            "a@x.com\r\nBcc: b@y.com",
            "a@x.com\n",
            "a\r\nRCPT TO:<b@y.com>@x.com",
            "a\0@x.com",
            "a@x.com>",
            "ü@x.com",
            "a@exämple.de",
            &format!("{}@x.com", "a".repeat(65)),
            &format!("a@{}.com", "x.".repeat(200)),
        ] {
            let refused = Webhook::email("o", &owned(&["a@x.com", wrong])).unwrap_err();
            assert!(refused.public_message().starts_with("addresses.1: must be an email address"), "{wrong:?}: {refused:?}");
        }
        for number in [0, MOST_ADDRESSES + 1] {
            let addresses: Vec<String> = (0..number).map(|at| format!("a{at}@x.com")).collect();
            assert!(Webhook::email("o", &addresses).unwrap_err().public_message().starts_with("addresses: "), "{number}");
        }
    }

    #[test]
    fn urls_and_secrets_of_channels_are_those_of_webhooks() {
        let channel = Webhook::channel("o", "https://your-app.com/x", "webhook-secret".to_owned(), Networks::Public).unwrap();
        assert_eq!((channel.channel, channel.secret.as_str(), channel.addresses().len()), (ChannelKind::Webhook, "webhook-secret", 0));
        assert!(Webhook::channel("o", "https://your-app.com/x", "short".to_owned(), Networks::Public).is_err());
        assert!(Webhook::channel("o", "http://your-app.com/x", "webhook-secret".to_owned(), Networks::Public).is_err());
        assert_eq!(Webhook::slack("o", "https://hooks.slack.com/services/T/B/x", Networks::Public).unwrap().channel, ChannelKind::Slack);
        assert!(Webhook::slack("o", "https://127.0.0.1/services/T/B/x", Networks::Public).is_err());
    }

    #[test]
    fn a_webhook_that_was_written_before_there_were_channels_is_read() {
        let events = [crate::domain::event::EventKind::ALL[0].name().to_owned()];
        let webhook = Webhook::new(None, "https://your-app.com/x", &events, "webhook-secret".to_owned(), Networks::Public).unwrap();
        let mut written = serde_json::to_value(&webhook).unwrap();
        assert_eq!(written.as_object_mut().unwrap().remove("channel").unwrap(), "webhook");
        assert!(serde_json::from_value::<Webhook>(written).unwrap() == webhook);
    }

    #[test]
    fn an_email_is_refused_where_it_cannot_be_sent() {
        let told = |values, addresses: &[&str]| {
            email_allowed(Config::of(values), &owned(addresses)).map_err(|error| error.public_message().to_owned())
        };
        assert!(told(&[], &["a@x.com"]).unwrap_err().contains("SmtpHost"));
        assert_eq!(told(&[(config::SMTP_HOST, "mail")], &["a@x.com"]), Ok(()));
        const DOMAINS: &[(config::Variable, &str)] = &[(config::SMTP_HOST, "mail"), (config::ALERT_EMAIL_DOMAINS, "x.com, Y.org")];
        assert_eq!(told(DOMAINS, &["a@X.com", "b@y.org"]), Ok(()));
        assert!(told(DOMAINS, &["a@x.com", "b@sub.x.com"]).unwrap_err().starts_with("addresses.1: must be in a domain"));
        assert!(told(DOMAINS, &["a@notx.com"]).is_err());
    }
}
