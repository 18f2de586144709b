//! A run: one execution of a script, with what it logged.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::lifecycle::LifecycleStage;

/// Where a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RunStatus {
    /// It runs.
    Running,
    /// It will run.
    Scheduled,
    /// It ended well.
    Finished,
    /// It ended with an error.
    Failed,
    /// It was stopped.
    Killed,
}

impl RunStatus {
    /// All of them, in MLflow's order.
    pub const ALL: [RunStatus; 5] = [RunStatus::Running, RunStatus::Scheduled, RunStatus::Finished, RunStatus::Failed, RunStatus::Killed];

    /// As MLflow writes it.
    pub fn name(self) -> &'static str {
        match self {
            RunStatus::Running => "RUNNING",
            RunStatus::Scheduled => "SCHEDULED",
            RunStatus::Finished => "FINISHED",
            RunStatus::Failed => "FAILED",
            RunStatus::Killed => "KILLED",
        }
    }
}

/// One value of a metric.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MetricPoint {
    /// The step at which it was measured.
    pub step: i64,
    /// When it was measured, in milliseconds since 1970.
    pub timestamp: i64,
    /// The value; NaN and the infinities are values too.
    pub value: f64,
}

/// A model that a run made, with the step at which it did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelOutput {
    /// The logged model.
    pub model_id: String,
    /// The step.
    pub step: i64,
}

/// A dataset that a run used.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DatasetInput {
    /// Its name.
    pub name: String,
    /// The digest of its content.
    pub digest: String,
    /// What kind of source it came from.
    pub source_type: String,
    /// Where it came from.
    pub source: String,
    /// Its columns.
    pub schema: Option<String>,
    /// What it holds, in numbers.
    pub profile: Option<String>,
    /// What the run used it for, and other tags.
    pub tags: BTreeMap<String, String>,
}

/// A run.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// Its id: 32 hexadecimal digits.
    pub id: String,
    /// The experiment that it belongs to.
    pub experiment_id: String,
    /// Its name; need not be unique.
    pub name: String,
    /// Who started it, as the client says.
    pub user_id: String,
    /// Where it is.
    pub status: RunStatus,
    /// When it started, in milliseconds since 1970.
    pub start_time: i64,
    /// When it ended, in milliseconds since 1970.
    pub end_time: Option<i64>,
    /// Whether it is in use.
    pub lifecycle_stage: LifecycleStage,
    /// Where its artifacts are, a URI; no slash at the end.
    pub artifact_uri: String,
    /// The job whose script made it.
    pub job_id: Option<String>,
    /// Its params: a param is written once.
    pub params: BTreeMap<String, String>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// The latest value of each metric, by step, then time, then value.
    pub metrics: BTreeMap<String, MetricPoint>,
    /// The models that it made.
    pub model_outputs: Vec<ModelOutput>,
    /// The models that it used, by id.
    pub model_inputs: Vec<String>,
    /// Whether it recorded datasets that it used.
    pub has_datasets: bool,
}

impl MetricPoint {
    /// Text by which points of a metric sort as MLflow orders them to find the latest: step, time, value. NaN counts
    /// as 0 there. [`MetricPoint::from_latest_order`] reads the point back.
    pub fn latest_order(&self) -> String {
        let (value, kind) = self.ordered_value();
        format!("{:016x}{:016x}{value:016x}{kind}", ordered_integer(self.step), ordered_integer(self.timestamp))
    }

    /// Text by which points of a metric sort in its history: time, step, value.
    pub fn history_order(&self) -> String {
        let (value, kind) = self.ordered_value();
        format!("{:016x}{:016x}{value:016x}{kind}", ordered_integer(self.timestamp), ordered_integer(self.step))
    }

    /// The point that has this [`MetricPoint::latest_order`]; `None` for other text.
    pub fn from_latest_order(text: &str) -> Option<Self> {
        let number = |range| u64::from_str_radix(text.get(range)?, 16).ok();
        let value = match text.get(48..)? {
            "n" => f64::NAN,
            "v" => number_of_order(number(32..48)?),
            _ => return None,
        };
        Some(Self { step: integer_of_order(number(0..16)?), timestamp: integer_of_order(number(16..32)?), value })
    }

    fn ordered_value(&self) -> (u64, char) {
        if self.value.is_nan() { (ordered_number(0.0), 'n') } else { (ordered_number(self.value), 'v') }
    }
}

fn integer_of_order(order: u64) -> i64 {
    (order ^ (1 << 63)).cast_signed()
}

fn number_of_order(order: u64) -> f64 {
    f64::from_bits(if order >> 63 == 1 { order & !(1 << 63) } else { !order })
}

/// A number whose unsigned order is the signed order of `number`.
fn ordered_integer(number: i64) -> u64 {
    number.cast_unsigned() ^ (1 << 63)
}

/// A whole number that orders as the real number does, -0 below 0, the infinities outermost.
pub fn ordered_number(number: f64) -> u64 {
    let bits = number.to_bits();
    if bits >> 63 == 1 { !bits } else { bits | (1 << 63) }
}

/// Real numbers as text: the table's numbers know no NaN, no infinity, and nothing above 10^126.
pub mod number_as_text {
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    /// Writes a number as text that reads back as the same number.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(number: &f64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{number:?}"))
    }

    /// Reads a number from text.
    ///
    /// # Errors
    /// When the text is no number.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

const ADJECTIVES: &[&str] = &[
    "amber", "bold", "brisk", "calm", "clear", "crisp", "deep", "eager", "early", "fair", "fleet", "gentle", "golden", "grand", "keen",
    "kind", "lively", "lucid", "mellow", "merry", "nimble", "noble", "patient", "plain", "proud", "quick", "quiet", "rare", "sharp",
    "silver", "sleek", "smooth", "steady", "still", "stout", "swift", "tidy", "vivid", "warm", "wise",
];

const NOUNS: &[&str] = &[
    "alder", "aspen", "badger", "beech", "birch", "cedar", "crane", "curlew", "dune", "eagle", "falcon", "fern", "finch", "fjord", "grove",
    "hare", "heron", "ibis", "lark", "linden", "lynx", "maple", "marten", "meadow", "moor", "otter", "owl", "pine", "plover", "raven",
    "reed", "ridge", "robin", "rowan", "seal", "stoat", "stork", "swan", "tern", "wren",
];

/// A name for a run or a model whose maker gave it none: two words and a number.
pub fn random_name() -> String {
    let word = |words: &[&'static str]| words[rand::random_range(0..words.len())];
    format!("{}-{}-{}", word(ADJECTIVES), word(NOUNS), rand::random_range(0..1000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_order_by_step_then_time_then_value() {
        let point = |step, timestamp, value| MetricPoint { step, timestamp, value };
        let rising = [
            point(-5, 9, 9.0),
            point(0, 1, f64::NEG_INFINITY),
            point(0, 1, -2.5),
            point(0, 1, f64::NAN),
            point(0, 1, 1e-300),
            point(0, 1, f64::INFINITY),
            point(0, 2, -1.0),
            point(i64::MAX, 0, 0.0),
        ];
        for pair in rising.windows(2) {
            assert!(pair[0].latest_order() < pair[1].latest_order(), "{pair:?}");
        }
        for written in rising {
            let read = MetricPoint::from_latest_order(&written.latest_order()).expect("it wrote this");
            assert_eq!((read.step, read.timestamp, read.value.to_bits()), (written.step, written.timestamp, written.value.to_bits()));
        }
        assert!(point(9, 1, 0.0).history_order() < point(0, 2, 0.0).history_order());
    }
}
