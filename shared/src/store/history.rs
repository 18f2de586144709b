//! The history of metrics: every value that was ever logged. What one request logs of a metric is one item, a segment, and
//! a request about very many metrics writes a few segments that hold several metrics each: so a request is one batch of
//! writes, however many values it brings.
//!
//! Segments of a metric may overlap in time, since writers do not wait for each other; reading merges them.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Store;
use super::keys::Key;
use super::query::Query;
use super::search::Lanes;
use super::write::NewItem;
use crate::domain::run::MetricPoint;
use crate::paging::{self, Page, PageRequest};
use crate::{Error, Result};

/// Up to how many metrics of one request have a segment each: as many as one batch of writes takes.
const METRICS_APART: usize = 25;

/// Over how many partitions the segments of several metrics are spread.
const SHARED_PARTITIONS: u8 = 16;

/// How large a segment may become, in bytes; an item holds 400 KB.
const LARGEST_SEGMENT: usize = 150_000;

/// How long a point is as [`MetricPoint::latest_order`] and [`MetricPoint::history_order`] write it.
const POINT: usize = 49;

/// How many segments are read at once.
const CHUNK: usize = 500;

/// What one request logged, or a part of it: by metric its points, each as [`MetricPoint::latest_order`], without anything
/// between them.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Segment {
    metrics: BTreeMap<String, String>,
}

/// Points that were read and wait until no earlier one can follow, by their order; with the segment of each.
type Waiting = BTreeMap<String, (MetricPoint, String)>;

fn own_partition(run_id: &str, metric: &str) -> String {
    format!("HISTORY#{run_id}#{metric}")
}

fn shared_partition(run_id: &str, metric: &str) -> String {
    let bucket = Sha256::digest(metric)[0] % SHARED_PARTITIONS;
    format!("SHARED_HISTORY#{run_id}#{bucket:02}")
}

/// The segments that hold points of metrics: one partition's, none larger than an item may be. `points` are in the order
/// of their history.
fn segments(points: Vec<(&str, MetricPoint)>) -> Vec<(String, Segment)> {
    let mut segments = Vec::new();
    let mut rest = points.into_iter().peekable();
    while let Some((_, first)) = rest.peek() {
        let first = first.history_order();
        let (mut segment, mut size) = (Segment::default(), 0);
        while let Some((metric, point)) = rest.next_if(|_| size < LARGEST_SEGMENT) {
            let held = segment.metrics.entry(metric.to_owned()).or_default();
            size += POINT + if held.is_empty() { metric.len() + 16 } else { 0 };
            held.push_str(&point.latest_order());
        }
        // The same request, sent again, writes the same item again.
        let hash = Sha256::digest(format!("{:?}", segment.metrics));
        segments.push((format!("{first}#{}", hex::encode(&hash[..8])), segment));
    }
    segments
}

impl Segment {
    /// The points of a metric.
    fn points(&self, metric: &str) -> Result<Vec<MetricPoint>> {
        let held = self.metrics.get(metric).map_or("", String::as_str);
        held.as_bytes()
            .chunks(POINT)
            .map(|point| {
                let point = std::str::from_utf8(point).ok().and_then(MetricPoint::from_latest_order);
                point.ok_or_else(|| Error::broken(format!("a segment of the history of {metric:?} holds what is no point")))
            })
            .collect()
    }
}

/// Where a page ended: the segment from which to read on, and the last point that was given.
fn position(after: &str) -> Option<(&str, &str)> {
    let (segment, point) = after.split_once(' ')?;
    (segment.len() > POINT && point.len() == POINT).then_some((segment, point))
}

impl Store {
    /// Keeps points of metrics. Doing it twice does no harm.
    pub(crate) async fn put_history(&self, run_id: &str, points: &[(String, MetricPoint)]) -> Result<()> {
        let names: BTreeSet<&str> = points.iter().map(|(metric, _)| metric.as_str()).collect();
        let partition = if names.len() <= METRICS_APART { own_partition } else { shared_partition };
        let mut by_partition: BTreeMap<String, BTreeMap<(String, &str), MetricPoint>> = BTreeMap::new();
        let partitions: BTreeMap<&str, String> = names.into_iter().map(|metric| (metric, partition(run_id, metric))).collect();
        for (metric, point) in points {
            let of_partition = by_partition.entry(partitions[metric.as_str()].clone()).or_default();
            of_partition.insert((point.history_order(), metric), *point);
        }
        let mut items = Vec::new();
        for (partition, points) in by_partition {
            let points = points.into_iter().map(|((_, metric), point)| (metric, point)).collect();
            for (sort, segment) in segments(points) {
                items.push(NewItem::new(&Key::new(partition.clone(), sort), &segment)?);
            }
        }
        self.put_all(items).await
    }

