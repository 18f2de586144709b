//! Monitoring snapshots of models in the table, in the order of their time.

use super::Store;
use super::keys::Key;
use super::query::Query;
use super::recipes::by_time;
use super::update::Update;
use super::write::{NewItem, Write};
use crate::domain::development::monitoring::MonitoringSnapshot;
use crate::http::fields::Window;
use crate::paging::PageRequest;
use crate::{Result, Timestamp};

fn partition(model_id: &str) -> String {
    format!("MONITORING#{model_id}")
}

fn total_key(model_id: &str) -> Key {
    Key::new(partition(model_id), "TOTAL")
}

impl Store {
    /// Keeps a snapshot that was taken by hand.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn add_snapshot(&self, snapshot: &MonitoringSnapshot) -> Result<()> {
        self.put_snapshot(snapshot, snapshot.captured_at).await
    }

    /// Keeps the snapshot that the platform takes of the period that begins at `begin`, in place of an earlier one of the same
    /// period: two that are taken at once leave one.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn put_snapshot(&self, snapshot: &MonitoringSnapshot, begin: Timestamp) -> Result<()> {
        let key = Key::new(partition(&snapshot.model_id), format!("SNAPSHOT#{}", by_time(begin, &snapshot.id)));
        let counted = Update::new(total_key(&snapshot.model_id)).add("total", 1)?;
        let first = vec![Write::Put(NewItem::new(&key, snapshot)?.if_absent()), Write::Update(counted)];
        if !self.transact(first).await?.is_done() {
            self.put(NewItem::new(&key, snapshot)?).await?;
        }
        Ok(())
    }

    /// The snapshots of a model, the newest first, and how many there are.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn snapshots(&self, model_id: &str, window: Window) -> Result<(Vec<MonitoringSnapshot>, u64)> {
        let request = PageRequest { limit: u32::try_from(window.offset + window.limit).unwrap_or(u32::MAX), after: None };
        let query = Query::table(partition(model_id)).prefix("SNAPSHOT#").newest_first();
        let (page, total) = futures::try_join!(self.page(&query, &request), self.count_of(total_key(model_id)))?;
        Ok((page.items.into_iter().skip(window.offset).collect(), total))
    }
}
