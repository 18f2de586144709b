//! What a deployment's predictions add up to: counts and latencies by minute, hour and day, made of the lines that deployed
//! models log.

use std::collections::{BTreeMap, BTreeSet};

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::audience::is_caller;
use super::inference_log::InferenceLog;
use crate::{Error, Result, Timestamp};

const SECOND: i64 = 1000;
const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// Latencies are told apart to two significant digits, so a quantile is off by at most one percent.
const SIGNIFICANT_DIGITS: u8 = 2;
/// No latency is counted as longer, in microseconds: an hour.
const LONGEST_LATENCY: u64 = 3_600_000_000;
/// The oldest line that is counted under its own time, in milliseconds before now: as long as counters are kept by hour.
const OLDEST: i64 = 7 * DAY;
/// How far the clock of a model's machine may be ahead, in milliseconds.
const AHEAD: i64 = 5 * MINUTE;

/// So many distinct latencies of one hour go into one part: each is a clause of the update, whose text DynamoDB bounds.
const MOST_LATENCIES: usize = 96;
/// So many minutes and hours go into one part: each is a write of its transaction.
const MOST_MINUTES: usize = 30;
const MOST_HOURS: usize = 6;
/// So many minutes of records go into one part; each is up to three writes.
const MOST_RECORD_MINUTES: usize = 15;

/// Counters of a span of time. Each adds up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Counts {
    /// Requests for predictions.
    pub requests: u64,
    /// Those that were answered with a status of 400 or more.
    pub errors: u64,
    /// Rows predicted.
    pub rows: u64,
    /// The sum of the latencies, in microseconds.
    pub latency_us: u64,
    /// Requests that came upon a cold container.
    pub cold_starts: u64,
    /// The time that Lambda bills for them, in milliseconds: each request's latency, rounded up.
    pub billed_ms: u64,
    /// The same times the function's memory in megabytes.
    pub megabyte_ms: u64,
    /// Bytes of the answers.
    pub response_bytes: u64,
}

impl Counts {
    /// The counts of one prediction.
    pub fn of(log: &InferenceLog) -> Self {
        let latency_us = microseconds(log);
        let billed_ms = latency_us.div_ceil(1000);
        Self {
            requests: 1,
            errors: u64::from(log.status >= 400),
            // What a line says is bounded: a model can write what it likes, and sums must not overflow.
            rows: log.rows.min(10_000_000),
            latency_us,
            cold_starts: u64::from(log.cold_start),
            billed_ms,
            megabyte_ms: billed_ms * u64::from(log.memory_mb.unwrap_or_default().min(10_240)),
            response_bytes: log.response_bytes.unwrap_or_default().min(10_000_000),
        }
    }

    /// Adds other counts.
    pub fn add(&mut self, other: &Counts) {
        for (mine, theirs) in [
            (&mut self.requests, other.requests),
            (&mut self.errors, other.errors),
            (&mut self.rows, other.rows),
            (&mut self.latency_us, other.latency_us),
            (&mut self.cold_starts, other.cold_starts),
            (&mut self.billed_ms, other.billed_ms),
            (&mut self.megabyte_ms, other.megabyte_ms),
            (&mut self.response_bytes, other.response_bytes),
        ] {
            *mine = mine.saturating_add(theirs);
        }
    }

    /// The mean latency in milliseconds; 0 where nothing was asked.
    pub fn average_latency_ms(&self) -> f64 {
        if self.requests == 0 { 0.0 } else { self.latency_us as f64 / 1000.0 / self.requests as f64 }
    }

    /// The part of the requests that failed, from 0 to 1.
    pub fn error_rate(&self) -> f64 {
        if self.requests == 0 { 0.0 } else { self.errors as f64 / self.requests as f64 }
    }

    /// Each counter with the name of its attribute.
    pub fn named(&self) -> [(&'static str, u64); 8] {
        [
            ("requests", self.requests),
            ("errors", self.errors),
            ("rows", self.rows),
            ("latency_us", self.latency_us),
            ("cold_starts", self.cold_starts),
            ("billed_ms", self.billed_ms),
            ("megabyte_ms", self.megabyte_ms),
            ("response_bytes", self.response_bytes),
        ]
    }
}

fn microseconds(log: &InferenceLog) -> u64 {
    let microseconds = log.latency_ms * 1000.0;
    if microseconds.is_finite() && microseconds >= 1.0 { (microseconds as u64).min(LONGEST_LATENCY) } else { 1 }
}

/// How latencies are distributed: requests by latency bucket. Histograms of several spans add up to that of all of them.
#[derive(Debug, Clone)]
pub struct Latencies(Histogram<u64>);

impl Latencies {
    /// An empty one.
    ///
    /// # Errors
    /// Never in practice: the bounds are constants.
    pub fn new() -> Result<Self> {
        let made = Histogram::new_with_bounds(1, LONGEST_LATENCY, SIGNIFICANT_DIGITS);
        made.map(Self).map_err(|error| Error::internal("making a histogram", error))
    }

