//! The mail server that takes the platform's e-mails, as the configuration names it.

use std::net::IpAddr;

use lettre::message::Mailbox;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::Certificate;
use shared::config::{self, Config};
use shared::{Error, Result};

/// How the connection is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// From STARTTLS on; a server that does not offer it gets nothing.
    StartTls,
    /// From the first byte on.
    Tls,
    /// Not at all.
    None,
}

/// The mail server.
#[derive(Clone)]
pub struct MailServer {
    /// Its name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection to it is encrypted.
    pub security: Security,
    /// Who the platform is to it, where it asks.
    pub credentials: Option<Credentials>,
    /// Whom e-mails come from.
    pub from: Mailbox,
    /// Certificates that are trusted besides the system's.
    pub roots: Vec<Certificate>,
}

impl std::fmt::Debug for MailServer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("MailServer").field("host", &self.host).field("port", &self.port).finish_non_exhaustive()
    }
}

impl MailServer {
    /// What the platform's configuration says; `None` where it sends no e-mail.
    ///
    /// # Errors
    /// `Internal`, naming the variable, when one is missing or not as it must be, or when a password would go over a network
    /// unencrypted.
    pub fn from_config(config: Config) -> Result<Option<Self>> {
        let Some(host) = config.optional(config::SMTP_HOST) else { return Ok(None) };
        let port = config.number(config::SMTP_PORT)?;
        let port = u16::try_from(port).ok().filter(|port| *port > 0);
        let port = port.ok_or_else(|| Error::broken("SMTP_PORT must be a port, from 1 to 65535"))?;
        let security = match config.get(config::SMTP_SECURITY)?.as_str() {
            "starttls" => Security::StartTls,
            "tls" => Security::Tls,
            "none" => Security::None,
            other => return Err(Error::broken(format!("SMTP_SECURITY must be starttls, tls or none, not {other:?}"))),
        };
        let credentials = match (config.optional(config::SMTP_USERNAME), config.optional(config::SMTP_PASSWORD)) {
            (Some(name), Some(password)) => Some(Credentials::new(name, password)),
            (None, None) => None,
            _ => return Err(Error::broken("SMTP_USERNAME and SMTP_PASSWORD must be set both, or neither of them")),
        };
        if security == Security::None && credentials.is_some() && !is_loopback(&host) {
            return Err(Error::broken("SMTP_SECURITY is none: a password is not sent unencrypted to another machine"));
        }
        let from: Mailbox = config.get(config::SMTP_FROM)?.parse().map_err(|error| {
            Error::internal("SMTP_FROM must be an address such as alerts@example.com or ServeML <alerts@example.com>", error)
        })?;
        if !AsRef::<str>::as_ref(&from.email).is_ascii() {
            return Err(Error::broken("the address of SMTP_FROM must be in ASCII"));
        }
        Ok(Some(Self { host, port, security, credentials, from, roots: Vec::new() }))
    }
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use shared::config::Variable;

    use super::*;

    fn read(values: &[(Variable, &str)]) -> Result<Option<MailServer>> {
        let mut all = vec![
            (config::SMTP_HOST, "mail.example.com"),
            (config::SMTP_PORT, "587"),
            (config::SMTP_SECURITY, "starttls"),
            (config::SMTP_FROM, "ServeML <alerts@example.com>"),
        ];
        all.retain(|(name, _)| values.iter().all(|(other, _)| other != name));
        all.extend(values.iter().map(|(name, value)| (*name, &*String::leak((*value).to_owned()))));
        MailServer::from_config(Config::of(Vec::leak(all)))
    }

    #[test]
    fn a_server_is_read_and_none_is_no_fault() {
        let server = read(&[(config::SMTP_USERNAME, "serveml"), (config::SMTP_PASSWORD, "secret-password")]).unwrap().unwrap();
        assert_eq!((server.host.as_str(), server.port, server.security), ("mail.example.com", 587, Security::StartTls));
        assert_eq!((server.from.email.to_string().as_str(), server.credentials.is_some()), ("alerts@example.com", true));
        assert!(!format!("{server:?}").contains("secret-password"));
        assert!(read(&[(config::SMTP_HOST, "")]).unwrap().is_none());
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (values, named) in [
            (&[(config::SMTP_PORT, "0")][..], "SMTP_PORT"),
            (&[(config::SMTP_PORT, "65536")], "SMTP_PORT"),
            (&[(config::SMTP_SECURITY, "ssl")], "SMTP_SECURITY"),
            (&[(config::SMTP_FROM, "")], "SMTP_FROM"),
            (&[(config::SMTP_FROM, "alerts")], "SMTP_FROM"),
            (&[(config::SMTP_FROM, "ü@example.com")], "SMTP_FROM"),
            (&[(config::SMTP_FROM, "a@x.com\r\nBcc: b@x.com")], "SMTP_FROM"),
            (&[(config::SMTP_USERNAME, "x")], "SMTP_PASSWORD"),
        ] {
            let error = read(values).unwrap_err();
            assert!(format!("{error:?}").contains(named), "{values:?}: {error:?}");
        }
    }

    #[test]
    fn a_password_goes_unencrypted_to_this_machine_alone() {
        let with = |host| {
            read(&[
                (config::SMTP_HOST, host),
                (config::SMTP_SECURITY, "none"),
                (config::SMTP_USERNAME, "serveml"),
                (config::SMTP_PASSWORD, "secret-password"),
            ])
        };
        for host in ["localhost", "127.0.0.1", "::1"] {
            assert!(with(host).is_ok(), "{host}");
        }
        for host in ["mail.example.com", "10.0.0.1", "localhost.example.com"] {
            let error = format!("{:?}", with(host).unwrap_err());
            assert!(error.contains("unencrypted") && !error.contains("secret-password"), "{error}");
        }
        assert!(read(&[(config::SMTP_SECURITY, "none")]).is_ok());
    }
}
