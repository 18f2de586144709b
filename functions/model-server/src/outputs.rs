//! What a model answers, and how it becomes JSON.

use crate::engine::contributions::Unfinished;
use serde::Deserialize;
use serde_json::{Value, value::RawValue};

/// The answers for a batch.
#[derive(Debug)]
pub struct Outputs {
    /// One answer for each row.
    pub predictions: Answer,
    /// One list of probabilities for each row, where they were asked for.
    pub probabilities: Option<Answer>,
    /// How much each feature contributed, where that was asked for.
    pub contributions: Option<Contributions>,
    /// Contributions that the engine still has to finish before it answers.
    pub unfinished: Option<Unfinished>,
}

/// How much each feature contributed to each row's prediction.
#[derive(Debug)]
pub struct Contributions {
    /// The features' names, the bias last.
    pub features: Vec<String>,
    /// A row for each row, a number for each feature.
    pub values: Array,
}

impl Contributions {
    /// Appends the JSON: for each row a list of `{"feature", "value"}`.
    pub fn write(&self, output: &mut Vec<u8>) {
        let names: Vec<String> = self.features.iter().map(|name| Value::from(name.as_str()).to_string()).collect();
        let rows = self.values.shape.first().copied().unwrap_or(0);
        output.push(b'[');
        for row in 0..rows {
            output.extend_from_slice(if row > 0 { b",[" } else { b"[" });
            for (at, name) in names.iter().enumerate() {
                output.extend_from_slice(if at > 0 { b",{\"feature\":" } else { b"{\"feature\":" });
                output.extend_from_slice(name.as_bytes());
                output.extend_from_slice(b",\"value\":");
                self.values.write_element(row * names.len() + at, output);
                output.push(b'}');
            }
            output.push(b']');
        }
        output.push(b']');
    }
}

/// A list of answers.
#[derive(Debug)]
pub enum Answer {
    /// Numbers in an array whose first dimension is the rows.
    Array(Array),
    /// JSON, as the engine wrote it.
    Json(Box<RawValue>),
}

/// An array of numbers, the last dimension varying fastest.
#[derive(Debug)]
pub struct Array {
    pub shape: Vec<usize>,
    pub elements: Elements,
}

/// The elements of an array.
#[derive(Debug)]
pub enum Elements {
    Floats(Vec<f64>),
    Ints(Vec<i64>),
    Unsigned(Vec<u64>),
    Bools(Vec<bool>),
}

/// How an array's elements travel, as numpy names their kind.
#[derive(Clone, Copy, Debug, Deserialize)]
pub enum Kind {
    #[serde(rename = "f")]
    Float,
    #[serde(rename = "i")]
    Int,
    #[serde(rename = "u")]
    Unsigned,
    #[serde(rename = "b")]
    Bool,
}

impl Array {
    /// An array from its little-endian bytes (8 for each number, 1 for each truth value). `None` where they are too few.
    pub fn from_bytes(kind: Kind, shape: Vec<usize>, bytes: &[u8]) -> Option<Self> {
        let count: usize = shape.iter().product();
        let size = if matches!(kind, Kind::Bool) { 1 } else { 8 };
        let bytes = bytes.get(..count.checked_mul(size)?)?;
        let words = bytes.as_chunks::<8>().0.iter();
        let elements = match kind {
            Kind::Float => Elements::Floats(words.map(|word| f64::from_le_bytes(*word)).collect()),
            Kind::Int => Elements::Ints(words.map(|word| i64::from_le_bytes(*word)).collect()),
            Kind::Unsigned => Elements::Unsigned(words.map(|word| u64::from_le_bytes(*word)).collect()),
            Kind::Bool => Elements::Bools(bytes.iter().map(|byte| *byte != 0).collect()),
        };
        Some(Self { shape, elements })
    }

    /// The number of bytes that follow in a payload for such an array.
    pub fn size(kind: Kind, shape: &[usize]) -> usize {
        shape.iter().product::<usize>() * if matches!(kind, Kind::Bool) { 1 } else { 8 }
    }

    fn write(&self, output: &mut Vec<u8>) {
        let mut next = 0;
        self.write_level(&self.shape, &mut next, output);
    }

    fn write_level(&self, shape: &[usize], next: &mut usize, output: &mut Vec<u8>) {
        let Some((length, inner)) = shape.split_first() else {
            self.write_element(*next, output);
            *next += 1;
            return;
        };
        output.push(b'[');
        for index in 0..*length {
            if index > 0 {
                output.push(b',');
            }
            self.write_level(inner, next, output);
        }
        output.push(b']');
    }

    fn write_element(&self, index: usize, output: &mut Vec<u8>) {
        // Writing to a Vec cannot fail, and an index past the end (which the shape rules out) writes null.
        let _ = match &self.elements {
            // What is not finite is null: JSON has no word for it.
            Elements::Floats(values) => serde_json::to_writer(&mut *output, &values.get(index)),
            Elements::Ints(values) => serde_json::to_writer(&mut *output, &values.get(index)),
            Elements::Unsigned(values) => serde_json::to_writer(&mut *output, &values.get(index)),
            Elements::Bools(values) => serde_json::to_writer(&mut *output, &values.get(index)),
        };
    }

