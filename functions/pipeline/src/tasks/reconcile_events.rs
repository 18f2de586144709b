//! Brings events and the executions that deliver them together, on a schedule: an event whose execution was never started is
//! told of after all, and one whose execution broke off is taken up again.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use shared::domain::event::Event;
use shared::paging::PageRequest;
use shared::state_machines::Execution;
use shared::{Platform, Result, Timestamp};

/// An event younger than this, in seconds, is left alone: who wrote it is about to start its execution.
const YOUNG: f64 = 60.0;
const PAGE_SIZE: u32 = 100;
/// So many pages are read at the most; Step Functions answers some fifteen questions a second for long.
const MOST_PAGES: usize = 3;
/// An execution that broke off is begun anew so often.
const MOST_RESTARTS: u32 = 5;

/// What was done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reconciled {
    /// Open events that were looked at.
    pub looked_at: u32,
    /// Executions that were started.
    pub started: u32,
    /// Events that were given up.
    pub given_up: u32,
    /// Events that could not be looked at; the next run tries again.
    pub troubled: u32,
}

/// Starts the executions that are missing or broke off.
///
/// # Errors
/// `Internal` when the open events cannot be listed.
pub async fn perform(platform: &Platform, _schedule: Value) -> Result<Reconciled> {
    let mut done = Reconciled::default();
    let mut page = PageRequest { limit: PAGE_SIZE, after: None };
    for _ in 0..MOST_PAGES {
        let events = platform.store()?.open_events(&page).await?;
        let now = Timestamp::now();
        for event in events.items.iter().filter(|event| now.seconds_since(event.timestamp) >= YOUNG) {
            done.looked_at += 1;
            match reconcile(platform, event).await {
                Ok(Step::Nothing) => {}
                Ok(Step::Started) => done.started += 1,
                Ok(Step::GivenUp) => done.given_up += 1,
                Err(error) => {
                    tracing::error!(%error, event_id = event.id, "the event cannot be reconciled with its execution");
                    done.troubled += 1;
                }
            }
        }
        let Some(token) = events.next_page_token else { return Ok(done) };
        page = PageRequest::new(PAGE_SIZE, PAGE_SIZE, Some(&token))?;
    }
    Ok(done)
}

enum Step {
    Nothing,
    Started,
    GivenUp,
}

async fn reconcile(platform: &Platform, listed: &Event) -> Result<Step> {
    let (store, machines) = (platform.store()?, platform.state_machines());
    // The list is a little behind.
    let Some(event) = store.event(&listed.id).await? else { return Ok(Step::Nothing) };
    match machines.delivery(&event).await? {
        Execution::Running => Ok(Step::Nothing),
        Execution::Missing => {
            machines.deliver(&event).await?;
            tracing::info!(event_id = event.id, "started a delivery that was missing");
            Ok(Step::Started)
        }
        // It may have ended well between the two questions, and with it the event.
        Execution::Ended { .. } if store.event(&event.id).await?.is_none() => Ok(Step::Nothing),
        Execution::Ended { status, cause } if event.restarts >= MOST_RESTARTS => {
            tracing::error!(event_id = event.id, status, cause, "an event is given up: its delivery broke off too often");
            store.close_event(&event.id).await?;
            Ok(Step::GivenUp)
        }
        Execution::Ended { status, cause } => {
            tracing::warn!(event_id = event.id, status, cause, "the delivery of an event broke off and is begun anew");
            let Some(event) = store.restart_event(&event).await? else { return Ok(Step::Nothing) };
            machines.deliver(&event).await?;
            Ok(Step::Started)
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use testing::TestPlatform;

    use super::*;

    #[tokio::test]
    async fn an_event_whose_delivery_broke_off_is_taken_up_again_and_a_young_one_left_alone() {
        let test = TestPlatform::start_telling().await;
        let store = test.platform.store().unwrap();
        let old = Event { timestamp: Timestamp::now().plus_seconds(-61), ..Event::test(None, "w") };
        store.add_event(&old).await.unwrap();
        store.add_event(&Event::test(None, "w")).await.unwrap();
        // The executions of the tests' AWS have all failed.
        let done = perform(&test.platform, Value::Null).await.unwrap();
        assert_eq!(done, Reconciled { looked_at: 1, started: 1, given_up: 0, troubled: 0 });
        let calls = test.calls();
        let started = calls.iter().find(|call| call.operation == "StartExecution").unwrap();
        assert_eq!(started.body["name"], format!("{}-1", old.id));
        for _ in 1..MOST_RESTARTS {
            assert_eq!(perform(&test.platform, Value::Null).await.unwrap().started, 1);
        }
        assert_eq!(perform(&test.platform, Value::Null).await.unwrap().given_up, 1);
        assert!(store.event(&old.id).await.unwrap().is_none());
    }
}
