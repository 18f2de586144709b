//! By how much a deployment's predictions are less accurate than they were: what turned out to be true of the predictions of the
//! window, against that of the predictions before it.

use serde_json::Value;

use crate::domain::alert::Observation;
use crate::domain::ground_truth::GroundTruth;
use crate::{Platform, Result};

/// So many of the newest are looked at, of the window and of what was before.
const MOST: usize = 2000;
/// From fewer, nothing is said.
const FEWEST: usize = 30;
/// The largest degradation that is told, in percent: an error that was nothing can grow without bound.
const LARGEST: f64 = 1e6;

/// The degradation in percent: of labels by how many points their accuracy fell, of numbers by how much their mean absolute error
/// grew. It is below nothing where predictions became better.
///
/// # Errors
/// `Internal` when DynamoDB does not answer.
pub async fn degradation(platform: &Platform, deployment_id: &str, begin: i64) -> Result<Observation> {
    let store = platform.store()?;
    let mut recent = store.newest_ground_truths(deployment_id, None, MOST).await?;
    recent.retain(|truth| crate::id::milliseconds(&truth.prediction_id).is_some_and(|made| made >= begin));
    let before = store.newest_ground_truths(deployment_id, Some(begin), MOST).await?;
    Ok(compare(&pairs(before), &pairs(recent)))
}

/// What was predicted, with what turned out to be true.
type Pair = (Value, Value);

fn pairs(truths: Vec<GroundTruth>) -> Vec<Pair> {
    truths.into_iter().filter_map(|truth| Some((truth.predicted?, truth.value))).collect()
}

fn compare(before: &[Pair], recent: &[Pair]) -> Observation {
    for (pairs, when) in [(recent, "in the window"), (before, "before the window")] {
        if pairs.len() < FEWEST {
            return Observation::Unknown(format!("What was true is known of {} predictions {when}; {FEWEST} are needed.", pairs.len()));
        }
    }
    match (mean_error(before), mean_error(recent)) {
        (Some(before), Some(recent)) if [before, recent].iter().all(|error| error.is_finite()) => {
            let grown = recent - before;
            Observation::Value(if grown == 0.0 { 0.0 } else { (100.0 * grown / before).clamp(-100.0, LARGEST) })
        }
        _ => Observation::Value(100.0 * (accuracy(before) - accuracy(recent))),
    }
}

/// The mean absolute error, where the pairs are of numbers that are measured, not labels: one of them is a fraction.
fn mean_error(pairs: &[Pair]) -> Option<f64> {
    let numbers: Vec<(f64, f64)> =
        pairs.iter().map(|(predicted, value)| Some((number(predicted)?, number(value)?))).collect::<Option<_>>()?;
    let measured = numbers.iter().any(|(predicted, value)| predicted.fract() != 0.0 || value.fract() != 0.0);
    measured.then(|| numbers.iter().map(|(predicted, value)| (predicted - value).abs()).sum::<f64>() / numbers.len() as f64)
}

fn accuracy(pairs: &[Pair]) -> f64 {
    pairs.iter().filter(|(predicted, value)| same(predicted, value)).count() as f64 / pairs.len() as f64
}

/// A label may be written as a number or as its text.
fn same(predicted: &Value, value: &Value) -> bool {
    match (number(predicted), number(value)) {
        (Some(predicted), Some(value)) => predicted == value,
        _ => text(predicted) == text(value),
    }
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn labels(right: usize, wrong: usize) -> Vec<Pair> {
        let right = (0..right).map(|_| (json!("fraud"), json!("fraud")));
        right.chain((0..wrong).map(|_| (json!(1), json!("0")))).collect()
    }

    fn numbers(error: f64) -> Vec<Pair> {
        (0..40).map(|at| (json!(f64::from(at) + error), json!(at))).collect()
    }

    fn value(observation: Observation) -> f64 {
        match observation {
            Observation::Value(value) => (value * 1e6).round() / 1e6,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn labels_fall_by_points() {
        assert_eq!(value(compare(&labels(90, 10), &labels(40, 10))), 10.0);
        assert_eq!(value(compare(&labels(40, 10), &labels(90, 10))), -10.0);
        let of_numbers: Vec<Pair> = (0..30).map(|_| (json!(1), json!("1"))).collect();
        assert_eq!(value(compare(&of_numbers, &of_numbers)), 0.0);
    }

    #[test]
    fn errors_of_numbers_grow_by_parts() {
        assert_eq!(value(compare(&numbers(0.5), &numbers(0.75))), 50.0);
        assert_eq!(value(compare(&numbers(0.5), &numbers(0.25))), -50.0);
        assert_eq!(value(compare(&numbers(0.5), &numbers(0.5))), 0.0);
    }

    #[test]
    fn of_few_nothing_is_said() {
        for (before, recent) in [(labels(29, 0), labels(50, 0)), (labels(50, 0), labels(29, 0)), (Vec::new(), Vec::new())] {
            assert!(matches!(compare(&before, &recent), Observation::Unknown(_)));
        }
    }
}
