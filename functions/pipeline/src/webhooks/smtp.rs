//! One attempt to hand an e-mail to the mail server: one message, in one transaction, to all recipients that are not settled.

use std::time::Duration;

use lettre::transport::smtp;
use lettre::transport::smtp::authentication::Mechanism;
use lettre::transport::smtp::client::{AsyncSmtpConnection, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::ClientId;
use lettre::{Address, Message};
use shared::domain::webhook::Settled;

use super::mail_server::{MailServer, Security};

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(5);
/// How long all of it may take.
pub const PATIENCE: Duration = Duration::from_secs(20);
/// How long the server may take to say goodbye, when everything is done.
const GOODBYE: Duration = Duration::from_secs(1);

/// What the mail server made of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mailed {
    /// The last reply code, if the server replied.
    pub code: Option<u16>,
    /// Recipients that are settled now: each took the e-mail or refused it for good.
    pub settled: Vec<Settled>,
    /// Why the others were not reached, for the webhook's owner; absent where all are settled.
    pub open: Option<String>,
}

impl Mailed {
    fn failed(code: Option<u16>, reason: impl Into<String>) -> Self {
        Self { code, settled: Vec::new(), open: Some(reason.into()) }
    }

    fn refused(code: Option<u16>, recipients: &[Address], reason: &str) -> Self {
        Self { code, settled: recipients.iter().map(|recipient| settled(recipient, Some(reason))).collect(), open: None }
    }
}

fn settled(recipient: &Address, refusal: Option<&str>) -> Settled {
    Settled { recipient: recipient.to_string(), refusal: refusal.map(str::to_owned) }
}

/// Hands an e-mail over once, within `patience` in all. What goes wrong before the message is begun passes, for all that is known:
/// the operator's settings, the network, the server's own trouble. A refusal (5xx) of the message or of a recipient is for good.
pub async fn send(server: &MailServer, message: &Message, recipients: &[Address], patience: Duration) -> Mailed {
    let mut connection = None;
    let attempt = async {
        match open(server).await {
            Ok(opened) => transaction(connection.insert(opened), server, message, recipients).await,
            Err(failed) => failed,
        }
    };
    let mailed = tokio::time::timeout(patience, attempt).await;
    if let (Ok(_), Some(mut connection)) = (&mailed, connection) {
        // The message is on its way, or is not, whatever the server says to this.
        let _ = tokio::time::timeout(GOODBYE, connection.quit()).await;
    }
    mailed.unwrap_or_else(|_| Mailed::failed(None, format!("The mail server was not done within {patience:?}.")))
}

/// A connection that is encrypted and logged in, as the settings ask for it.
async fn open(server: &MailServer) -> Result<AsyncSmtpConnection, Mailed> {
    let failed = |doing: &'static str| {
        move |error: smtp::Error| {
            // Without the server's words, which can hold what is none of the log's business either.
            tracing::warn!(doing, reply = reply(&error), is_tls = error.is_tls(), "the mail server could not be used");
            let words = match reply(&error) {
                Some(reply) => format!("The mail server did not let the platform in ({reply})."),
                None if error.is_timeout() => "No connection to the mail server was made in time.".to_owned(),
                None if error.is_tls() => "The connection to the mail server could not be encrypted.".to_owned(),
                None => format!("The mail server could not be used: {doing} failed."),
            };
            Mailed::failed(code(&error), words)
        }
    };
    // The second installation is refused; the first one serves.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let parameters = || {
        let builder = TlsParameters::builder(server.host.clone());
        server.roots.iter().cloned().fold(builder, |builder, root| builder.add_root_certificate(root)).build_rustls()
    };
    let name = ClientId::Domain(server.from.email.domain().to_owned());
    let wrapped = match server.security {
        Security::Tls => Some(parameters().map_err(failed("setting up the encryption"))?),
        Security::StartTls | Security::None => None,
    };
    let address = (server.host.as_str(), server.port);
    let connecting = AsyncSmtpConnection::connect_tokio1(address, Some(CONNECT), &name, wrapped, None);
    let mut connection = connecting.await.map_err(failed("connecting"))?;
    if server.security == Security::StartTls {
        let parameters = parameters().map_err(failed("setting up the encryption"))?;
        connection.starttls(parameters, &name).await.map_err(failed("STARTTLS"))?;
    }
    if let Some(credentials) = &server.credentials {
        connection.auth(&[Mechanism::Plain, Mechanism::Login], credentials).await.map_err(failed("logging in"))?;
    }
    Ok(connection)
}

