//! Counters of predictions in the table: by minute, hour and day, and in all. They are added to in one transaction with a
//! mark of the lines that they count, so that lines which come again count once. Reading costs by the span asked for,
//! however many predictions there were.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Store;
use super::keys::Key;
use super::query::Query;
use super::record_counts::record_counts;
use super::update::Update;
use super::users::{ANYONE, totals_key};
use super::write::{NewItem, Outcome, Write};
use crate::domain::audience::Audience;
use crate::domain::metrics::{Counts, Latencies, Span, Tally};
use crate::{Error, Result, Timestamp};

const DAY_SECONDS: i64 = 86_400;
/// For how long a part is known to have been counted: log groups deliver again for a day.
const MARK_SECONDS: i64 = 3 * DAY_SECONDS;
/// So many callers go into one update.
const CALLERS_AT_ONCE: usize = 1000;
/// What the attributes of an hour's latencies begin with; the bucket follows.
const LATENCY_PREFIX: char = 'l';

/// A deployment's predictions in short.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct MetricsSummary {
    /// How many requests for predictions there were in all.
    pub total_predictions: u64,
    /// Their mean latency in milliseconds.
    pub avg_latency_ms: f64,
    /// The part of them that failed, from 0 to 1.
    pub error_rate: f64,
}

/// The hours of a period, added up.
#[derive(Debug, Clone)]
pub struct Hours {
    /// Counts by the hour's begin in milliseconds since 1970; hours without predictions are left out.
    pub counts: BTreeMap<i64, Counts>,
    /// The latencies of all hours.
    pub latencies: Latencies,
    /// The callers of all hours.
    pub audience: Audience,
}

#[derive(Debug, Serialize)]
struct Mark {
    expires_at: i64,
}

#[derive(Debug, Deserialize)]
struct Counted {
    sk: String,
    #[serde(flatten)]
    attributes: HashMap<String, Value>,
}

fn partition(deployment_id: &str) -> String {
    format!("DEPLOYMENT#{deployment_id}")
}

fn prefix(span: Span) -> &'static str {
    match span {
        Span::Minute => "MINUTE#",
        Span::Hour => "HOUR#",
        Span::Day => "DAY#",
    }
}

/// For how many days counters of a span are kept.
fn days_kept(span: Span) -> i64 {
    match span {
        Span::Minute => 9,
        Span::Hour => 35,
        Span::Day => 400,
    }
}

fn sort_key(prefix: &str, begin: i64) -> String {
    // `2026-01-31T10:05`: sorts by time, and a person can read it.
    format!("{prefix}{:.16}", Timestamp::from_milliseconds(begin).to_string())
}

fn begin_of(sort_key: &str) -> Option<i64> {
    let (_, moment) = sort_key.split_once('#')?;
    let moment: Timestamp = serde_json::from_value(Value::String(format!("{moment}:00.000Z"))).ok()?;
    Some(moment.milliseconds())
}

fn expiry(span: Span, begin: i64) -> i64 {
    begin / 1000 + days_kept(span) * DAY_SECONDS
}

fn add_counts(update: Update, counts: &Counts) -> Result<Update> {
    counts.named().into_iter().filter(|(_, amount)| *amount > 0).try_fold(update, |update, (name, amount)| add(update, name, amount))
}

fn add(update: Update, name: &str, amount: u64) -> Result<Update> {
    update.add(name, i64::try_from(amount).unwrap_or(i64::MAX))
}

impl Store {
    /// Adds a part of a batch to the counters of its deployment and of the deployment's owner; `false` where it was counted
    /// before.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer; `Unavailable` when other writers keep getting in between.
    pub async fn count_predictions(&self, tally: &Tally, owner: Option<&str>, now: Timestamp) -> Result<bool> {
        let partition = partition(&tally.deployment_id);
        let mark = Mark { expires_at: now.seconds() + MARK_SECONDS };
        let mark_key = Key::new(partition.as_str(), format!("COUNTED#{}", tally.mark));
        let mut writes = vec![Write::Put(NewItem::new(&mark_key, &mark)?.if_absent())];
        let spanned = |span: Span, begin: i64, counts: &Counts| -> Result<Update> {
            let update = Update::new(Key::new(partition.as_str(), sort_key(prefix(span), begin)));
            add_counts(update.set("expires_at", &expiry(span, begin))?, counts)
        };
        for (begin, counts) in &tally.minutes {
            writes.push(Write::Update(spanned(Span::Minute, *begin, counts)?));
        }
        for (begin, hour) in &tally.hours {
            let mut update = spanned(Span::Hour, *begin, &hour.counts)?;
            for (bucket, requests) in &hour.latencies {
                update = add(update, &format!("{LATENCY_PREFIX}{bucket}"), *requests)?;
            }
            writes.push(Write::Update(update));
        }
        for (begin, counts) in &tally.days {
            writes.push(Write::Update(spanned(Span::Day, *begin, counts)?));
        }
        writes.extend(record_counts(&partition, &tally.records)?);
        writes.push(Write::Update(add_counts(Update::new(Key::new(partition.as_str(), "TOTALS")), &tally.total)?));
        writes.push(Write::Update(add(Update::new(totals_key(owner.unwrap_or(ANYONE))), "predictions", tally.total.requests)?));
        match self.transact(writes).await? {
            Outcome::Done(()) => Ok(true),
            Outcome::Refused(_) => Ok(false),
        }
    }

