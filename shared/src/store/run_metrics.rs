//! The latest values of runs' metrics, in two places: with the run, as far as its item has room, the rest beside it; and in
//! a list for each metric of an experiment, by which runs are found in the order of the metric.
//!
//! A few metrics change together with their entries, in one transaction. Of many, the entries are written before the run takes
//! the values, and those of the values before are removed behind it. So what the run says is in the list, whenever a
//! writer stops; an entry that the run does not say leads nowhere, and readers pass it over.

use std::collections::{BTreeMap, BTreeSet};

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Store;
use super::keys::{Key, sortable};
use super::query::Query;
use super::runs::{ATTEMPTS, RunItem, busy, check_is_active, key, newest_first_order, no_run, partition};
use super::update::Update;
use super::write::{NewItem, Updated, Write, back_off};
use crate::Result;
use crate::domain::lifecycle::LifecycleStage;
use crate::domain::run::{MetricPoint, ordered_number};

/// How many metrics a run's own item holds.
pub(super) const INLINE_METRICS: usize = 200;

/// Over how many items the rest is spread.
const GROUPS: u8 = 16;

/// How many writes of one request are under way at once.
const CONCURRENT_WRITES: usize = 8;

/// Latest values that the run's own item has no room for.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct MetricGroup {
    /// Counts the writes, as text: two that began with the same state exclude each other.
    revision: String,
    /// Each metric's latest point as [`MetricPoint::latest_order`].
    metrics: BTreeMap<String, String>,
}

/// A run in the list of a metric.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct MetricEntry {
    /// The run.
    pub(crate) run_id: String,
    /// The latest point as [`MetricPoint::latest_order`].
    latest: String,
}

/// An entry to be removed, unless another point of the same value has taken its place.
type Superseded = (Key, String);

/// Where runs of an experiment are listed by the latest value of a metric, from the least to the greatest; those of one
/// value with the newest first. NaN, which compares to no number, has a list of its own.
pub(crate) fn metric_list(experiment_id: &str, metric: &str, value: f64) -> String {
    format!("EXPERIMENT#{experiment_id}#{}#{metric}", if value.is_nan() { "METRIC_NAN" } else { "METRIC" })
}

/// The part of an entry's sort key that the value makes: text that orders as the numbers do. -0 and 0 are the same number.
pub(crate) fn value_order(value: f64) -> String {
    format!("{:016x}", ordered_number(if value == 0.0 || value.is_nan() { 0.0 } else { value }))
}

fn group_key(run_id: &str, group: u8) -> Key {
    Key::new(partition(run_id), format!("METRICS#{group:02}"))
}

fn group_of(metric: &str) -> u8 {
    Sha256::digest(metric)[0] % GROUPS
}

fn entry_key(run: &RunItem, metric: &str, order: &str) -> Key {
    let value = MetricPoint::from_latest_order(order).map_or(0.0, |point| point.value);
    let list = metric_list(&run.experiment_id, metric, value);
    Key::new(list, format!("{}#{}", value_order(value), newest_first_order(run.start_time, &run.id)))
}

fn entry(run: &RunItem, metric: &str, order: &str) -> Result<NewItem> {
    NewItem::new(&entry_key(run, metric, order), &MetricEntry { run_id: run.id.clone(), latest: order.to_owned() })
}

/// The writes by which a run's entry in a metric's list follows the metric from one latest value to the next.
pub(super) fn entry_writes(run: &RunItem, metric: &str, held: &str, next: &str) -> Result<Vec<Write>> {
    let mut writes = vec![Write::Put(entry(run, metric, next)?)];
    let old = entry_key(run, metric, held);
    if old != entry_key(run, metric, next) {
        writes.push(Write::Delete(old));
    }
    Ok(writes)
}

/// The latest of each metric's points, as [`MetricPoint::latest_order`].
pub(super) fn latest_of(metrics: &[(String, MetricPoint)]) -> BTreeMap<String, String> {
    let mut latest: BTreeMap<String, String> = BTreeMap::new();
    for (metric, value) in metrics {
        let order = value.latest_order();
        let known = latest.entry(metric.clone()).or_default();
        if order > *known {
            *known = order;
        }
    }
    latest
}

/// What taking new latest values into held ones changed.
#[derive(Debug, Default)]
struct Taken {
    /// The entries that lead nowhere from then on.
    superseded: Vec<Superseded>,
    /// The metrics that had another value before.
    replaced: BTreeMap<String, String>,
}

impl Taken {
    /// Takes new latest values into held ones.
    fn take(&mut self, run: &RunItem, held: &mut BTreeMap<String, String>, latest: &BTreeMap<String, String>) {
        for (metric, order) in latest {
            match held.get_mut(metric) {
                // Written by this request for nothing: a later value was there.
                Some(known) if *known >= *order => self.supersede(run, metric, order, known),
                Some(known) => {
                    self.supersede(run, metric, known, order);
                    self.replaced.insert(metric.clone(), order.clone());
                    known.clone_from(order);
                }
                None => {
                    held.insert(metric.clone(), order.clone());
                }
            }
        }
    }

    fn supersede(&mut self, run: &RunItem, metric: &str, old: &str, next: &str) {
        let key = entry_key(run, metric, old);
        if key != entry_key(run, metric, next) {
            self.superseded.push((key, old.to_owned()));
        }
    }
}