    /// The bucket of a latency: the least latency in microseconds that is not told apart from it.
    pub fn bucket(&self, microseconds: u64) -> u64 {
        self.0.lowest_equivalent(microseconds.clamp(1, LONGEST_LATENCY)).max(1)
    }

    /// Adds requests of a bucket.
    pub fn add(&mut self, bucket: u64, requests: u64) {
        self.0.saturating_record_n(bucket.clamp(1, LONGEST_LATENCY), requests);
    }

    /// The latency in milliseconds within which that part of the requests (0.95, say) was answered; 0 where nothing was asked.
    pub fn quantile_ms(&self, part: f64) -> f64 {
        if self.0.is_empty() { 0.0 } else { self.0.value_at_quantile(part) as f64 / 1000.0 }
    }
}

/// The spans by which predictions are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Span {
    /// A minute.
    Minute,
    /// An hour.
    Hour,
    /// A day, in UTC.
    Day,
}

impl Span {
    /// Its length in milliseconds.
    pub fn milliseconds(self) -> i64 {
        match self {
            Span::Minute => MINUTE,
            Span::Hour => HOUR,
            Span::Day => DAY,
        }
    }

    /// When the span of a moment begins, in milliseconds since 1970.
    pub fn begin(self, moment: i64) -> i64 {
        moment.div_euclid(self.milliseconds()) * self.milliseconds()
    }
}

/// An hour of a deployment.
#[derive(Debug, Clone, Default)]
pub struct Hour {
    /// Its counts.
    pub counts: Counts,
    /// How many requests had a latency of which bucket.
    pub latencies: BTreeMap<u64, u64>,
    /// Who called, where that is known.
    pub callers: BTreeSet<String>,
}

/// What one deployment's part of a batch of lines adds up to; small enough for one transaction.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// The deployment.
    pub deployment_id: String,
    /// Tells whether the part was counted before: the same lines have the same mark.
    pub mark: String,
    /// Counts by minute, by the minute's begin in milliseconds since 1970.
    pub minutes: BTreeMap<i64, Counts>,
    /// What there is by hour.
    pub hours: BTreeMap<i64, Hour>,
    /// Counts by day.
    pub days: BTreeMap<i64, Counts>,
    /// All of it.
    pub total: Counts,
    /// How many records there are of each second, by the second's begin in milliseconds since 1970. A record's time is that of
    /// its id, by which records are listed.
    pub records: BTreeMap<i64, u64>,
}

/// Adds up a batch of lines, in their order, deployment by deployment. A batch that comes again is cut the same way.
///
/// # Errors
/// Never in practice; see [`Latencies::new`].
pub fn tally(logs: &[InferenceLog], now: Timestamp) -> Result<Vec<Tally>> {
    let latencies = Latencies::new()?;
    let mut by_deployment: BTreeMap<&str, Vec<&InferenceLog>> = BTreeMap::new();
    for log in logs {
        by_deployment.entry(&log.deployment_id).or_default().push(log);
    }
    let mut parts = Vec::new();
    for (deployment_id, logs) in by_deployment {
        let new = || (Tally { deployment_id: deployment_id.to_owned(), ..Tally::default() }, Sha256::new());
        let (mut part, mut mark) = new();
        for log in logs {
            let moment = counted_at(log, now);
            let bucket = latencies.bucket(microseconds(log));
            if part.is_full_for(moment, bucket, recorded_at(log)) {
                part.mark = hex::encode(mark.finalize());
                parts.push(part);
                (part, mark) = new();
            }
            mark.update(log.prediction_id.as_bytes());
            part.add(log, moment, bucket);
        }
        part.mark = hex::encode(mark.finalize());
        parts.push(part);
    }
    Ok(parts)
}

/// The time under which a line is counted: its own, unless that is too old or lies ahead.
fn counted_at(log: &InferenceLog, now: Timestamp) -> i64 {
    log.timestamp.milliseconds().clamp(now.milliseconds() - OLDEST, now.milliseconds() + AHEAD)
}

/// The time under which a record is listed: that of its id.
fn recorded_at(log: &InferenceLog) -> i64 {
    crate::id::milliseconds(&log.prediction_id).unwrap_or_else(|| log.timestamp.milliseconds())
}

