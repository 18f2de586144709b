//! One attempt at a delivery: sends it, records how that went, and says when to try again.

use std::time::Instant;

use serde::{Deserialize, Serialize};
use shared::domain::network::Networks;
use shared::domain::webhook::{Attempt, Delivery, DeliveryState, Webhook, pause_after};
use shared::{Platform, Result, Timestamp, config};

use super::publish_event::DeliveryId;
use crate::webhooks::send::{self, Answer, Message, PATIENCE};

/// A receiver that answers with this is gone for good.
const GONE: u16 = 410;

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
    let (attempt, gone) = attempt(platform, &webhook, &delivery).await?;
    let state = if attempt.succeeded {
        DeliveryState::Succeeded
    } else if gone || attempt.attempt >= delivery.most_attempts() {
        DeliveryState::Failed
    } else {
        DeliveryState::Pending
    };
    store.record_attempt(&webhook, &delivery, &attempt, state, gone).await?;
    if state != DeliveryState::Pending {
        return Ok(done(id));
    }
    let first = u64::try_from(platform.config.number(config::WEBHOOK_RETRY_SECONDS)?).unwrap_or(1);
    Ok(Attempted { delivery: id, done: false, wait_seconds: pause_after(attempt.attempt, first) })
}

async fn attempt(platform: &Platform, webhook: &Webhook, delivery: &Delivery) -> Result<(Attempt, bool)> {
    let began = Instant::now();
    let message = Message { url: &webhook.url, secret: &webhook.secret, delivery_id: &delivery.id, body: &delivery.body };
    let Answer { status, error } = send::send(message, Networks::from_config(platform.config)?, PATIENCE).await?;
    let attempt = Attempt {
        id: shared::id::new_id(),
        delivery_id: delivery.id.clone(),
        event: delivery.event,
        attempt: delivery.attempts + 1,
        status_code: status,
        succeeded: error.is_none(),
        error,
        delivered_at: Timestamp::now(),
        duration_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
    };
    tracing::info!(webhook_id = webhook.id, delivery_id = delivery.id, attempt = attempt.attempt, status, "a webhook was sent");
    Ok((attempt, status == Some(GONE)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU16, Ordering};

    use axum::extract::State;
    use axum::http::StatusCode;
    use shared::domain::event::{Event, EventKind};
    use shared::domain::webhook::{FAILED_DELIVERIES, MOST_ATTEMPTS};
    use shared::paging::PageRequest;
    use testing::TestPlatform;

    use super::super::publish_event::{self, EventId};
    use super::*;

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
        status.store(GONE, Ordering::Relaxed);
        assert!(perform(&test.platform, gone).await.unwrap().done);
        assert!(!found(&test, &webhook).await.enabled);
        assert!(test.platform.store().unwrap().delete_webhook(None, &webhook.id).await.unwrap());
        assert!(perform(&test.platform, deleted).await.unwrap().done);
        assert_eq!(attempts(&test, &webhook).await.len(), 1);
    }
}
