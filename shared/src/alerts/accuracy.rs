//! By how much a deployment's predictions are less accurate than they were: what turned out to be true of the predictions of the
//! window, against that of the predictions before it.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::domain::alert::Observation;
use crate::domain::ground_truth::GroundTruth;
use crate::{Platform, Result};

/// So many of the newest are looked at, of the window and of what was before.
const MOST: usize = 2000;
/// So many of them may have been told before their prediction's record had arrived.
const MOST_EARLY: usize = 200;
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
    let recent = with_predictions(platform, deployment_id, recent).await?;
    let before = with_predictions(platform, deployment_id, before).await?;
    Ok(compare(&pairs(before), &pairs(recent)))
}

/// What was told before the prediction's record had arrived, with the record's prediction.
async fn with_predictions(platform: &Platform, deployment_id: &str, mut truths: Vec<GroundTruth>) -> Result<Vec<GroundTruth>> {
    let early = truths.iter().filter(|truth| truth.predicted.is_none()).take(MOST_EARLY);
    let ids: BTreeSet<String> = early.map(|truth| truth.prediction_id.clone()).collect();
    if ids.is_empty() {
        return Ok(truths);
    }
    let records = platform.store()?.inference_logs_by_id(deployment_id, &ids).await?;
    for truth in truths.iter_mut().filter(|truth| truth.predicted.is_none()) {
        let predictions = records.get(&truth.prediction_id).and_then(|record| record.predictions.as_ref());
        truth.predicted = predictions.and_then(|predictions| predictions.get(truth.record as usize)).cloned();
    }
    Ok(truths)
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
    Observation::Value(match (numbers(before), numbers(recent)) {
        // Numbers of which one is a fraction are measured; others are labels.
        (Some(before), Some(recent)) if before.iter().chain(&recent).any(|pair| pair.0.fract() != 0.0 || pair.1.fract() != 0.0) => {
            let (before, recent) = (mean_error(&before), mean_error(&recent));
            let grown = recent - before;
            if grown == 0.0 { 0.0 } else { (100.0 * grown / before).clamp(-100.0, LARGEST) }
        }
        _ => 100.0 * (accuracy(before) - accuracy(recent)),
    })
}

/// The pairs as numbers, where all of them are.
fn numbers(pairs: &[Pair]) -> Option<Vec<(f64, f64)>> {
    pairs.iter().map(|(predicted, value)| Some((number(predicted)?, number(value)?))).collect()
}

fn mean_error(pairs: &[(f64, f64)]) -> f64 {
    let count = pairs.len() as f64;
    // Divided first: a sum of very large numbers would be infinite.
    pairs.iter().map(|(predicted, value)| (predicted / count - value / count).abs()).sum()
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
        Value::String(text) => text.trim().parse().ok().filter(|number: &f64| number.is_finite()),
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

    fn measures(error: f64) -> Vec<Pair> {
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
        assert_eq!(value(compare(&measures(0.5), &measures(0.75))), 50.0);
        assert_eq!(value(compare(&measures(0.5), &measures(0.25))), -50.0);
        assert_eq!(value(compare(&measures(0.5), &measures(0.5))), 0.0);
        assert_eq!(value(compare(&measures(0.5), &measures(1.0))), 100.0, "the recent ones happen to be whole");
    }

    #[test]
    fn of_few_nothing_is_said() {
        for (before, recent) in [(labels(29, 0), labels(50, 0)), (labels(50, 0), labels(29, 0)), (Vec::new(), Vec::new())] {
            assert!(matches!(compare(&before, &recent), Observation::Unknown(_)));
        }
    }
}
