//! Deliveries of alerts by e-mail: what is tried again and what is not, and what the rule's owner is told.

use pipeline::tasks::deliver_webhook::{self, Attempted};
use pipeline::tasks::publish_event::{self, DeliveryId, EventId};
use shared::Timestamp;
use shared::config;
use shared::domain::alert_notice::AlertNotice;
use shared::domain::alert_rule::{Metric, Operator, Severity};
use shared::domain::event::{Event, EventKind};
use shared::domain::webhook::{Attempt, FAILED_DELIVERIES, MOST_ATTEMPTS, Webhook, alert_rule_owner};
use shared::paging::PageRequest;
use testing::TestPlatform;

use crate::mail_server::MailServer;

const PASSWORD: &str = "secret-password";
const RULE: &str = "01890a5d-ac96-774b-bcce-b302099a8058";

async fn platform(server: &MailServer, more: &[(config::Variable, &str)]) -> TestPlatform {
    let port = server.port.to_string();
    let values = [
        (config::SMTP_HOST, "127.0.0.1"),
        (config::SMTP_PORT, &port),
        (config::SMTP_SECURITY, "none"),
        (config::SMTP_FROM, "ServeML <alerts@example.com>"),
    ];
    let values = values.iter().chain(more).map(|(name, value)| (*name, (*value).to_owned()));
    TestPlatform::start_telling_with(values.collect()).await
}

async fn channel(test: &TestPlatform, addresses: &[&str]) -> Webhook {
    let addresses: Vec<String> = addresses.iter().map(|address| (*address).to_owned()).collect();
    let channel = Webhook::email(&alert_rule_owner(RULE), &addresses).unwrap();
    test.platform.store().unwrap().create_webhook(&channel).await.unwrap();
    channel
}

/// What is to be delivered of an alert that is told now.
async fn told(test: &TestPlatform, kind: EventKind, rule_name: &str) -> Vec<DeliveryId> {
    let notice = AlertNotice {
        alert_id: Some(shared::id::new_id()),
        rule_id: RULE.to_owned(),
        rule_name: rule_name.to_owned(),
        project_id: shared::id::new_id(),
        project_name: "fraud".to_owned(),
        deployment_id: Some(shared::id::new_id()),
        deployment_name: Some("fraud-v2".to_owned()),
        metric: Metric::LatencyP99,
        operator: Operator::Gt,
        threshold: 500.0,
        value: Some(812.5),
        severity: Severity::Critical,
        message: "latency_p99 is 812.5 ms, which is > 500 ms.".to_owned(),
        fired_at: Timestamp::now(),
        resolved_at: None,
    };
    let event = Event::of_alert(kind, notice);
    test.platform.store().unwrap().add_event(&event).await.unwrap();
    publish_event::perform(&test.platform, EventId { event_id: event.id }).await.unwrap().deliveries
}

async fn attempted(test: &TestPlatform, id: &DeliveryId) -> Attempted {
    deliver_webhook::perform(&test.platform, id.clone()).await.unwrap()
}

/// The attempts, the newest first.
async fn attempts(test: &TestPlatform, channel: &Webhook) -> Vec<Attempt> {
    let page = PageRequest { limit: 100, after: None };
    test.platform.store().unwrap().attempts(&channel.id, &page).await.unwrap().items
}

async fn found(test: &TestPlatform, channel: &Webhook) -> Webhook {
    test.platform.store().unwrap().webhook(channel.owner.as_deref(), &channel.id).await.unwrap().unwrap()
}

#[tokio::test]
async fn an_alert_is_one_message_to_all_addresses() {
    let server = MailServer::start(&["--user", &format!("serveml:{PASSWORD}")]);
    let test = platform(&server, &[(config::SMTP_USERNAME, "serveml"), (config::SMTP_PASSWORD, PASSWORD)]).await;
    let channel = channel(&test, &["a@x.com", "b@y.org"]).await;
    let id = told(&test, EventKind::AlertFired, "Slow answers").await.remove(0);
    assert!(attempted(&test, &id).await.done);
    assert!(attempted(&test, &id).await.done, "and not sent again");
    let messages = server.messages(1);
    assert_eq!(messages.len(), 1);
    let (message, headers) = (&messages[0], &messages[0]["headers"]);
    assert_eq!((&message["from"], &message["to"]), (&"alerts@example.com".into(), &serde_json::json!(["a@x.com", "b@y.org"])));
    assert_eq!(headers["subject"], "[critical] Slow answers: latency_p99 > 500 ms (fraud-v2)");
    assert_eq!((&headers["from"], &headers["to"]), (&"ServeML <alerts@example.com>".into(), &"a@x.com, b@y.org".into()));
    assert_eq!(headers["message-id"], format!("<{}@example.com>", id.delivery_id));
    assert_eq!(headers["auto-submitted"], "auto-generated");
    assert!(headers["date"].is_string() && headers["content-type"].as_str().unwrap().starts_with("text/plain"), "{headers}");
    let text = message["text"].as_str().unwrap();
    assert!(text.starts_with("latency_p99 is 812.5 ms") && text.contains("fraud-v2") && text.contains(RULE), "{text}");
    let attempts = attempts(&test, &channel).await;
    let attempt = &attempts[0];
    assert_eq!((attempts.len(), attempt.status_code, attempt.succeeded, &attempt.error), (1, Some(250), true, &None));
}

