//! How much each feature contributed to each row's prediction, put together from what the engine says: the part that it knows, and
//! rows to run through ensembles of trees, which it hands over once.

use crate::{
    engine::Problem,
    outputs::{Array, Contributions, Elements},
};
use serde::Deserialize;
use std::{
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};
use tree_shap::{Ensemble, Malformed, Parts, Refusal};

/// A model's ensembles, once they are known.
pub type Ensembles = Arc<OnceLock<Result<Vec<Ensemble>, Malformed>>>;

/// What an engine's answer says of contributions. The numbers follow in the answer's payload, little-endian: the known values, a 64-bit
/// float for each row and column and the row's bias; for each part the sources, 32 bits each, each row's output, 32 bits, and its
/// rows, 64-bit floats; then the ensembles, as [`Parts::from_bytes`] reads them.
#[derive(Debug, Deserialize)]
pub struct Description {
    /// The features' names, the bias last.
    features: Vec<String>,
    /// The input's columns.
    columns: usize,
    parts: Vec<PartDescription>,
    /// The length of each ensemble, in bytes; none where the server knows them.
    ensembles: Vec<usize>,
}

#[derive(Debug, Deserialize)]
struct PartDescription {
    ensemble: usize,
    columns: usize,
}

/// Contributions whose trees are still to be run through.
#[derive(Debug)]
pub struct Unfinished {
    features: Vec<String>,
    columns: usize,
    known: Vec<f64>,
    parts: Vec<Part>,
    /// The ensembles' bytes, where the answer had them.
    bytes: Vec<Vec<u8>>,
    ensembles: Ensembles,
}

/// Rows of an ensemble.
#[derive(Debug)]
struct Part {
    ensemble: usize,
    /// The input's column from which each column was made.
    sources: Vec<u32>,
    /// The margin of each row that is explained.
    outputs: Vec<u32>,
    matrix: Vec<f64>,
}

impl Unfinished {
    /// Reads what an answer says for this many rows. `ensembles` are those that are known, or where they become so. `None` where the
    /// payload is not what is described.
    pub fn read(description: Description, rows: usize, payload: &mut &[u8], ensembles: &Ensembles) -> Option<Self> {
        let Description { features, columns, parts, ensembles: lengths } = description;
        if features.len() != columns.checked_add(1)? {
            return None;
        }
        let known = numbers(payload, rows.checked_mul(features.len())?, f64::from_le_bytes)?;
        let parts = parts.into_iter().map(|part| {
            let sources = numbers(payload, part.columns, u32::from_le_bytes)?;
            let outputs = numbers(payload, rows, u32::from_le_bytes)?;
            let matrix = numbers(payload, rows.checked_mul(part.columns)?, f64::from_le_bytes)?;
            let there = sources.iter().all(|source| (*source as usize) < columns);
            there.then_some(Part { ensemble: part.ensemble, sources, outputs, matrix })
        });
        let parts: Vec<Part> = parts.collect::<Option<_>>()?;
        let bytes = lengths.into_iter().map(|length| {
            let (bytes, rest) = payload.split_at_checked(length)?;
            *payload = rest;
            Some(bytes.to_vec())
        });
        let bytes = bytes.collect::<Option<_>>()?;
        Some(Self { features, columns, known, parts, bytes, ensembles: Arc::clone(ensembles) })
    }

    /// Runs the rows through the trees, by the deadline.
    ///
    /// # Errors
    /// [`Problem::Refused`] where the time is not enough, or the trees are none.
    pub fn finish(self, deadline: Instant) -> Result<Contributions, Problem> {
        let Self { features, columns, known: mut values, parts, bytes, ensembles } = self;
        let width = columns + 1;
        if !bytes.is_empty() {
            ensembles.get_or_init(|| bytes.iter().map(|bytes| Ensemble::new(&Parts::from_bytes(bytes)?)).collect());
        }
        for part in parts {
            let Some(known) = ensembles.get() else { return Err(Problem::Ended("it named trees that it did not hand over".to_owned())) };
            let known = known.as_ref().map_err(|problem| {
                Problem::Refused(format!("Contributions are not available for this model: {problem}; leave out \"include_contributions\"."))
            })?;
            let ensemble = known.get(part.ensemble);
            let Some(ensemble) = ensemble.filter(|ensemble| ensemble.columns() == part.sources.len()) else {
                return Err(Problem::Ended("it named trees that it did not hand over".to_owned()));
            };
            let given = ensemble.explain(&part.matrix, &part.outputs, Some(deadline)).map_err(refused)?;
            for (row, given) in values.chunks_exact_mut(width).zip(given.chunks_exact(part.sources.len() + 1)) {
                for (source, value) in part.sources.iter().zip(given) {
                    row[*source as usize] += value;
                }
                row[columns] += given[part.sources.len()];
            }
        }
        let shape = vec![values.len() / width, width];
        Ok(Contributions { features, values: Array { shape, elements: Elements::Floats(values) } })
    }
}

fn refused(refusal: Refusal) -> Problem {
    match refusal {
        Refusal::TooLong { needed, rows: 0 } => Problem::Refused(format!(
            "Contributions of one row take about {} with trees of this number and depth, longer than the time limit allows; give the \
             function more memory or time, or leave out \"include_contributions\".",
            seconds(needed)
        )),
        Refusal::TooLong { needed, rows } => Problem::Refused(format!(
            "Contributions of these rows take about {} with trees of this number and depth, longer than the time limit allows; ask for at \
             most {rows} rows at once.",
            seconds(needed)
        )),
        Refusal::Shape { .. } => Problem::Ended(refusal.to_string()),
    }
}

fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}

/// Takes numbers off a payload.
fn numbers<const N: usize, T>(payload: &mut &[u8], count: usize, read: impl Fn([u8; N]) -> T) -> Option<Vec<T>> {
    let (bytes, rest) = payload.split_at_checked(count.checked_mul(N)?)?;
    *payload = rest;
    Some(bytes.as_chunks::<N>().0.iter().map(|bytes| read(*bytes)).collect())
}