    /// Cuts the array into runs of rows of these lengths. `None` where it has not as many rows as they add up to.
    fn split(self, lengths: &[usize]) -> Option<Vec<Self>> {
        let (rows, inner) = self.shape.split_first()?;
        if *rows != lengths.iter().sum::<usize>() {
            return None;
        }
        let stride: usize = inner.iter().product();
        let mut start = 0;
        let pieces = lengths.iter().map(|length| {
            let range = start * stride..(start + length) * stride;
            start += length;
            let elements = match &self.elements {
                Elements::Floats(values) => Elements::Floats(values.get(range)?.to_vec()),
                Elements::Ints(values) => Elements::Ints(values.get(range)?.to_vec()),
                Elements::Unsigned(values) => Elements::Unsigned(values.get(range)?.to_vec()),
                Elements::Bools(values) => Elements::Bools(values.get(range)?.to_vec()),
            };
            Some(Self { shape: [&[*length][..], inner].concat(), elements })
        });
        pieces.collect()
    }
}

impl Answer {
    /// Appends the answer's JSON.
    pub fn write(&self, output: &mut Vec<u8>) {
        match self {
            Self::Array(array) => array.write(output),
            Self::Json(json) => output.extend_from_slice(json.get().as_bytes()),
        }
    }

    /// Cuts the answer into runs of rows of these lengths; `None` where it is not a list of as many rows.
    pub fn split(self, lengths: &[usize]) -> Option<Vec<Self>> {
        match self {
            Self::Array(array) => Some(array.split(lengths)?.into_iter().map(Self::Array).collect()),
            Self::Json(json) => {
                let rows: Vec<&RawValue> = serde_json::from_str(json.get()).ok()?;
                if rows.len() != lengths.iter().sum::<usize>() {
                    return None;
                }
                let mut rows = rows.into_iter();
                let piece = |length: &usize| {
                    let piece: Vec<&RawValue> = rows.by_ref().take(*length).collect();
                    serde_json::value::to_raw_value(&piece).ok().map(Self::Json)
                };
                lengths.iter().map(piece).collect()
            }
        }
    }
}

impl Outputs {
    /// Cuts the answers of a merged batch into those of its parts.
    pub fn split(self, lengths: &[usize]) -> Option<Vec<Self>> {
        let predictions = self.predictions.split(lengths)?;
        let mut probabilities: Vec<Option<Answer>> = match self.probabilities {
            Some(answer) => answer.split(lengths)?.into_iter().map(Some).collect(),
            None => lengths.iter().map(|_| None).collect(),
        };
        let parts = predictions.into_iter().zip(probabilities.drain(..));
        Some(parts.map(|(predictions, probabilities)| Self { predictions, probabilities, contributions: None, unfinished: None }).collect())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn text(answer: &Answer) -> String {
        let mut output = Vec::new();
        answer.write(&mut output);
        String::from_utf8(output).unwrap()
    }

    #[test]
    fn arrays_become_nested_lists() {
        let bytes: Vec<u8> = [1.0, 2.5, f64::NAN, f64::INFINITY].iter().flat_map(|value: &f64| value.to_le_bytes()).collect();
        let array = Array::from_bytes(Kind::Float, vec![2, 2], &bytes).unwrap();
        assert_eq!(text(&Answer::Array(array)), "[[1.0,2.5],[null,null]]");
        let array = Array::from_bytes(Kind::Bool, vec![2], &[1, 0]).unwrap();
        assert_eq!(text(&Answer::Array(array)), "[true,false]");
        assert!(Array::from_bytes(Kind::Int, vec![2], &[0; 15]).is_none());
        assert_eq!(text(&Answer::Array(Array::from_bytes(Kind::Int, vec![], &[7, 0, 0, 0, 0, 0, 0, 0]).unwrap())), "7");
    }

    #[test]
    fn answers_are_cut_by_rows() {
        let bytes: Vec<u8> = (0..6_i64).flat_map(i64::to_le_bytes).collect();
        let array = || Answer::Array(Array::from_bytes(Kind::Int, vec![3, 2], &bytes).unwrap());
        let pieces = array().split(&[1, 2]).unwrap();
        assert_eq!(pieces.iter().map(text).collect::<Vec<_>>(), ["[[0,1]]", "[[2,3],[4,5]]"]);
        assert!(array().split(&[1, 1]).is_none());
        let json = Answer::Json(RawValue::from_string(r#"["a",{"b":1},null]"#.into()).unwrap());
        assert_eq!(json.split(&[2, 1]).unwrap().iter().map(text).collect::<Vec<_>>(), [r#"["a",{"b":1}]"#, "[null]"]);
    }
}
