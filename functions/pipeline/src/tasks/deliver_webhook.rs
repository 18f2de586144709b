//! One attempt at a delivery: sends it, records how that went, and says when to try again.

use std::time::Instant;

use serde::{Deserialize, Serialize};
use shared::domain::webhook::{Attempt, Delivery, DeliveryState, Webhook, pause_after};
use shared::{Platform, Result, Timestamp, config};

use super::publish_event::DeliveryId;
use crate::webhooks::attempt::{self, Ended, Ending};

/// How a delivery stands behind an attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempted {
    /// The delivery.
    #[serde(flatten)]
    pub delivery: DeliveryId,
    /// Whether nothing is left to do.
    pub done: bool,
    /// When to try again, in seconds; 0 where nothing is left to do.
    pub wait_seconds: u64,
}

/// Tries a delivery once, unless it has ended, or its webhook is not told any more.
///
/// # Errors
/// `Internal` when the table does not answer; whatever the receiver does is none.
pub async fn perform(platform: &Platform, id: DeliveryId) -> Result<Attempted> {
    let store = platform.store()?;
    let done = |delivery: DeliveryId| Attempted { delivery, done: true, wait_seconds: 0 };
    let Some(delivery) = store.delivery(&id.webhook_id, &id.delivery_id).await? else { return Ok(done(id)) };
    if delivery.state != DeliveryState::Pending {
        return Ok(done(id));
    }
    let webhook = store.webhook(id.owner.as_deref(), &id.webhook_id).await?;
    let is_test = delivery.most_attempts() == 1;
    let Some(webhook) = webhook.filter(|webhook| webhook.enabled || is_test) else {
        store.drop_delivery(&delivery).await?;
        return Ok(done(id));
    };
    let (attempt, ended) = attempt(platform, &webhook, &delivery).await?;
    let state = match ended.ending {
        Ending::Taken => DeliveryState::Succeeded,
        Ending::Open if attempt.attempt < delivery.most_attempts() => DeliveryState::Pending,
        Ending::Open | Ending::Refused | Ending::Gone => DeliveryState::Failed,
    };
    let delivery = Delivery { settled: ended.settled, ..delivery };
    store.record_attempt(&webhook, &delivery, &attempt, state, ended.ending == Ending::Gone).await?;
    if state != DeliveryState::Pending {
        return Ok(done(id));
    }
    let first = u64::try_from(platform.config.number(config::WEBHOOK_RETRY_SECONDS)?).unwrap_or(1);
    Ok(Attempted { delivery: id, done: false, wait_seconds: pause_after(attempt.attempt, first) })
}

