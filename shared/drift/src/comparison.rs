//! Newer rows against a profile.

use crate::profile::{Cell, Feature, Profile};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The fewest rows, of the training and of the newer ones, from which an index says anything.
pub const MINIMUM_ROWS: u64 = 100;
/// How many of the newer rows a bin must be expected to hold; bins of fewer are joined.
const EXPECTED: f64 = 20.0;
/// What is added to every bin before shares are taken, in rows.
const SMOOTHING: f64 = 0.5;
/// From where on drift is moderate, and above what it is high.
const MODERATE: f64 = 0.1;
const HIGH: f64 = 0.25;

/// How far a distribution has moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// An index under 0.1.
    Low,
    /// 0.1 to 0.25.
    Moderate,
    /// Above 0.25.
    High,
}

impl Status {
    /// The status of an index.
    pub fn of(psi: f64) -> Self {
        match () {
            () if psi < MODERATE => Self::Low,
            () if psi <= HIGH => Self::Moderate,
            () => Self::High,
        }
    }
}

/// How far one feature has moved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FeatureDrift {
    pub psi: f64,
    pub status: Status,
}

/// How far the features have moved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The worst of the features'.
    pub overall_status: Status,
    pub features: BTreeMap<String, FeatureDrift>,
    /// How many newer rows were counted.
    pub inference_rows: u64,
}

/// What a comparison came to.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    Computed(Report),
    /// There are too few newer rows to say anything.
    TooFewRows {
        rows: u64,
        needed: u64,
    },
    /// The profile is of too few rows.
    TooFewTrainingRows {
        rows: u64,
        needed: u64,
    },
    /// The newer rows have none of the profile's features.
    NoSharedFeatures,
}

/// Counts newer rows into a profile's bins.
#[derive(Debug)]
pub struct Comparison<'a> {
    profile: &'a Profile,
    rows: u64,
    /// For each feature its bins' counts, the missing left out, and whether any row had it.
    counts: Vec<(&'a String, &'a Feature, Vec<u64>, bool)>,
}

impl<'a> Comparison<'a> {
    /// One that has counted nothing.
    pub fn new(profile: &'a Profile) -> Self {
        let counts = profile.features.iter().map(|(name, feature)| (name, feature, vec![0; feature.counts().len()], false));
        Self { profile, rows: 0, counts: counts.collect() }
    }

    /// Counts a row: a value for each feature. A feature that the row has not is missing; others are passed over.
    pub fn add_row(&mut self, row: &Map<String, Value>) {
        self.rows += 1;
        for (name, feature, counts, seen) in &mut self.counts {
            let value = row.get(name.as_str());
            *seen |= value.is_some();
            counts[feature.bin(&value.map_or(Cell::Missing, Cell::of))] += 1;
        }
    }

    /// Counts rows that are given as columns, each a list of values.
    pub fn add_columns(&mut self, columns: &Map<String, Value>) {
        let rows = columns.values().filter_map(Value::as_array).map(Vec::len).max().unwrap_or(0);
        self.rows += rows as u64;
        for (name, feature, counts, seen) in &mut self.counts {
            let values = columns.get(name.as_str()).and_then(Value::as_array);
            *seen |= values.is_some();
            for row in 0..rows {
                let cell = values.and_then(|values| values.get(row)).map_or(Cell::Missing, Cell::of);
                counts[feature.bin(&cell)] += 1;
            }
        }
    }

    /// How many rows were counted.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Each feature's index, or why there is none.
    pub fn finish(self) -> Outcome {
        if self.profile.rows < MINIMUM_ROWS {
            return Outcome::TooFewTrainingRows { rows: self.profile.rows, needed: MINIMUM_ROWS };
        }
        if self.rows < MINIMUM_ROWS {
            return Outcome::TooFewRows { rows: self.rows, needed: MINIMUM_ROWS };
        }
        if !self.counts.iter().any(|(_, _, _, seen)| *seen) {
            return Outcome::NoSharedFeatures;
        }
        let features: BTreeMap<String, FeatureDrift> = self
            .counts
            .into_iter()
            .map(|(name, feature, counts, _)| {
                let psi = index(&joined(feature, &feature.counts(), &counts));
                (name.clone(), FeatureDrift { psi, status: Status::of(psi) })
            })
            .collect();
        let overall_status = features.values().map(|feature| feature.status).max().unwrap_or(Status::Low);
        Outcome::Computed(Report { overall_status, features, inference_rows: self.rows })
    }
}

/// The bins' counts on both sides, those in which too few newer rows are expected joined. The missing stay by themselves.
fn joined(feature: &Feature, training: &[u64], newer: &[u64]) -> Vec<(u64, u64)> {
    let (trained, counted): (u64, u64) = (training.iter().sum(), newer.iter().sum());
    let enough = |count: u64| count as f64 * counted as f64 >= EXPECTED * trained as f64;
    let mut pairs: Vec<(u64, u64)> = training.iter().copied().zip(newer.iter().copied()).collect();
    let missing = pairs.pop();
    let mut bins: Vec<(u64, u64)> = Vec::with_capacity(pairs.len() + 1);
    match feature {
        Feature::Numeric { .. } => {
            let mut open = (0, 0);
            for (expected, actual) in pairs {
                open = (open.0 + expected, open.1 + actual);
                // A bin that was empty in training lies beyond all values or between two of them: joining would hide what is new there.
                if enough(open.0) || (expected == 0 && open.0 == 0) {
                    bins.push(std::mem::take(&mut open));
                }
            }
            match bins.last_mut() {
                Some(last) => *last = (last.0 + open.0, last.1 + open.1),
                None => bins.push(open),
            }
        }
        Feature::Categorical { .. } => {
            let mut other = pairs.pop().unwrap_or_default();
            for (expected, actual) in pairs {
                if enough(expected) {
                    bins.push((expected, actual));
                } else {
                    other = (other.0 + expected, other.1 + actual);
                }
            }
            bins.push(other);
        }
    }
    bins.extend(missing);
    bins
}

/// The population stability index of bins' counts, the training's first.
fn index(bins: &[(u64, u64)]) -> f64 {
    let total = |side: fn(&(u64, u64)) -> u64| bins.iter().map(side).sum::<u64>() as f64 + SMOOTHING * bins.len() as f64;
    let (expected_total, actual_total) = (total(|bin| bin.0), total(|bin| bin.1));
    bins.iter()
        .map(|(expected, actual)| {
            let expected = (*expected as f64 + SMOOTHING) / expected_total;
            let actual = (*actual as f64 + SMOOTHING) / actual_total;
            (actual - expected) * (actual / expected).ln()
        })
        .sum()
}
