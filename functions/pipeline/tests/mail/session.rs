//! What the session with the mail server is like, and what is made of what it replies.

use std::time::Duration;

use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::Certificate;
use lettre::{Address, Message};
use pipeline::webhooks::mail_server::{MailServer, Security};
use pipeline::webhooks::smtp::{Mailed, PATIENCE, send};
use shared::domain::webhook::Settled;

use crate::mail_server::MailServer as Receiver;

fn server(receiver: &Receiver, security: Security, login: Option<(&str, &str)>) -> MailServer {
    MailServer {
        host: "localhost".to_owned(),
        port: receiver.port,
        security,
        credentials: login.map(|(name, password)| Credentials::new(name.to_owned(), password.to_owned())),
        from: "ServeML <alerts@example.com>".parse().unwrap(),
        roots: vec![Certificate::from_pem(receiver.certificate.as_bytes()).unwrap()],
    }
}

fn message(subject: &str) -> Message {
    let message = Message::builder().from("alerts@example.com".parse().unwrap()).to("a@x.com".parse().unwrap()).subject(subject);
    message.body("one\n.\n..two\n".to_owned()).unwrap()
}

fn addresses(addresses: &[&str]) -> Vec<Address> {
    addresses.iter().map(|address| address.parse().unwrap()).collect()
}

async fn sent(server: &MailServer, subject: &str, to: &[&str]) -> Mailed {
    send(server, &message(subject), &addresses(to), PATIENCE).await
}

fn settled(recipient: &str, refusal: Option<&str>) -> Settled {
    Settled { recipient: recipient.to_owned(), refusal: refusal.map(str::to_owned) }
}

fn taken(recipient: &str) -> Mailed {
    Mailed { code: Some(250), settled: vec![settled(recipient, None)], open: None }
}

#[tokio::test]
async fn it_is_encrypted_and_logged_in_as_the_settings_say() {
    for (option, security) in [("--starttls", Security::StartTls), ("--tls", Security::Tls)] {
        let receiver = Receiver::start(&[option, "--user", "serveml:secret-password"]);
        let good = server(&receiver, security, Some(("serveml", "secret-password")));
        assert_eq!(sent(&good, "x", &["a@x.com"]).await, taken("a@x.com"));
        let came = receiver.messages(1).remove(0);
        assert_eq!((&came["user"], &came["encrypted"], &came["from"]), (&"serveml".into(), &true.into(), &"alerts@example.com".into()));
        assert_eq!(came["text"].as_str().unwrap().trim_end().lines().collect::<Vec<_>>(), ["one", ".", "..two"]);

        let wrong = server(&receiver, security, Some(("serveml", "another-password")));
        let refused = sent(&wrong, "x", &["a@x.com"]).await;
        assert_eq!((refused.code, refused.settled.len()), (Some(535), 0), "the operator can mend it");
        assert_eq!(refused.open.as_deref(), Some("The mail server did not let the platform in (535 5.7.8)."));

        let unknown = MailServer { roots: Vec::new(), ..good.clone() };
        let refused = sent(&unknown, "x", &["a@x.com"]).await;
        assert_eq!((refused.code, refused.settled.len(), refused.open.is_some()), (None, 0, true), "{refused:?}");
        let other_name = MailServer { host: "127.0.0.2".to_owned(), ..good };
        assert!(sent(&other_name, "x", &["a@x.com"]).await.open.is_some());
    }
}

#[tokio::test]
async fn a_server_without_starttls_gets_nothing() {
    let receiver = Receiver::start(&[]);
    let strict = server(&receiver, Security::StartTls, Some(("serveml", "secret-password")));
    let refused = sent(&strict, "x", &["a@x.com"]).await;
    assert_eq!(refused.open.as_deref(), Some("The mail server could not be used: STARTTLS failed."));
    assert_eq!(sent(&server(&receiver, Security::None, None), "x", &["a@x.com"]).await, taken("a@x.com"));
    assert_eq!(receiver.messages(1).len(), 1);
}

#[tokio::test]
async fn each_recipient_is_told_apart() {
    let receiver = Receiver::start(&[]);
    let server = server(&receiver, Security::None, None);
    let partly = sent(&server, "x", &["a@x.com", "refused@x.com", "later@x.com", "b@x.com"]).await;
    assert_eq!(partly.settled, [settled("refused@x.com", Some("550 5.1.1")), settled("a@x.com", None), settled("b@x.com", None)]);
    assert_eq!(partly.open.as_deref(), Some("The mail server does not take the message yet for later@x.com (450 4.2.1)."));
    assert_eq!(receiver.messages(1)[0]["to"], serde_json::json!(["a@x.com", "b@x.com"]));

    let nobody = sent(&server, "x", &["refused@x.com"]).await;
    assert_eq!(nobody, Mailed { code: Some(550), settled: vec![settled("refused@x.com", Some("550 5.1.1"))], open: None });
    let later = sent(&server, "x", &["later@x.com"]).await;
    assert_eq!((later.code, later.settled.len()), (Some(450), 0));

    let refused = sent(&server, "REFUSE", &["a@x.com"]).await;
    assert_eq!(refused, Mailed { code: Some(554), settled: vec![settled("a@x.com", Some("554 5.7.1"))], open: None });
    let later = sent(&server, "LATER", &["a@x.com"]).await;
    assert_eq!((later.code, later.open.as_deref()), (Some(451), Some("The mail server does not take the message yet (451).")));
    assert_eq!(receiver.messages(1).len(), 1);
}

#[tokio::test]
async fn a_server_that_is_not_there_hangs_or_talks_otherwise_is_left() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent = MailServer {
        host: "127.0.0.1".to_owned(),
        port: listener.local_addr().unwrap().port(),
        security: Security::None,
        credentials: None,
        from: "alerts@example.com".parse().unwrap(),
        roots: Vec::new(),
    };
    let hung = send(&silent, &message("x"), &addresses(&["a@x.com"]), Duration::from_millis(300)).await;
    assert_eq!(hung.open.as_deref(), Some("The mail server was not done within 300ms."));

    let nobody = MailServer { port: 1, ..silent.clone() };
    assert_eq!(sent(&nobody, "x", &["a@x.com"]).await.open.as_deref(), Some("The mail server could not be used: connecting failed."));

    let web = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let other = MailServer { port: web.local_addr().unwrap().port(), ..silent };
    tokio::spawn(async move { axum::serve(web, axum::Router::new()).await.unwrap() });
    let otherwise = send(&other, &message("x"), &addresses(&["a@x.com"]), Duration::from_secs(2)).await;
    assert!(otherwise.open.is_some() && otherwise.settled.is_empty(), "{otherwise:?}");
}