async fn attempt(platform: &Platform, webhook: &Webhook, delivery: &Delivery) -> Result<(Attempt, Ended)> {
    let began = Instant::now();
    let ended = attempt::perform(platform, webhook, delivery).await?;
    let attempt = Attempt {
        id: shared::id::new_id(),
        delivery_id: delivery.id.clone(),
        event: delivery.event,
        attempt: delivery.attempts + 1,
        status_code: ended.status,
        succeeded: ended.ending == Ending::Taken,
        error: ended.error.clone(),
        delivered_at: Timestamp::now(),
        duration_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
    };
    let status = ended.status;
    tracing::info!(webhook_id = webhook.id, delivery_id = delivery.id, attempt = attempt.attempt, status, "a webhook was sent");
    Ok((attempt, ended))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::atomic::{AtomicU16, Ordering};
    use std::sync::{Arc, Mutex};

    use axum::extract::State;
    use axum::http::{HeaderMap, StatusCode};
    use shared::domain::event::{Event, EventKind};
    use shared::domain::network::Networks;
    use shared::domain::webhook::{FAILED_DELIVERIES, MOST_ATTEMPTS, alert_rule_owner};
    use shared::paging::PageRequest;
    use testing::TestPlatform;

    use super::super::publish_event::{self, EventId};
    use super::*;
    use crate::webhooks::fixtures;

    /// A receiver that answers with the status that it is told.
    async fn receiver() -> (String, Arc<AtomicU16>) {
        let status = Arc::new(AtomicU16::new(200));
        let answer =
            |State(status): State<Arc<AtomicU16>>| async move { StatusCode::from_u16(status.load(Ordering::Relaxed)).unwrap_or_default() };
        let router = axum::Router::new().fallback(answer).with_state(Arc::clone(&status));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://127.0.0.1:{}/", listener.local_addr().unwrap().port());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        (url, status)
    }

    async fn webhook(test: &TestPlatform, owner: Option<&str>, url: &str) -> Webhook {
        let events = [EventKind::DeploymentReady.name().to_owned()];
        let webhook = Webhook::new(owner, url, &events, "webhook-secret".to_owned(), Networks::Any).unwrap();
        test.platform.store().unwrap().create_webhook(&webhook).await.unwrap();
        webhook
    }

    /// What is to be delivered of something that happens now.
    async fn happens(test: &TestPlatform, kind: EventKind, owner: Option<&str>) -> Vec<DeliveryId> {
        let event = Event { kind, deployment_id: Some(shared::id::new_id()), webhook_id: None, ..Event::test(owner, "") };
        test.platform.store().unwrap().add_event(&event).await.unwrap();
        let id = EventId { event_id: event.id };
        let published = publish_event::perform(&test.platform, id.clone()).await.unwrap();
        assert_eq!(published, publish_event::perform(&test.platform, id).await.unwrap());
        published.deliveries
    }

    async fn found(test: &TestPlatform, webhook: &Webhook) -> Webhook {
        test.platform.store().unwrap().webhook(webhook.owner.as_deref(), &webhook.id).await.unwrap().unwrap()
    }

    async fn attempts(test: &TestPlatform, webhook: &Webhook) -> Vec<Attempt> {
        let page = PageRequest { limit: 100, after: None };
        test.platform.store().unwrap().attempts(&webhook.id, &page).await.unwrap().items
    }

    #[tokio::test]
    async fn an_event_goes_to_those_who_asked_for_it_and_whose_it_is() {
        let test = TestPlatform::start_telling().await;
        let (url, _) = receiver().await;
        let (of_john, of_nobody) = (webhook(&test, Some("john"), &url).await, webhook(&test, None, &url).await);
        let ids = |deliveries: Vec<DeliveryId>| deliveries.into_iter().map(|delivery| delivery.webhook_id).collect::<Vec<_>>();
        assert_eq!(ids(happens(&test, EventKind::DeploymentReady, Some("john")).await), [of_john.id.as_str()]);
        assert_eq!(ids(happens(&test, EventKind::DeploymentReady, None).await), [of_nobody.id.as_str()]);
        assert!(happens(&test, EventKind::DeploymentReady, Some("jane")).await.is_empty());
        assert!(happens(&test, EventKind::DeploymentFailed, Some("john")).await.is_empty());
    }

    #[tokio::test]
    async fn it_is_tried_until_it_is_taken_and_each_attempt_is_recorded() {
        let test = TestPlatform::start_telling().await;
        let (url, status) = receiver().await;
        let webhook = webhook(&test, Some("john"), &url).await;
        let id = happens(&test, EventKind::DeploymentReady, Some("john")).await.remove(0);
        status.store(500, Ordering::Relaxed);
        let first = perform(&test.platform, id.clone()).await.unwrap();
        assert!(!first.done && (10..=11).contains(&first.wait_seconds), "{first:?}");
        status.store(302, Ordering::Relaxed);
        assert!((40..=44).contains(&perform(&test.platform, id.clone()).await.unwrap().wait_seconds));
        status.store(204, Ordering::Relaxed);
        assert!(perform(&test.platform, id.clone()).await.unwrap().done);
        assert!(perform(&test.platform, id.clone()).await.unwrap().done, "and not sent again");
        let attempts = attempts(&test, &webhook).await;
        let seen: Vec<_> = attempts.iter().map(|attempt| (attempt.attempt, attempt.status_code, attempt.succeeded)).collect();
        assert_eq!(seen, [(3, Some(204), true), (2, Some(302), false), (1, Some(500), false)]);
        assert!(attempts.iter().all(|attempt| attempt.delivery_id == id.delivery_id));
        assert_eq!(found(&test, &webhook).await.failed_deliveries, 0);
    }

    #[tokio::test]
    async fn a_receiver_that_fails_for_good_is_left_alone_until_a_test_reaches_it() {
        let test = TestPlatform::start_telling().await;
        let (url, status) = receiver().await;
        let webhook = webhook(&test, None, &url).await;
        status.store(503, Ordering::Relaxed);
        let waiting = happens(&test, EventKind::DeploymentReady, None).await.remove(0);
        for failed in 1..=FAILED_DELIVERIES {
            let id = happens(&test, EventKind::DeploymentReady, None).await.remove(0);
            for attempt in 1..=MOST_ATTEMPTS {
                assert_eq!(perform(&test.platform, id.clone()).await.unwrap().done, attempt == MOST_ATTEMPTS);
            }
            let now = found(&test, &webhook).await;
            assert_eq!((now.failed_deliveries, now.enabled), (failed, failed < FAILED_DELIVERIES));
        }
        assert!(happens(&test, EventKind::DeploymentReady, None).await.is_empty());
        let before = attempts(&test, &webhook).await.len();
        assert!(perform(&test.platform, waiting).await.unwrap().done, "what was on its way is dropped");
        assert_eq!(attempts(&test, &webhook).await.len(), before);

        for (answer, enabled) in [(500, false), (200, true)] {
            status.store(answer, Ordering::Relaxed);
            let event = Event::test(None, &webhook.id);
            test.platform.store().unwrap().add_event(&event).await.unwrap();
            let published = publish_event::perform(&test.platform, EventId { event_id: event.id }).await.unwrap();
            assert!(perform(&test.platform, published.deliveries[0].clone()).await.unwrap().done);
            assert_eq!(found(&test, &webhook).await.enabled, enabled);
        }
        assert_eq!(found(&test, &webhook).await.failed_deliveries, 0);
    }

    #[tokio::test]
    async fn one_that_is_gone_is_disabled_at_once_and_one_that_was_deleted_is_not_told() {
        let test = TestPlatform::start_telling().await;
        let (url, status) = receiver().await;
        let webhook = webhook(&test, None, &url).await;
        let (gone, deleted) = (
            happens(&test, EventKind::DeploymentReady, None).await.remove(0),
            happens(&test, EventKind::DeploymentReady, None).await.remove(0),
        );
        status.store(410, Ordering::Relaxed);
        assert!(perform(&test.platform, gone).await.unwrap().done);
        assert!(!found(&test, &webhook).await.enabled);
        assert!(test.platform.store().unwrap().delete_webhook(None, &webhook.id).await.unwrap());
        assert!(perform(&test.platform, deleted).await.unwrap().done);
        assert_eq!(attempts(&test, &webhook).await.len(), 1);
    }
    /// A receiver that keeps what it is sent.
    async fn keeper() -> (String, Arc<Mutex<Vec<(HeaderMap, String)>>>) {
        let kept = Arc::<Mutex<Vec<_>>>::default();
        let keep = |State(kept): State<Arc<Mutex<Vec<_>>>>, headers: HeaderMap, body: String| async move {
            kept.lock().unwrap().push((headers, body));
            "ok"
        };
        let router = axum::Router::new().fallback(keep).with_state(Arc::clone(&kept));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://127.0.0.1:{}/", listener.local_addr().unwrap().port());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        (url, kept)
    }

    /// What is to be delivered of an alert of the rule that the example names.
    async fn alerted(test: &TestPlatform, kind: EventKind) -> Vec<DeliveryId> {
        let event = Event::of_alert(kind, fixtures::notice());
        test.platform.store().unwrap().add_event(&event).await.unwrap();
        publish_event::perform(&test.platform, EventId { event_id: event.id }).await.unwrap().deliveries
    }

    #[tokio::test]
    async fn an_alert_goes_to_every_channel_of_its_rule_in_its_own_words() {
        let test = TestPlatform::start_telling().await;
        let (url, kept) = keeper().await;
        let owner = alert_rule_owner(&fixtures::notice().rule_id);
        let program = Webhook::channel(&owner, &url, "webhook-secret".to_owned(), Networks::Any).unwrap();
        let slack = Webhook::slack(&owner, &url, Networks::Any).unwrap();
        let of_another_rule = Webhook::slack(&alert_rule_owner("another"), &url, Networks::Any).unwrap();
        for channel in [&program, &slack, &of_another_rule] {
            test.platform.store().unwrap().create_webhook(channel).await.unwrap();
        }
        webhook(&test, None, &url).await;
        for id in alerted(&test, EventKind::AlertFired).await {
            assert!(perform(&test.platform, id).await.unwrap().done);
        }
        let mut kept = std::mem::take(&mut *kept.lock().unwrap());
        kept.sort_by_key(|(headers, _)| !headers.contains_key("webhook-signature"));
        let [(headers, signed), (unsigned, message)] = &kept[..] else { panic!("{kept:?}") };
        standardwebhooks::Webhook::from_bytes(b"webhook-secret".to_vec()).unwrap().verify(signed.as_bytes(), headers).unwrap();
        let signed: serde_json::Value = serde_json::from_str(signed).unwrap();
        assert_eq!((&signed["event"], &signed["data"]), (&"alert.fired".into(), &serde_json::to_value(fixtures::notice()).unwrap()));
        let message: serde_json::Value = serde_json::from_str(message).unwrap();
        assert_eq!(message["text"], "[critical] Slow answers: latency_p99 &gt; 500 ms (fraud-v2)");
        assert_eq!(unsigned["content-type"], "application/json");
    }

    #[tokio::test]
    async fn what_slack_refuses_is_not_sent_again() {
        let test = TestPlatform::start_telling().await;
        let (url, status) = receiver().await;
        let owner = alert_rule_owner(&fixtures::notice().rule_id);
        let slack = Webhook::slack(&owner, &url, Networks::Any).unwrap();
        test.platform.store().unwrap().create_webhook(&slack).await.unwrap();
        for (answer, done, enabled) in [(429, false, true), (404, true, true), (410, true, false)] {
            status.store(answer, Ordering::Relaxed);
            let id = alerted(&test, EventKind::AlertRepeated).await.remove(0);
            assert_eq!(perform(&test.platform, id).await.unwrap().done, done, "{answer}");
            assert_eq!(found(&test, &slack).await.enabled, enabled, "{answer}");
        }
        assert!(alerted(&test, EventKind::AlertResolved).await.is_empty());
        status.store(200, Ordering::Relaxed);
        let id = alerted(&test, EventKind::AlertTest).await.remove(0);
        assert!(perform(&test.platform, id).await.unwrap().done);
        assert!(found(&test, &slack).await.enabled);
        assert_eq!(alerted(&test, EventKind::AlertResolved).await.len(), 1);
    }
}