    /// Adds callers to those of an hour, by the hour's begin in milliseconds since 1970. Adding one again does no harm.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn add_callers(&self, deployment_id: &str, hour: i64, callers: &BTreeSet<String>) -> Result<()> {
        let key = Key::new(partition(deployment_id), sort_key("CALLERS#", hour));
        let callers: Vec<String> = callers.iter().cloned().collect();
        for some in callers.chunks(CALLERS_AT_ONCE) {
            let update = Update::new(key.clone()).set("expires_at", &expiry(Span::Hour, hour))?.include("callers", some);
            let Outcome::Done(audience) = self.update::<Audience>(update).await? else { continue };
            let Some((level, gone)) = audience.thinned() else { continue };
            let raised = Update::new(key.clone()).if_absent_or("level", "<=", &level)?.set("level", &level)?;
            // Who raised it further meanwhile removes them too.
            if self.update::<IgnoredAny>(raised).await?.is_done() {
                for some in gone.chunks(CALLERS_AT_ONCE) {
                    self.update::<IgnoredAny>(Update::new(key.clone()).exclude("callers", some)).await?;
                }
            }
        }
        Ok(())
    }

    /// A deployment's predictions in short, since it was made.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn metrics_summary(&self, deployment_id: &str) -> Result<MetricsSummary> {
        let total = self.get::<Counts>(&Key::new(partition(deployment_id), "TOTALS")).await?.unwrap_or_default();
        Ok(MetricsSummary { total_predictions: total.requests, avg_latency_ms: total.average_latency_ms(), error_rate: total.error_rate() })
    }

    /// A deployment's counts by span from `begin` on, by each span's begin, in milliseconds since 1970; spans without
    /// predictions are left out.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn counts(&self, deployment_id: &str, span: Span, begin: i64) -> Result<BTreeMap<i64, Counts>> {
        let items = self.counted(deployment_id, span, begin).await?;
        items.into_iter().map(|item| Ok((item.begin()?, item.counts()))).collect()
    }

    /// A deployment's hours from `begin` on, with latencies and callers.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn hours(&self, deployment_id: &str, begin: i64) -> Result<Hours> {
        let mut hours = Hours { counts: BTreeMap::new(), latencies: Latencies::new()?, audience: Audience::default() };
        for item in self.counted(deployment_id, Span::Hour, begin).await? {
            hours.counts.insert(item.begin()?, item.counts());
            item.add_latencies(&mut hours.latencies);
        }
        let query = Query::table(partition(deployment_id)).prefix("CALLERS#");
        let before = sort_key("CALLERS#", begin - Span::Hour.milliseconds());
        for audience in self.all_after::<Audience>(&query, &before).await? {
            hours.audience.unite(audience);
        }
        Ok(hours)
    }

    /// The latencies of a deployment's hours from `begin` on; `None` where nothing was asked.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn latencies(&self, deployment_id: &str, begin: i64) -> Result<Option<Latencies>> {
        let hours = self.counted(deployment_id, Span::Hour, begin).await?;
        let mut latencies = Latencies::new()?;
        hours.iter().for_each(|hour| hour.add_latencies(&mut latencies));
        Ok((!hours.is_empty()).then_some(latencies))
    }

    async fn counted(&self, deployment_id: &str, span: Span, begin: i64) -> Result<Vec<Counted>> {
        let query = Query::table(partition(deployment_id)).prefix(prefix(span));
        self.all_after(&query, &sort_key(prefix(span), begin - span.milliseconds())).await
    }
}

impl Counted {
    fn begin(&self) -> Result<i64> {
        begin_of(&self.sk).ok_or_else(|| Error::broken(format!("{} is not the key of a counter", self.sk)))
    }

    fn add_latencies(&self, latencies: &mut Latencies) {
        for (name, value) in &self.attributes {
            let bucket = name.strip_prefix(LATENCY_PREFIX).and_then(|bucket| bucket.parse::<u64>().ok());
            if let (Some(bucket), Some(requests)) = (bucket, value.as_u64()) {
                latencies.add(bucket, requests);
            }
        }
    }

    fn counts(&self) -> Counts {
        let of = |name: &str| self.attributes.get(name).and_then(Value::as_u64).unwrap_or_default();
        Counts {
            requests: of("requests"),
            errors: of("errors"),
            rows: of("rows"),
            latency_us: of("latency_us"),
            cold_starts: of("cold_starts"),
            billed_ms: of("billed_ms"),
            megabyte_ms: of("megabyte_ms"),
            response_bytes: of("response_bytes"),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_counters_key_tells_its_time() {
        let begin = Span::Minute.begin(1_761_213_725_000);
        let key = sort_key(prefix(Span::Minute), begin);
        assert_eq!(key, "MINUTE#2025-10-23T10:02");
        assert_eq!(begin_of(&key), Some(begin));
        assert_eq!(begin_of("MINUTE#x"), None);
    }
}
