//! A distribution, kept as counts.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// The longest text of a category that is kept, in characters; longer ones are cut.
const CATEGORY_LENGTH: usize = 100;

/// How the features of some rows were distributed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Profile {
    /// How many rows there were.
    pub rows: u64,
    /// The features by name; at most 500.
    pub features: BTreeMap<String, Feature>,
    /// How many features there were beyond those.
    #[serde(default)]
    pub left_out: u64,
}

/// How one feature was distributed. Counts are of the rows that were looked at: all, or a sample of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Feature {
    /// Numbers: `counts[i]` of them lie above `edges[i - 1]` and not above `edges[i]`.
    Numeric { edges: Vec<f64>, counts: Vec<u64>, missing: u64 },
    /// Values: how often each of the most frequent occurred, and all others together.
    Categorical { values: BTreeMap<String, u64>, other: u64, missing: u64 },
}

/// A feature's value, as it is counted.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Cell {
    Missing,
    Number(f64),
    Text(String),
}

impl Cell {
    pub(crate) fn of(value: &Value) -> Self {
        match value {
            Value::Null => Self::Missing,
            Value::Number(number) => number.as_f64().filter(|value| value.is_finite()).map_or(Self::Missing, Self::Number),
            Value::String(text) => Self::Text(text.chars().take(CATEGORY_LENGTH).collect()),
            other => Self::Text(other.to_string().chars().take(CATEGORY_LENGTH).collect()),
        }
    }

    /// The category that the value is. A whole number is the same however it was written.
    pub(crate) fn category(&self) -> Option<String> {
        match self {
            Self::Missing => None,
            Self::Number(number) if number.fract() == 0.0 && number.abs() < 1e15 => Some(format!("{number:.0}")),
            Self::Number(number) => Some(number.to_string()),
            Self::Text(text) => Some(text.clone()),
        }
    }

    /// The number that the value is, or that its text writes.
    pub(crate) fn number(&self) -> Option<f64> {
        match self {
            Self::Missing => None,
            Self::Number(number) => Some(*number),
            Self::Text(text) => text.trim().parse().ok().filter(|number: &f64| number.is_finite()),
        }
    }
}

impl Feature {
    /// The bins' counts: numeric bins in order, or categories by name and then all others; the missing last.
    pub(crate) fn counts(&self) -> Vec<u64> {
        match self {
            Self::Numeric { counts, missing, .. } => counts.iter().copied().chain([*missing]).collect(),
            Self::Categorical { values, other, missing } => values.values().copied().chain([*other, *missing]).collect(),
        }
    }

    /// The bin into which a value falls, in the order of [`Feature::counts`]. What is no number is missing from a numeric feature.
    pub(crate) fn bin(&self, cell: &Cell) -> usize {
        match self {
            Self::Numeric { edges, counts, .. } => match cell.number() {
                Some(number) => edges.partition_point(|edge| *edge < number),
                None => counts.len(),
            },
            Self::Categorical { values, .. } => match cell.category() {
                // At most fifty values: looking through them costs less than an index would.
                Some(category) => values.keys().position(|value| *value == category).unwrap_or(values.len()),
                None => values.len() + 1,
            },
        }
    }
}
