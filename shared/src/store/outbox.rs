//! The outbox: events, written in the same transaction as what they tell of, and kept until every webhook that asked for
//! them was told.

use super::Store;
use super::keys::{Index, Key};
use super::query::Query;
use super::update::Update;
use super::write::{NewItem, Outcome, Write};
use crate::domain::event::Event;
use crate::paging::{Page, PageRequest};
use crate::{Result, Timestamp};

const OPEN_EVENTS: &str = "OPEN_EVENTS";
const PREFIX: &str = "OUTBOX#";
/// For how long it is known that a minute's failed predictions were told of, in seconds.
const TOLD_SECONDS: i64 = 86_400;

fn key(id: &str) -> Key {
    Key::new(format!("{PREFIX}{id}"), "OUTBOX")
}

/// The event of a key, where it is one's.
pub(crate) fn event_of(partition: &str) -> Option<&str> {
    partition.strip_prefix(PREFIX)
}

/// The write that puts an event into the outbox, for the transaction of what it tells of.
///
/// # Errors
/// `Internal` when the event cannot be written as an item.
pub(crate) fn event_write(event: &Event) -> Result<Write> {
    Ok(Write::Put(NewItem::new(&key(&event.id), event)?.listed(Index::Second, OPEN_EVENTS, &event.id).if_absent()))
}

impl Store {
    /// Puts an event into the outbox that goes with no other change.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn add_event(&self, event: &Event) -> Result<()> {
        self.transact(vec![event_write(event)?]).await.map(drop)
    }

    /// Puts an event about failed predictions of a minute into the outbox, unless that minute was told of before.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn add_event_of_minute(&self, event: &Event, deployment_id: &str, minute: i64) -> Result<bool> {
        #[derive(serde::Serialize)]
        struct Told {
            expires_at: i64,
        }
        let told =
            Key::new(format!("DEPLOYMENT#{deployment_id}"), format!("TOLD#{:.16}", Timestamp::from_milliseconds(minute).to_string()));
        let told = NewItem::new(&told, &Told { expires_at: Timestamp::now().seconds() + TOLD_SECONDS })?.if_absent();
        Ok(self.transact(vec![Write::Put(told), event_write(event)?]).await?.is_done())
    }

    /// An event that is not told of everywhere yet.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn event(&self, id: &str) -> Result<Option<Event>> {
        self.get(&key(id)).await
    }

    /// Events that are not told of everywhere yet, the oldest first.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn open_events(&self, page: &PageRequest) -> Result<Page<Event>> {
        self.page(&Query::index(Index::Second, OPEN_EVENTS), page).await
    }

    /// Notes that an event's delivery begins anew; `None` when the event is not there any more, or somebody else noted it.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn restart_event(&self, event: &Event) -> Result<Option<Event>> {
        let update = Update::new(key(&event.id)).if_exists().if_compares("restarts", "=", &event.restarts)?.add("restarts", 1)?;
        match self.update::<Event>(update).await? {
            Outcome::Done(event) => Ok(Some(event)),
            Outcome::Refused(_) => Ok(None),
        }
    }

    /// Takes an event that is told of everywhere out of the outbox; it being gone is no error.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn close_event(&self, id: &str) -> Result<()> {
        self.delete(&key(id)).await
    }

    /// The ids of the events that this store wrote since it was last asked: what is to be told of now.
    pub fn take_written_events(&self) -> Vec<String> {
        self.written_events.lock().map(|mut written| std::mem::take(&mut *written)).unwrap_or_default()
    }

    /// Remembers the events among the partitions that were written.
    pub(crate) fn note_written<'a>(&self, partitions: impl Iterator<Item = &'a str>) {
        let events: Vec<String> = partitions.filter_map(event_of).map(str::to_owned).collect();
        if !events.is_empty()
            && let Ok(mut written) = self.written_events.lock()
        {
            written.extend(events);
        }
    }
}