impl Tally {
    fn is_full_for(&self, moment: i64, bucket: u64, recorded_at: i64) -> bool {
        let minutes: BTreeSet<i64> = self.records.keys().map(|second| Span::Minute.begin(*second)).collect();
        let records_full = minutes.len() >= MOST_RECORD_MINUTES && !minutes.contains(&Span::Minute.begin(recorded_at));
        let hour = self.hours.get(&Span::Hour.begin(moment));
        let latencies_full = hour.is_some_and(|hour| hour.latencies.len() >= MOST_LATENCIES && !hour.latencies.contains_key(&bucket));
        let hours_full = hour.is_none() && self.hours.len() >= MOST_HOURS;
        let minutes_full = self.minutes.len() >= MOST_MINUTES && !self.minutes.contains_key(&Span::Minute.begin(moment));
        latencies_full || hours_full || minutes_full || records_full
    }

    fn add(&mut self, log: &InferenceLog, moment: i64, bucket: u64) {
        let counts = Counts::of(log);
        self.minutes.entry(Span::Minute.begin(moment)).or_default().add(&counts);
        let hour = self.hours.entry(Span::Hour.begin(moment)).or_default();
        hour.counts.add(&counts);
        *hour.latencies.entry(bucket).or_default() += 1;
        hour.callers.extend(log.caller.clone().filter(|caller| is_caller(caller)));
        self.days.entry(Span::Day.begin(moment)).or_default().add(&counts);
        self.total.add(&counts);
        *self.records.entry(recorded_at(log).div_euclid(SECOND) * SECOND).or_default() += 1;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn log(deployment_id: &str, milliseconds: i64, latency_ms: f64) -> InferenceLog {
        InferenceLog {
            prediction_id: crate::id::new_id(),
            timestamp: Timestamp::from_milliseconds(milliseconds),
            deployment_id: deployment_id.to_owned(),
            latency_ms,
            rows: 2,
            memory_mb: Some(1024),
            ..InferenceLog::default()
        }
    }

    #[test]
    fn a_batch_adds_up_by_span_whatever_its_order_and_has_the_same_marks_again() {
        let now = Timestamp::now();
        let begin = Span::Day.begin(now.milliseconds()) - DAY;
        let mut logs: Vec<_> = (0..500).map(|number| log("a", begin + number * 7_000, 1.0 + number as f64)).collect();
        logs.push(log("b", begin, f64::NAN));
        let parts = tally(&logs, now).unwrap();
        assert!(parts.len() > 2, "500 latencies are too many for one update");
        let mut sum = Counts::default();
        parts.iter().filter(|part| part.deployment_id == "a").for_each(|part| sum.add(&part.total));
        assert_eq!((sum.requests, sum.rows, sum.errors), (500, 1000, 0));
        assert_eq!(sum.megabyte_ms, sum.billed_ms * 1024);
        for part in &parts {
            let by_hour: u64 = part.hours.values().map(|hour| hour.counts.requests).sum();
            let by_latency: u64 = part.hours.values().flat_map(|hour| hour.latencies.values()).sum();
            let by_minute: u64 = part.minutes.values().map(|counts| counts.requests).sum();
            assert_eq!([by_hour, by_latency, by_minute], [part.total.requests; 3]);
            assert!(part.hours.values().all(|hour| hour.latencies.len() <= MOST_LATENCIES));
        }
        let marks = |parts: &[Tally]| parts.iter().map(|part| part.mark.clone()).collect::<Vec<_>>();
        assert_eq!(marks(&parts), marks(&tally(&logs, now.plus_seconds(60)).unwrap()));
    }

    #[test]
    fn quantiles_of_merged_buckets_are_within_a_percent() {
        let (one, mut all) = (Latencies::new().unwrap(), Latencies::new().unwrap());
        for latency in 1..=10_000u64 {
            all.add(one.bucket(latency * 100), 1);
        }
        for (part, expected) in [(0.5, 500.0), (0.95, 950.0), (0.99, 990.0)] {
            let found = all.quantile_ms(part);
            assert!((found - expected).abs() / expected < 0.011, "{part}: {found}");
        }
        assert_eq!(Latencies::new().unwrap().quantile_ms(0.95), 0.0);
    }

    #[test]
    fn a_clock_that_is_wrong_moves_no_count_far_away() {
        let now = Timestamp::now();
        for wrong in [0, i64::MAX / 2] {
            let parts = tally(&[log("a", wrong, 1.0)], now).unwrap();
            let minute = *parts[0].minutes.keys().next().unwrap();
            assert!((minute - now.milliseconds()).abs() <= OLDEST + MINUTE, "{wrong}");
        }
    }
}