impl Store {
    /// The latest values that lie beside a run.
    pub(super) async fn metrics_beside(&self, run_id: &str) -> Result<BTreeMap<String, String>> {
        let groups: Vec<MetricGroup> = self.all(&Query::table(partition(run_id)).prefix("METRICS#")).await?;
        Ok(groups.into_iter().flat_map(|group| group.metrics).collect())
    }

    /// Lists a run under values of metrics.
    pub(super) async fn put_metric_entries<'a>(
        &self,
        run: &RunItem,
        values: impl IntoIterator<Item = (&'a String, &'a String)>,
    ) -> Result<()> {
        let entries = values.into_iter().map(|(metric, order)| entry(run, metric, order));
        self.put_all(entries.collect::<Result<_>>()?).await
    }

    /// Brings the lists up to what a run took.
    async fn follow(&self, run: &RunItem, taken: Taken) -> Result<()> {
        // Whoever wrote a value in between may have removed the entry of an equal one that came before it.
        self.put_metric_entries(run, &taken.replaced).await?;
        let removals = taken.superseded.into_iter().map(|(key, latest)| self.delete_where(key, "latest", latest));
        stream::iter(removals).buffer_unordered(CONCURRENT_WRITES).try_collect().await
    }

    /// Makes values a run's latest ones where they are; each only moves forward. Those of metrics that the run did not have
    /// are listed already.
    pub(super) async fn set_latest_metrics(&self, run: RunItem, latest: BTreeMap<String, String>) -> Result<()> {
        let run_id = run.id.clone();
        let newer = latest.iter().filter(|(metric, order)| run.metrics.get(*metric).is_some_and(|held| held < *order));
        self.put_metric_entries(&run, newer).await?;
        let mut held = run;
        for attempt in 0..ATTEMPTS {
            let room = INLINE_METRICS.saturating_sub(held.metrics.len());
            let unknown: BTreeSet<&String> = latest.keys().filter(|metric| !held.metrics.contains_key(*metric)).skip(room).collect();
            let (beside, inline): (BTreeMap<_, _>, BTreeMap<_, _>) =
                latest.clone().into_iter().partition(|(metric, _)| unknown.contains(metric));
            let mut metrics = held.metrics.clone();
            let mut taken = Taken::default();
            taken.take(&held, &mut metrics, &inline);
            let more_metrics = held.more_metrics || !beside.is_empty();
            if metrics != held.metrics || more_metrics != held.more_metrics {
                let update = Update::new(key(&run_id))
                    .if_exists()
                    .if_compares("lifecycle_stage", "=", &LifecycleStage::Active)?
                    .if_compares("metrics", "=", &held.metrics)?
                    .set("metrics", &metrics)?
                    .set("more_metrics", &more_metrics)?;
                match self.update_or_current::<RunItem>(update).await? {
                    Updated::Done(item) => held = item,
                    Updated::Refused(None) => return Err(no_run(&run_id)),
                    Updated::Refused(Some(item)) => {
                        check_is_active(&item)?;
                        held = item;
                        back_off(attempt.min(3)).await;
                        continue;
                    }
                }
            }
            self.follow(&held, taken).await?;
            return self.set_metrics_beside(&held, beside).await;
        }
        Err(busy(&run_id))
    }

    async fn set_metrics_beside(&self, run: &RunItem, latest: BTreeMap<String, String>) -> Result<()> {
        if latest.is_empty() {
            return Ok(());
        }
        let mut by_group: BTreeMap<u8, BTreeMap<String, String>> = BTreeMap::new();
        for (metric, order) in latest {
            by_group.entry(group_of(&metric)).or_default().insert(metric, order);
        }
        for attempt in 0..ATTEMPTS {
            let keys = by_group.keys().map(|group| group_key(&run.id, *group)).collect();
            let mut found = self.get_all::<MetricGroup>(keys).await?;
            let (mut writes, mut taken) = (Vec::new(), Taken::default());
            for (group, latest) in &by_group {
                let key = group_key(&run.id, *group);
                let mut held = found.remove(&key).unwrap_or_default();
                taken.take(run, &mut held.metrics, latest);
                held.revision = sortable(held.revision.parse::<u64>().unwrap_or_default() + 1);
                writes.push(Write::Put(NewItem::new(&key, &held)?.if_absent_or_less("revision", &held.revision)));
            }
            if self.transact(writes).await?.is_done() {
                return self.follow(run, taken).await;
            }
            back_off(attempt.min(3)).await;
        }
        Err(busy(&run.id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_orders_by_value() {
        let rising = [f64::NEG_INFINITY, -2.5, -0.0, 1e-300, 3.0, f64::INFINITY];
        let orders: Vec<String> = rising.into_iter().map(value_order).collect();
        assert!(orders.is_sorted() && value_order(-0.0) == value_order(0.0));
    }

    #[test]
    fn latest_is_the_highest_step_then_time_then_value() {
        let point = |step, timestamp, value| ("m".to_owned(), MetricPoint { step, timestamp, value });
        let latest = latest_of(&[point(1, 5, 0.0), point(2, 1, 7.0), point(2, 1, 8.0), point(0, 9, 9.0)]);
        assert_eq!(latest["m"], MetricPoint { step: 2, timestamp: 1, value: 8.0 }.latest_order());
    }
}