async fn transaction(connection: &mut AsyncSmtpConnection, server: &MailServer, message: &Message, recipients: &[Address]) -> Mailed {
    if let Err(error) = connection.command(Mail::new(Some(server.from.email.clone()), Vec::new())).await {
        return turned_away(&error, recipients);
    }
    let (mut taken, mut mailed) = (Vec::new(), Mailed { code: None, settled: Vec::new(), open: None });
    let mut later = Vec::new();
    for recipient in recipients {
        match connection.command(Rcpt::new(recipient.clone(), Vec::new())).await {
            Ok(_) => taken.push(recipient.clone()),
            Err(error) if error.is_permanent() => {
                mailed.code = code(&error);
                mailed.settled.push(settled(recipient, reply(&error).as_deref()));
            }
            Err(error) if error.is_transient() => {
                mailed.code = code(&error);
                later.push(format!("{recipient} ({})", reply(&error).unwrap_or_default()));
            }
            Err(error) => return turned_away(&error, recipients),
        }
    }
    let told = if taken.is_empty() { None } else { Some(content(connection, message, &taken).await) };
    let mut open: Vec<String> = Vec::new();
    if let Some(told) = told {
        mailed.code = told.code;
        mailed.settled.extend(told.settled);
        open.extend(told.open);
    }
    if !later.is_empty() {
        open.push(format!("The mail server does not take the message yet for {}.", later.join(", ")));
    }
    mailed.open = (!open.is_empty()).then(|| open.join(" "));
    mailed
}

/// Sends what the e-mail says to those recipients that the server takes it for.
async fn content(connection: &mut AsyncSmtpConnection, message: &Message, taken: &[Address]) -> Mailed {
    let sent = match connection.command(Data).await {
        Ok(_) => connection.message(&message.formatted()).await,
        Err(error) => Err(error),
    };
    match sent {
        Ok(response) => Mailed {
            code: Some(response.code().into()),
            settled: taken.iter().map(|recipient| settled(recipient, None)).collect(),
            open: None,
        },
        Err(error) => turned_away(&error, taken),
    }
}

/// What an error that concerns all of these recipients means for them.
fn turned_away(error: &smtp::Error, recipients: &[Address]) -> Mailed {
    match (reply(error), error.is_permanent()) {
        (Some(reply), true) => Mailed::refused(code(error), recipients, &reply),
        (Some(reply), false) => Mailed::failed(code(error), format!("The mail server does not take the message yet ({reply}).")),
        (None, _) => Mailed::failed(None, "The connection to the mail server broke off."),
    }
}

fn code(error: &smtp::Error) -> Option<u16> {
    error.status().map(u16::from)
}

/// What of a reply is told: its code, and the enhanced code (RFC 3463) where it has one. The server's words stay its own.
fn reply(error: &smtp::Error) -> Option<String> {
    use std::error::Error as _;
    let code = code(error)?;
    let words = error.source().map(ToString::to_string).unwrap_or_default();
    match words.split_ascii_whitespace().next().filter(|word| is_enhanced_code(word)) {
        Some(enhanced) => Some(format!("{code} {enhanced}")),
        None => Some(code.to_string()),
    }
}

fn is_enhanced_code(word: &str) -> bool {
    let parts: Vec<&str> = word.split('.').collect();
    let is_number = |part: &str| (1..=3).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
    parts.len() == 3 && matches!(parts[0], "2" | "4" | "5") && parts.iter().copied().all(is_number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_enhanced_codes_are_told() {
        assert!(["5.1.1", "4.2.1", "5.7.26"].into_iter().all(is_enhanced_code));
        assert!(!["", "5.1", "5.1.1.1", "10.0.0.1", "5.1.x", "5..1", "3.1.1", "5.1.1234"].into_iter().any(is_enhanced_code));
    }
}
