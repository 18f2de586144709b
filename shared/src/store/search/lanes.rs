//! Several lists read as one, in the order of their sort keys.

use std::collections::VecDeque;

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use serde::de::DeserializeOwned;

use crate::Result;
use crate::store::Store;
use crate::store::query::Query;

/// How many lists are read at once.
const CONCURRENT_READS: usize = 16;

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
            self.refill(store).await?;
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

    /// Reads on in the lists of which nothing is left.
    async fn refill(&mut self, store: &Store) -> Result<()> {
        let mut reading = Vec::new();
        for (at, lane) in self.lanes.iter().enumerate().filter(|(_, lane)| lane.buffer.is_empty() && !lane.at_end) {
            reading.push(read::<T>(store, at, lane.query.clone(), lane.after.clone(), self.chunk));
        }
        let mut reading = stream::iter(reading).buffer_unordered(CONCURRENT_READS);
        while let Some((at, items)) = reading.try_next().await? {
            let lane = &mut self.lanes[at];
            lane.at_end = items.len() < self.chunk;
            lane.after = items.last().map(|(key, _)| key.clone()).or_else(|| lane.after.take());
            lane.buffer.extend(items);
        }
        Ok(())
    }
}

async fn read<T: DeserializeOwned>(
    store: &Store,
    at: usize,
    query: Query,
    after: Option<String>,
    chunk: usize,
) -> Result<(usize, Vec<(String, T)>)> {
    Ok((at, store.keyed(&query, after.as_deref(), chunk).await?))
}
