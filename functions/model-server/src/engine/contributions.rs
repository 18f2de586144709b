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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    /// A root that splits the first column at 0.5 into leaves of 10 (a quarter of the rows) and 2.
    fn stump() -> Vec<u8> {
        let parts = Parts {
            columns: 1,
            outputs: 1,
            roots: vec![0],
            tree_outputs: vec![0],
            left: vec![1, -1, -1],
            right: vec![2, -1, -1],
            column: vec![0; 3],
            threshold: vec![0.5, 0.0, 0.0],
            kind: vec![0; 3],
            cover: vec![4.0, 1.0, 3.0],
            values: vec![0.0, 10.0, 2.0],
            ..Parts::default()
        };
        parts.to_bytes()
    }

    /// Two rows of two columns, of which the trees see the second; `trees` are the bytes that come with them.
    fn answer(trees: Option<&[u8]>) -> (Description, Vec<u8>) {
        let mut payload: Vec<u8> = [1.0, 0.0, 0.25, -1.0, 0.0, 0.25].into_iter().flat_map(f64::to_le_bytes).collect();
        payload.extend([1_u32, 0, 0].into_iter().flat_map(u32::to_le_bytes));
        payload.extend([0.0, 1.0].into_iter().flat_map(f64::to_le_bytes));
        payload.extend(trees.unwrap_or_default());
        let lengths: Vec<usize> = trees.iter().map(|trees| trees.len()).collect();
        let parts = json!([{"ensemble": 0, "columns": 1}]);
        let description = json!({"features": ["a", "b", "BiasTerm"], "columns": 2, "parts": parts, "ensembles": lengths});
        (serde_json::from_value(description).unwrap(), payload)
    }

    fn finished(trees: Option<&[u8]>, ensembles: &Ensembles) -> Result<Vec<f64>, Problem> {
        let (description, payload) = answer(trees);
        let unfinished = Unfinished::read(description, 2, &mut &payload[..], ensembles).unwrap();
        match unfinished.finish(Instant::now() + Duration::from_secs(10))?.values.elements {
            Elements::Floats(values) => Ok(values),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_the_trees_give_is_added_and_they_are_remembered() {
        let ensembles = Ensembles::default();
        let values = [1.0, 6.0, 4.25, -1.0, -2.0, 4.25];
        assert_eq!(finished(Some(&stump()), &ensembles), Ok(values.to_vec()));
        assert_eq!(finished(None, &ensembles), Ok(values.to_vec()));
    }

    #[test]
    fn trees_that_are_none_are_refused() {
        let ensembles = Ensembles::default();
        assert!(matches!(finished(None, &ensembles), Err(Problem::Ended(_))));
        let Err(Problem::Refused(reason)) = finished(Some(b"TSE1 and no more"), &ensembles) else { panic!("explained") };
        assert!(reason.contains("broken"), "{reason}");
    }

    #[test]
    fn a_payload_that_is_not_what_is_described_is_not_read() {
        let trees = stump();
        let (_, payload) = answer(Some(&trees));
        for length in 0..payload.len() {
            let (description, payload) = answer(Some(&trees));
            assert!(Unfinished::read(description, 2, &mut &payload[..length], &Ensembles::default()).is_none(), "{length} bytes");
        }
        for rows in [3, usize::MAX] {
            assert!(Unfinished::read(answer(None).0, rows, &mut &payload[..], &Ensembles::default()).is_none(), "{rows} rows");
        }
    }

    #[test]
    fn too_much_work_is_refused_with_what_can_be_done() {
        let needed = Duration::from_secs(80);
        let told = [120, 0].map(|rows| refused(Refusal::TooLong { needed, rows }).to_string());
        assert!(told[0].contains("80.0 s") && told[0].contains("at most 120 rows"), "{}", told[0]);
        assert!(told[1].contains("more memory or time"), "{}", told[1]);
    }
}
