//! Several lists read as one, in the order of their sort keys.

use std::collections::VecDeque;

use serde::de::DeserializeOwned;

use crate::Result;
use crate::store::Store;
use crate::store::query::Query;

/// A list with what is read of it and not yet taken.
struct Lane<T> {
    query: Query,
    after: Option<String>,
    buffer: VecDeque<(String, T)>,
    at_end: bool,
}

/// Lists that are merged as they are read.
pub struct Lanes<T> {
    lanes: Vec<Lane<T>>,
    falling: bool,
    chunk: usize,
}

impl<T: DeserializeOwned> Lanes<T> {
    /// The lists of these queries, which all read in the same direction, behind the sort key given. `chunk` items are read
    /// at once.
    pub fn new(queries: Vec<Query>, falling: bool, after: Option<&str>, chunk: usize) -> Self {
        let lane = |query| Lane { query, after: after.map(str::to_owned), buffer: VecDeque::new(), at_end: false };
        Self { lanes: queries.into_iter().map(lane).collect(), falling, chunk }
    }

    /// The next items in order with their sort keys, at most as many as are read at once; none at the end.
    pub async fn next(&mut self, store: &Store) -> Result<Vec<(String, T)>> {
        let mut taken = Vec::new();
        while taken.len() < self.chunk {
            // A list whose buffer is empty could hold the next item, so it is read before one is taken.
            for lane in self.lanes.iter_mut().filter(|lane| lane.buffer.is_empty() && !lane.at_end) {
                let items = store.keyed::<T>(&lane.query, lane.after.as_deref(), self.chunk).await?;
                lane.at_end = items.len() < self.chunk;
                lane.after = items.last().map(|(key, _)| key.clone()).or_else(|| lane.after.take());
                lane.buffer.extend(items);
            }
            let falling = self.falling;
            let next = self.lanes.iter_mut().filter(|lane| !lane.buffer.is_empty()).min_by(|one, other| {
                let order = one.buffer.front().map(|(key, _)| key).cmp(&other.buffer.front().map(|(key, _)| key));
                if falling { order.reverse() } else { order }
            });
            let Some(item) = next.and_then(|lane| lane.buffer.pop_front()) else { break };
            taken.push(item);
        }
        Ok(taken)
    }
}