#[tokio::test]
async fn another_attempt_goes_to_those_alone_who_were_not_reached() {
    let server = MailServer::start(&[]);
    let test = platform(&server, &[]).await;
    let channel = channel(&test, &["a@x.com", "once@x.com", "refused@x.com"]).await;
    let id = told(&test, EventKind::AlertFired, "Slow answers").await.remove(0);
    let first = attempted(&test, &id).await;
    assert!(!first.done && (10..=11).contains(&first.wait_seconds), "{first:?}");
    assert!(attempted(&test, &id).await.done);
    let messages = server.messages(2);
    let to: Vec<_> = messages.iter().map(|message| message["to"].clone()).collect();
    assert_eq!(to, [serde_json::json!(["a@x.com"]), serde_json::json!(["once@x.com"])]);
    assert_eq!(messages[0]["source"], messages[1]["source"], "the same message, to be recognised by its Message-ID");
    let attempts = attempts(&test, &channel).await;
    assert_eq!((attempts[0].status_code, attempts[0].succeeded), (Some(250), true));
    assert_eq!(attempts[0].error.as_deref(), Some("The mail server refused the message for refused@x.com (550 5.1.1)."));
    assert_eq!((attempts[1].status_code, attempts[1].succeeded), (Some(250), false));
    assert!(attempts[1].error.as_deref().unwrap().contains("once@x.com (450 4.2.1)"), "{attempts:?}");
    assert!(attempts.iter().all(|attempt| !attempt.error.as_deref().unwrap().contains("mail-7")), "{attempts:?}");
}

#[tokio::test]
async fn what_is_refused_for_good_is_not_tried_again_and_disables_the_channel_in_the_end() {
    let server = MailServer::start(&[]);
    let test = platform(&server, &[]).await;
    let channel = channel(&test, &["a@x.com"]).await;
    for failed in 1..=FAILED_DELIVERIES {
        let id = told(&test, EventKind::AlertFired, "REFUSE").await.remove(0);
        assert!(attempted(&test, &id).await.done);
        let now = found(&test, &channel).await;
        assert_eq!((now.failed_deliveries, now.enabled), (failed, failed < FAILED_DELIVERIES));
    }
    assert_eq!(attempts(&test, &channel).await.len(), FAILED_DELIVERIES as usize);
    assert!(told(&test, EventKind::AlertRepeated, "Slow answers").await.is_empty(), "a disabled channel is told of nothing");
    let id = told(&test, EventKind::AlertTest, "LATER").await.remove(0);
    assert!(attempted(&test, &id).await.done, "a test is sent once");
    assert!(!found(&test, &channel).await.enabled);
    let id = told(&test, EventKind::AlertTest, "Slow answers").await.remove(0);
    assert!(attempted(&test, &id).await.done);
    assert!(found(&test, &channel).await.enabled, "and enables the channel again");
    assert!(server.messages(1)[0]["headers"]["subject"].as_str().unwrap().starts_with("[test] "));
}

#[tokio::test]
async fn what_passes_is_tried_to_the_last_attempt() {
    let server = MailServer::start(&[]);
    let test = platform(&server, &[]).await;
    let channel = channel(&test, &["a@x.com"]).await;
    let id = told(&test, EventKind::AlertFired, "LATER").await.remove(0);
    for attempt in 1..=MOST_ATTEMPTS {
        assert_eq!(attempted(&test, &id).await.done, attempt == MOST_ATTEMPTS);
    }
    assert_eq!(found(&test, &channel).await.failed_deliveries, 1);
}

#[tokio::test]
async fn settings_that_changed_hold_at_once_and_are_told_without_their_values() {
    let server = MailServer::start(&[]);
    for (more, words) in [
        (vec![(config::ALERT_EMAIL_DOMAINS, "y.org")], "must be in a domain to which this platform sends: y.org"),
        (vec![(config::SMTP_HOST, "")], "this platform sends no email"),
        (vec![(config::SMTP_FROM, "nobody")], "its operator finds the reason in the log"),
        (
            vec![(config::SMTP_HOST, "mail.example.com"), (config::SMTP_USERNAME, "serveml"), (config::SMTP_PASSWORD, PASSWORD)],
            "its operator finds the reason in the log",
        ),
    ] {
        let test = platform(&server, &more).await;
        let channel = channel(&test, &["a@x.com"]).await;
        let id = told(&test, EventKind::AlertFired, "Slow answers").await.remove(0);
        assert!(!attempted(&test, &id).await.done, "the operator can mend it");
        let attempts = attempts(&test, &channel).await;
        let error = attempts[0].error.as_deref().unwrap();
        assert!(error.starts_with("Nothing was sent: ") && error.contains(words) && !error.contains(PASSWORD), "{error}");
    }
}
