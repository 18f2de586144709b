//! How many records of predictions there are in a span of time, without reading them: counted by day, with the hours in each day's
//! item, by hour with its minutes, by minute with its seconds. What is left at the two ends of a span is a part of a second.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::{AttributeValue, Select};
use serde::Deserialize;

use super::keys::Key;
use super::query::Query;
use super::update::Update;
use super::write::Write;
use super::{Store, failed};
use crate::{Result, Timestamp};

const SECOND: i64 = 1000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
/// For how long counts are kept beyond what they count, at the least: longer than records may be kept, in seconds.
const KEPT_SECONDS: i64 = 800 * 86_400;

/// A level of counting: what its items' keys begin with, the span of an item, and that of each of its parts.
#[derive(Debug, Clone, Copy)]
struct Level {
    prefix: &'static str,
    span: i64,
    part: i64,
}

const LEVELS: [Level; 3] = [
    Level { prefix: "RECORDS_OF_DAY#", span: DAY, part: HOUR },
    Level { prefix: "RECORDS_OF_HOUR#", span: HOUR, part: MINUTE },
    Level { prefix: "RECORDS_OF_MINUTE#", span: MINUTE, part: SECOND },
];

impl Level {
    fn begin(self, moment: i64) -> i64 {
        moment.div_euclid(self.span) * self.span
    }

    fn sort_key(self, begin: i64) -> String {
        format!("{}{:.16}", self.prefix, Timestamp::from_milliseconds(begin).to_string())
    }

    /// The attribute that counts a moment's part of its item's span.
    fn attribute(self, moment: i64) -> String {
        format!("p{}", moment.rem_euclid(self.span) / self.part)
    }
}

/// Counts of the parts of an item's span.
#[derive(Debug, Default, Deserialize)]
struct Counted {
    #[serde(default)]
    sk: String,
    #[serde(flatten)]
    attributes: BTreeMap<String, serde_json::Value>,
}

impl Counted {
    fn of(&self, attribute: &str) -> u64 {
        self.attributes.get(attribute).and_then(serde_json::Value::as_u64).unwrap_or_default()
    }
}

/// The writes that count records, by the begin of the second in which each was made.
pub(super) fn record_counts(partition: &str, seconds: &BTreeMap<i64, u64>) -> Result<Vec<Write>> {
    let mut writes = Vec::new();
    for level in LEVELS {
        let mut items: BTreeMap<i64, BTreeMap<String, u64>> = BTreeMap::new();
        for (second, count) in seconds {
            *items.entry(level.begin(*second)).or_default().entry(level.attribute(*second)).or_default() += count;
        }
        for (begin, parts) in items {
            let expires = (begin + level.span) / 1000 + KEPT_SECONDS;
            let mut update = Update::new(Key::new(partition, level.sort_key(begin))).set("expires_at", &expires)?;
            for (attribute, count) in parts {
                update = update.add(&attribute, i64::try_from(count).unwrap_or(i64::MAX))?;
            }
            writes.push(Write::Update(update));
        }
    }
    Ok(writes)
}

impl Store {
    /// How many records of a deployment's predictions were made from `low` on and before `high`, in milliseconds since 1970.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn count_records(&self, deployment_id: &str, low: i64, high: i64) -> Result<u64> {
        if low >= high {
            return Ok(0);
        }
        let partition = format!("DEPLOYMENT#{deployment_id}");
        let days = Query::table(partition.as_str()).prefix(LEVELS[0].prefix);
        let before = LEVELS[0].sort_key(LEVELS[0].begin(low) - DAY);
        let days: Vec<Counted> = self.all_after(&days, &before).await?;
        let mut total = 0;
        // Items of which a part is in the span: at most two of each level.
        let mut open: Vec<(usize, i64, Counted)> = Vec::new();
        for day in days {
            if let Some(begin) = begin_of(&day.sk) {
                open.push((0, begin, day));
            }
        }
        while let Some((at, begin, counted)) = open.pop() {
            let level = LEVELS[at];
            for part in 0..level.span / level.part {
                let (from, to) = (begin + part * level.part, begin + (part + 1) * level.part);
                let count = counted.of(&level.attribute(from));
                if count == 0 || to <= low || from >= high {
                    continue;
                }
                if from >= low && to <= high {
                    total += count;
                } else if let Some(finer) = LEVELS.get(at + 1) {
                    let item = self.get(&Key::new(partition.as_str(), finer.sort_key(from))).await?;
                    open.push((at + 1, from, item.unwrap_or_default()));
                } else {
                    total += self.count_listed(&partition, from.max(low), to.min(high)).await?;
                }
            }
        }
        Ok(total)
    }

    /// How many records are listed within a part of a second.
    async fn count_listed(&self, partition: &str, low: i64, high: i64) -> Result<u64> {
        let mut total = 0;
        let mut start = None;
        loop {
            let output = self
                .client
                .query()
                .table_name(&self.table)
                .consistent_read(true)
                .select(Select::Count)
                .key_condition_expression("pk = :partition AND sk BETWEEN :low AND :high")
                .expression_attribute_values(":partition", AttributeValue::S(partition.to_owned()))
                .expression_attribute_values(":low", AttributeValue::S(super::inference_logs::bound(low)))
                .expression_attribute_values(":high", AttributeValue::S(super::inference_logs::bound(high)))
                .set_exclusive_start_key(start)
                .send()
                .await
                .map_err(failed("counting records"))?;
            total += u64::try_from(output.count).unwrap_or_default();
            start = output.last_evaluated_key;
            if start.is_none() {
                return Ok(total);
            }
        }
    }
}

/// When the span of an item begins.
fn begin_of(sort_key: &str) -> Option<i64> {
    let (_, moment) = sort_key.split_once('#')?;
    let moment: Timestamp = serde_json::from_value(serde_json::Value::String(format!("{moment}:00.000Z"))).ok()?;
    Some(moment.milliseconds())
}
