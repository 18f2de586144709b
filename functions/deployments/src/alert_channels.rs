//! The channels of an alert rule, as a request names them and as answers show them.

use serde::Serialize;
use serde_json::{Map, Value};
use shared::domain::alert_channel::{ChannelKind, MOST_CHANNELS, email_allowed};
use shared::domain::network::Networks;
use shared::domain::webhook::{self, Webhook, alert_rule_owner};
use shared::http::fields::{Choice as _, Fields};
use shared::{Error, Platform, Result};
use utoipa::ToSchema;

const LONGEST: usize = 32 * 1024;

/// Channels as they were given; whether they can be reached is checked with [`Channels::receivers`].
#[derive(Debug)]
pub struct Channels(Vec<Map<String, Value>>);

/// Takes the channels from a body, and notes what is wrong with their shape.
pub fn take_channels(fields: &mut Fields) -> Option<Channels> {
    let given = fields.list("channels", LONGEST, 4)?;
    if given.len() > MOST_CHANNELS {
        fields.fault(&["channels"], format!("ensure this value has at most {MOST_CHANNELS} items"), "value_error.list.max_items");
        return None;
    }
    let mut channels = Vec::with_capacity(given.len());
    for (at, channel) in given.into_iter().enumerate() {
        match channel {
            Value::Object(channel) => channels.push(channel),
            _ => fields.fault(&["channels", &at.to_string()], "value is not a valid dict", "type_error.dict"),
        }
    }
    Some(Channels(channels))
}

/// The receivers of a rule's channels, with the secrets that were made for them, by the receiver's place.
#[derive(Debug, Default)]
pub struct Receivers {
    /// The receivers, in the order in which the channels were given.
    pub channels: Vec<Webhook>,
    made: Vec<Option<String>>,
}

impl Receivers {
    /// As the answer that makes them shows them: with the secrets that were made.
    pub fn shown_once(&self) -> Vec<ChannelView> {
        let with_secret = |(channel, secret): (&Webhook, &Option<String>)| ChannelView { secret: secret.clone(), ..channel.into() };
        self.channels.iter().zip(&self.made).map(with_secret).collect()
    }
}

impl Channels {
    /// The receivers that they stand for; what is wrong with one is noted.
    ///
    /// # Errors
    /// `Internal` when the environment does not say where may be sent to.
    pub fn receivers(self, platform: &Platform, rule_id: &str, fields: &mut Fields) -> Result<Receivers> {
        let (networks, owner) = (Networks::from_config(platform.config)?, alert_rule_owner(rule_id));
        let mut receivers = Receivers::default();
        for (at, channel) in self.0.into_iter().enumerate() {
            match receiver(platform, &owner, channel, networks) {
                Ok((channel, secret)) => {
                    receivers.channels.push(channel);
                    receivers.made.push(secret);
                }
                Err(error) if error.kind() == shared::ErrorKind::Unprocessable => {
                    let place = at.to_string();
                    let message = error.public_message();
                    match message.split_once(": ") {
                        Some((field, problem)) if !field.contains(' ') => {
                            let path: Vec<&str> = ["channels", place.as_str()].into_iter().chain(field.split('.')).collect();
                            fields.fault(&path, problem, "value_error");
                        }
                        _ => fields.fault(&["channels", &place], message, "value_error"),
                    }
                }
                Err(error) => return Err(error),
            }
        }
        Ok(receivers)
    }
}

fn receiver(platform: &Platform, owner: &str, mut channel: Map<String, Value>, networks: Networks) -> Result<(Webhook, Option<String>)> {
    let named = text(&mut channel, "type")?;
    let kind = named.as_deref().and_then(ChannelKind::of_name);
    let kind = kind.ok_or_else(|| Error::field("type", "use one of email, slack, webhook"))?;
    let address = |channel: &mut Map<String, Value>| text(channel, "url")?.ok_or_else(|| Error::field("url", "field required"));
    let made = match kind {
        ChannelKind::Webhook => {
            let (url, given) = (address(&mut channel)?, text(&mut channel, "secret")?);
            let made = given.is_none().then(webhook::new_secret);
            let secret = given.or_else(|| made.clone()).unwrap_or_default();
            (Webhook::channel(owner, &url, secret, networks)?, made)
        }
        ChannelKind::Slack => (Webhook::slack(owner, &address(&mut channel)?, networks)?, None),
        ChannelKind::Email => {
            let addresses = addresses(channel.remove("addresses"))?;
            let receiver = Webhook::email(owner, &addresses)?;
            email_allowed(platform.config, &addresses)?;
            (receiver, None)
        }
    };
    match channel.keys().next() {
        Some(unknown) => {
            let shown: String = unknown.chars().take(80).collect();
            Err(Error::field(&shown, format!("a channel of type {} has no such field", kind.name())))
        }
        None => Ok(made),
    }
}

fn text(channel: &mut Map<String, Value>, field: &str) -> Result<Option<String>> {
    match channel.remove(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(Error::field(field, "str type expected")),
    }
}

fn addresses(given: Option<Value>) -> Result<Vec<String>> {
    match given {
        Some(Value::String(one)) => Ok(vec![one]),
        Some(Value::Array(some)) => {
            let address = |(at, one)| match one {
                Value::String(one) => Ok(one),
                _ => Err(Error::field(&format!("addresses.{at}"), "str type expected")),
            };
            some.into_iter().enumerate().map(address).collect()
        }
        None | Some(Value::Null) => Err(Error::field("addresses", "field required")),
        Some(_) => Err(Error::field("addresses", "value is not a valid list")),
    }
}

/// A channel of an alert rule.
#[derive(Debug, Serialize, ToSchema)]
pub struct ChannelView {
    /// Its id.
    pub id: String,
    /// What it is.
    #[serde(rename = "type")]
    pub kind: ChannelKind,
    /// Where messages are sent; of Slack's, which is a secret, only the host.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "https://your-app.com/alerts")]
    pub url: Option<String>,
    /// To whom e-mail is sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub addresses: Option<Vec<String>>,
    /// What signatures are made with, where the platform made it: it is shown here and never again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// Whether messages are sent.
    pub enabled: bool,
    /// Why they are not. A test that arrives switches it on again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disabled_reason: Option<String>,
}

impl From<&Webhook> for ChannelView {
    fn from(channel: &Webhook) -> Self {
        let (url, addresses) = match channel.channel {
            ChannelKind::Webhook => (Some(channel.url.clone()), None),
            ChannelKind::Slack => (Some(host_of(&channel.url)), None),
            ChannelKind::Email => (None, Some(channel.addresses().into_iter().map(str::to_owned).collect())),
        };
        let (enabled, disabled_reason) = (channel.enabled, channel.disabled_reason.clone());
        Self { id: channel.id.clone(), kind: channel.channel, url, addresses, secret: None, enabled, disabled_reason }
    }
}

/// A URL without its path.
fn host_of(url: &str) -> String {
    let end = url.find("://").map_or(0, |at| at + 3);
    let host = url.get(end..).unwrap_or_default().split(['/', '?']).next().unwrap_or_default();
    format!("{}{host}/…", url.get(..end).unwrap_or_default())
}
