//! One attempt to tell a webhook of something, by whatever receives there.

use lettre::Address;
use shared::domain::alert_channel::{ChannelKind, email_allowed};
use shared::domain::network::Networks;
use shared::domain::webhook::{Delivery, Settled, Webhook};
use shared::{Error, Platform, Result};

use super::mail_server::MailServer;
use super::send::{self, Answer, Message};
use super::smtp::{self, Mailed};
use super::{mail, slack};

/// A receiver that answers with this is gone for good.
const GONE: u16 = 410;

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// The status that the receiver answered with, if it answered.
    pub status: Option<u16>,
    /// Why it did not succeed, or not with every recipient. For the webhook's owner.
    pub error: Option<String>,
    /// What it means.
    pub ending: Ending,
    /// Those of several recipients that are settled now, the ones from before among them.
    pub settled: Vec<Settled>,
}

/// What the end of an attempt means for its delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The receiver took it.
    Taken,
    /// Another attempt may do better.
    Open,
    /// Another attempt would end the same.
    Refused,
    /// The receiver is gone, and will take nothing else either.
    Gone,
}

/// Tries a delivery once.
///
/// # Errors
/// `Internal` when it cannot be tried; whatever the receiver does is none.
pub async fn perform(platform: &Platform, webhook: &Webhook, delivery: &Delivery) -> Result<Ended> {
    match webhook.channel {
        ChannelKind::Webhook | ChannelKind::Slack => post(platform, webhook, delivery).await,
        ChannelKind::Email => email(platform, webhook, delivery).await,
    }
}

async fn post(platform: &Platform, webhook: &Webhook, delivery: &Delivery) -> Result<Ended> {
    let is_signed = webhook.channel == ChannelKind::Webhook;
    let message = Message {
        url: &webhook.url,
        secret: is_signed.then_some(webhook.secret.as_str()),
        delivery_id: &delivery.id,
        body: &delivery.body,
    };
    let Answer { status, error } = send::send(message, Networks::from_config(platform.config)?, send::PATIENCE).await?;
    let ending = match status {
        _ if error.is_none() => Ending::Taken,
        Some(GONE) => Ending::Gone,
        Some(status) if webhook.channel == ChannelKind::Slack && slack::is_final(status) => Ending::Refused,
        _ => Ending::Open,
    };
    Ok(Ended { status, error, ending, settled: Vec::new() })
}

async fn email(platform: &Platform, webhook: &Webhook, delivery: &Delivery) -> Result<Ended> {
    let not_sent = |reason: String| Ended {
        status: None,
        error: Some(format!("Nothing was sent: {reason}.")),
        ending: Ending::Open,
        settled: delivery.settled.clone(),
    };
    // The rules may be stricter than they were when the channel was made.
    let addresses = webhook.addresses();
    let owned: Vec<String> = addresses.iter().map(|address| (*address).to_owned()).collect();
    if let Err(error) = email_allowed(platform.config, &owned) {
        return Ok(not_sent(error.public_message().to_owned()));
    }
    let server = match MailServer::from_config(platform.config) {
        Ok(Some(server)) => server,
        Ok(None) => return Ok(not_sent("this platform sends no email".to_owned())),
        Err(error) => {
            tracing::error!(?error, "the settings of the mail server are not as they must be");
            return Ok(not_sent(
                "the platform's mail server is not set up as it must be; its operator finds the reason in the log".to_owned(),
            ));
        }
    };
    let message = mail::message(delivery, &server.from, &addresses)?;
    let is_open = |address: &&&str| delivery.settled.iter().all(|settled| settled.recipient != **address);
    let open = addresses.iter().filter(is_open).map(|address| address.parse::<Address>());
    let open: Vec<Address> = open.collect::<Result<_, _>>().map_err(|error| Error::internal("reading a channel's address", error))?;
    Ok(mailed(smtp::send(&server, &message, &open, smtp::PATIENCE).await, &delivery.settled))
}

fn mailed(mailed: Mailed, before: &[Settled]) -> Ended {
    let settled = [before, &mailed.settled].concat();
    let refusals: Vec<String> =
        settled.iter().filter_map(|settled| Some(format!("{} ({})", settled.recipient, settled.refusal.as_ref()?))).collect();
    let ending = match &mailed.open {
        Some(_) => Ending::Open,
        None if refusals.len() == settled.len() => Ending::Refused,
        None => Ending::Taken,
    };
    let refused = (!refusals.is_empty()).then(|| format!("The mail server refused the message for {}.", refusals.join(", ")));
    let error = [mailed.open, refused].into_iter().flatten().collect::<Vec<_>>().join(" ");
    Ended { status: mailed.code, error: (!error.is_empty()).then_some(error), ending, settled }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settled(recipient: &str, refusal: Option<&str>) -> Settled {
        Settled { recipient: recipient.to_owned(), refusal: refusal.map(str::to_owned) }
    }

    #[test]
    fn an_email_is_taken_when_one_recipient_took_it_and_none_is_open() {
        let all = Mailed { code: Some(250), settled: vec![settled("a", None)], open: None };
        assert_eq!(mailed(all.clone(), &[]), Ended { status: Some(250), error: None, ending: Ending::Taken, settled: all.settled.clone() });
        let partly = mailed(all, &[settled("b", Some("550 5.1.1"))]);
        assert_eq!(partly.ending, Ending::Taken);
        assert_eq!(partly.error.as_deref(), Some("The mail server refused the message for b (550 5.1.1)."));
        assert_eq!(partly.settled.len(), 2);
        let refused = mailed(Mailed { code: Some(550), settled: vec![settled("a", Some("550"))], open: None }, &[]);
        assert_eq!(refused.ending, Ending::Refused);
        let open = mailed(Mailed { code: Some(450), settled: vec![settled("a", Some("550"))], open: Some("Later.".to_owned()) }, &[]);
        assert_eq!((open.ending, open.error.as_deref()), (Ending::Open, Some("Later. The mail server refused the message for a (550).")));
    }
}