    /// A metric's values, by time, then step, then value.
    ///
    /// # Errors
    /// `BadRequest` when the page does not begin where one ended; `Internal` when DynamoDB does not answer.
    pub async fn metric_history(&self, run_id: &str, metric: &str, page: &PageRequest) -> Result<Page<MetricPoint>> {
        let mut items = Vec::new();
        if run_id.is_empty() || run_id.len() > 256 || metric.is_empty() || metric.len() > 1500 {
            return Ok(Page { items, next_page_token: None });
        }
        let (start, given) = match &page.after {
            None => (None, ""),
            Some(after) => {
                let invalid = || Error::bad_request("Invalid page token: it is not one that this metric's history returned.");
                let (segment, given) = position(after).ok_or_else(invalid)?;
                // Reading begins behind a key: behind a beginning of the segment's own key is where the segment is.
                let before = segment.get(..segment.len() - 1).ok_or_else(invalid)?;
                (Some(before), given)
            }
        };
        let lists = vec![Query::table(own_partition(run_id, metric)), Query::table(shared_partition(run_id, metric))];
        let mut lanes = Lanes::<Segment>::new(lists, false, start, CHUNK.min(page.limit as usize + 1));
        let mut waiting = Waiting::new();
        loop {
            let segments = lanes.next(self).await?;
            let at_end = segments.is_empty();
            for (key, segment) in segments {
                // What follows begins with this segment's first point.
                if let Some(token) = give(&mut items, &mut waiting, key.get(..POINT), page.limit) {
                    return Ok(Page { items, next_page_token: Some(token) });
                }
                for point in segment.points(metric)? {
                    let order = point.history_order();
                    if order.as_str() > given {
                        waiting.entry(order).or_insert_with(|| (point, key.clone()));
                    }
                }
            }
            if at_end {
                let next_page_token = give(&mut items, &mut waiting, None, page.limit);
                return Ok(Page { items, next_page_token });
            }
        }
    }
}

/// Moves what waits before the bound into the page; the token of the next page when this one has no room for it.
fn give(items: &mut Vec<MetricPoint>, waiting: &mut Waiting, before: Option<&str>, limit: u32) -> Option<String> {
    while let Some(entry) = waiting.first_entry().filter(|entry| before.is_none_or(|bound| entry.key().as_str() < bound)) {
        if items.len() >= limit as usize {
            let segment = waiting.values().map(|(_, segment)| segment).min()?;
            return Some(paging::encode(&format!("{segment} {}", items.last()?.history_order())));
        }
        items.push(entry.remove().0);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_gives_its_points_back() {
        let points: Vec<MetricPoint> = (0..3).map(|step| MetricPoint { step, timestamp: -step, value: f64::NAN }).collect();
        let mut found = segments(points.iter().map(|point| ("é", *point)).collect());
        let (sort, segment) = found.pop().expect("there are points");
        assert!(found.is_empty() && sort.starts_with(&points[0].history_order()));
        assert_eq!(points[0].history_order().len(), POINT);
        let read = segment.points("é").expect("it wrote them");
        assert_eq!(read.iter().map(|point| point.step).collect::<Vec<_>>(), [0, 1, 2]);
        assert!(segment.points("other").expect("it has none").is_empty());
    }

    #[test]
    fn segments_stay_small() {
        let names: Vec<String> = (0..1000).map(|at| format!("{}{at}", "x".repeat(1000))).collect();
        let point = MetricPoint { step: 0, timestamp: 0, value: 0.0 };
        let found = segments(names.iter().map(|name| (name.as_str(), point)).collect());
        assert!(found.len() > 5 && found.iter().all(|(_, segment)| segment.metrics.len() < 200));
        assert_eq!(found.iter().map(|(_, segment)| segment.metrics.len()).sum::<usize>(), 1000);
    }
}
