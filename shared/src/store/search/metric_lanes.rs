//! The runs of experiments in the order of a metric, from the lists that have them from the least value to the greatest.
//! Among equal values the newest run comes first in either direction, as in MLflow's order.

use std::cmp::Ordering;
use std::collections::VecDeque;

use super::lanes::Lanes;
use crate::Result;
use crate::store::Store;
use crate::store::query::Query;
use crate::store::run_metrics::{MetricEntry, metric_list};

/// What follows a value's own separator in text order: with it, a value's text is behind all entries of the value.
const BEHIND: char = '$';

/// The part of an entry's sort key that its value makes.
pub fn value_of(key: &str) -> &str {
    key.split_once('#').map_or(key, |(value, _)| value)
}

/// Runs by a metric, some at a time.
pub enum MetricLanes {
    /// From the least value.
    Rising(Lanes<MetricEntry>),
    /// From the greatest value.
    Falling {
        /// One for each experiment.
        lanes: Vec<FallingLane>,
        /// How many entries are read at once.
        chunk: usize,
    },
}

/// A list read from its end, but for the entries of one value, which come in its own order.
pub struct FallingLane {
    query: Query,
    next: Next,
    buffer: VecDeque<(String, MetricEntry)>,
}

/// Where a list is read next.
enum Next {
    /// Below a bound; from the end where there is none.
    Below(Option<String>),
    /// Among the entries of this value, behind a key.
    Within(String, Option<String>),
    /// Nowhere.
    End,
}

/// Where reading begins.
pub enum Start {
    /// At the first value.
    First,
    /// At this value, as [`crate::store::run_metrics::value_order`] writes it.
    At(String),
    /// Behind this entry's sort key.
    Behind(String),
}

impl MetricLanes {
    /// The lists of a metric in these experiments; where `value` is NaN, those of the runs whose latest value is.
    pub fn new(experiment_ids: &[String], metric: &str, value: f64, ascending: bool, start: &Start, chunk: usize) -> Self {
        let queries = experiment_ids.iter().map(|id| Query::table(metric_list(id, metric, value)));
        if ascending {
            let after = match start {
                Start::First => None,
                Start::At(key) | Start::Behind(key) => Some(key.as_str()),
            };
            return Self::Rising(Lanes::new(queries.collect(), false, after, chunk));
        }
        let next = || match start {
            Start::First => Next::Below(None),
            Start::At(value) => Next::Below(Some(format!("{value}{BEHIND}"))),
            Start::Behind(key) => Next::Within(value_of(key).to_owned(), Some(key.clone())),
        };
        let lanes = queries.map(|query| FallingLane { query, next: next(), buffer: VecDeque::new() }).collect();
        Self::Falling { lanes, chunk }
    }

    /// The next entries in order with their sort keys; none at the end.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn next(&mut self, store: &Store) -> Result<Vec<(String, MetricEntry)>> {
        let (lanes, chunk) = match self {
            Self::Rising(lanes) => return lanes.next(store).await,
            Self::Falling { lanes, chunk } => (lanes, *chunk),
        };
        let mut taken = Vec::new();
        while taken.len() < chunk {
            for lane in lanes.iter_mut() {
                lane.fill(store, chunk).await?;
            }
            let filled = lanes.iter_mut().filter_map(|lane| lane.buffer.front().map(|(key, _)| key.clone()).map(|key| (key, lane)));
            let Some((_, lane)) = filled.min_by(|(one, _), (other, _)| falling(one, other)) else { break };
            taken.extend(lane.buffer.pop_front());
        }
        Ok(taken)
    }
}

/// The greater value first; of equal values as the keys say.
fn falling(one: &str, other: &str) -> Ordering {
    value_of(other).cmp(value_of(one)).then_with(|| one.cmp(other))
}

impl FallingLane {
    /// Reads until there is an entry to take, or none is left.
    async fn fill(&mut self, store: &Store, chunk: usize) -> Result<()> {
        while self.buffer.is_empty() {
            self.next = match &self.next {
                Next::End => return Ok(()),
                Next::Within(value, after) => {
                    let query = self.query.clone().prefix(format!("{value}#"));
                    let entries = store.keyed::<MetricEntry>(&query, after.as_deref(), chunk).await?;
                    let last = entries.last().filter(|_| entries.len() == chunk).map(|(key, _)| key.clone());
                    self.buffer.extend(entries);
                    match last {
                        Some(last) => Next::Within(value.clone(), Some(last)),
                        None => Next::Below(Some(format!("{value}#"))),
                    }
                }
                Next::Below(bound) => {
                    let query = self.query.clone().newest_first();
                    let mut entries = store.keyed::<MetricEntry>(&query, bound.as_deref(), chunk).await?;
                    match entries.last().filter(|_| entries.len() == chunk).map(|(key, _)| value_of(key).to_owned()) {
                        None => {
                            entries.sort_by(|(one, _), (other, _)| falling(one, other));
                            self.buffer.extend(entries);
                            Next::End
                        }
                        // More entries of the last value may follow, and they come before those that were read.
                        Some(last) => {
                            entries.retain(|(key, _)| value_of(key) != last);
                            if entries.is_empty() {
                                Next::Within(last, None)
                            } else {
                                entries.sort_by(|(one, _), (other, _)| falling(one, other));
                                self.buffer.extend(entries);
                                Next::Below(Some(format!("{last}{BEHIND}")))
                            }
                        }
                    }
                }
            };
        }
        Ok(())
    }
}
