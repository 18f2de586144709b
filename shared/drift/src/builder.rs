//! Making a profile of rows that come one after the other.

use crate::profile::{Cell, Feature, Profile};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, HashMap};

/// Most features of a profile.
const FEATURE_LIMIT: usize = 500;
/// Most values of a categorical feature that are counted each for itself.
const CATEGORY_LIMIT: usize = 50;
/// A value that occurs less often than this is not kept: it is one of the others. So what only one person has is in no profile.
const CATEGORY_MINIMUM: u64 = 5;
/// Into how many bins of equal counts numbers are divided.
const BINS: usize = 10;
/// Up to this many different numbers, each has a bin of its own.
const DISTINCT_LIMIT: usize = 10;
/// Most rows that are kept while a profile is made; of more, a sample in which each has the same chance.
const SAMPLE: usize = 10_000;

/// Gathers rows for a profile.
#[derive(Debug, Default)]
pub struct ProfileBuilder {
    rows: u64,
    sampled: usize,
    /// The features in the order in which they came, each with the cells of the sampled rows.
    columns: Vec<(String, Vec<Cell>)>,
    places: HashMap<String, usize>,
    left_out: std::collections::BTreeSet<String>,
    random: u64,
}

impl ProfileBuilder {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a row: a value for each feature. A feature that the row has not is missing.
    pub fn add_row(&mut self, row: &Map<String, Value>) {
        let Some(place) = self.place() else { return };
        for (name, value) in row {
            self.put(name, place, Cell::of(value));
        }
    }

    /// Adds rows that are given as columns, each a list of values; a shorter list ends with missing values.
    pub fn add_columns(&mut self, columns: &Map<String, Value>) {
        let lists: Vec<(&String, &Vec<Value>)> = columns.iter().filter_map(|(name, values)| Some((name, values.as_array()?))).collect();
        let rows = lists.iter().map(|(_, values)| values.len()).max().unwrap_or(0);
        for row in 0..rows {
            let Some(place) = self.place() else { continue };
            for (name, values) in &lists {
                self.put(name, place, values.get(row).map_or(Cell::Missing, Cell::of));
            }
        }
    }

    /// The profile of what was added.
    pub fn finish(self) -> Profile {
        let sampled = self.sampled;
        let features = self.columns.into_iter().map(|(name, mut cells)| {
            cells.resize(sampled, Cell::Missing);
            (name, feature(&cells))
        });
        Profile { rows: self.rows, features: features.collect(), left_out: self.left_out.len() as u64 }
    }

    /// Where in the sample the next row goes, if anywhere (reservoir sampling).
    fn place(&mut self) -> Option<usize> {
        self.rows += 1;
        if self.sampled < SAMPLE {
            self.sampled += 1;
            return Some(self.sampled - 1);
        }
        // The same rows give the same profile: the sequence has a fixed beginning.
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let place = ((mixed ^ (mixed >> 31)) % self.rows) as usize;
        if place >= SAMPLE {
            return None;
        }
        for (_, cells) in &mut self.columns {
            if let Some(cell) = cells.get_mut(place) {
                *cell = Cell::Missing;
            }
        }
        Some(place)
    }

    fn put(&mut self, name: &str, place: usize, cell: Cell) {
        let column = match self.places.get(name) {
            Some(column) => *column,
            None if self.columns.len() < FEATURE_LIMIT => {
                self.places.insert(name.to_owned(), self.columns.len());
                self.columns.push((name.to_owned(), Vec::new()));
                self.columns.len() - 1
            }
            None => {
                if self.left_out.len() < 100_000 {
                    self.left_out.insert(name.to_owned());
                }
                return;
            }
        };
        let cells = &mut self.columns[column].1;
        if cells.len() <= place {
            cells.resize(place + 1, Cell::Missing);
        }
        cells[place] = cell;
    }
}

fn feature(cells: &[Cell]) -> Feature {
    let numeric = cells.iter().all(|cell| !matches!(cell, Cell::Text(_))) && cells.iter().any(|cell| matches!(cell, Cell::Number(_)));
    if numeric { numbers(cells) } else { categories(cells) }
}

fn numbers(cells: &[Cell]) -> Feature {
    let mut numbers: Vec<f64> = cells.iter().filter_map(Cell::number).collect();
    numbers.sort_by(f64::total_cmp);
    let mut distinct = numbers.clone();
    distinct.dedup();
    let edges = if distinct.len() <= DISTINCT_LIMIT { around(&distinct) } else { quantiles(&numbers) };
    let mut counts = vec![0; edges.len() + 1];
    for number in &numbers {
        counts[edges.partition_point(|edge| edge < number)] += 1;
    }
    Feature::Numeric { edges, counts, missing: (cells.len() - numbers.len()) as u64 }
}

/// Edges that give each of a few numbers a bin of its own, and one to what lies below and above all.
fn around(distinct: &[f64]) -> Vec<f64> {
    let (Some(first), Some(last)) = (distinct.first(), distinct.last()) else { return Vec::new() };
    let gap = |pair: Option<&[f64]>, alone: f64| pair.map_or(alone, |pair| (pair[1] - pair[0]) / 2.0);
    let alone = first.abs().max(1.0) * 1e-6;
    let mut edges = vec![first - gap(distinct.get(..2), alone)];
    edges.extend(distinct.windows(2).map(|pair| pair[0] + (pair[1] - pair[0]) / 2.0));
    edges.push(last + gap(distinct.len().checked_sub(2).and_then(|from| distinct.get(from..)), alone));
    edges.retain(|edge| edge.is_finite());
    edges.dedup();
    edges
}

/// The deciles between the lowest and the highest, interpolated linearly; equal ones count once.
fn quantiles(sorted: &[f64]) -> Vec<f64> {
    let mut edges: Vec<f64> = (1..BINS)
        .map(|part| {
            let at = (sorted.len() - 1) as f64 * part as f64 / BINS as f64;
            let (low, share) = (at.floor() as usize, at.fract());
            let high = sorted[(low + 1).min(sorted.len() - 1)];
            sorted[low] + (high - sorted[low]) * share
        })
        .filter(|edge| edge.is_finite())
        .collect();
    edges.dedup();
    edges
}

fn categories(cells: &[Cell]) -> Feature {
    let mut counted: BTreeMap<String, u64> = BTreeMap::new();
    for category in cells.iter().filter_map(Cell::category) {
        *counted.entry(category).or_default() += 1;
    }
    let present: u64 = counted.values().sum();
    let mut frequent: Vec<(String, u64)> = counted.into_iter().filter(|(_, count)| *count >= CATEGORY_MINIMUM).collect();
    frequent.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    frequent.truncate(CATEGORY_LIMIT);
    let values: BTreeMap<String, u64> = frequent.into_iter().collect();
    let other = present - values.values().sum::<u64>();
    Feature::Categorical { values, other, missing: cells.len() as u64 - present }
}
