//! Whether a deployment predicts otherwise than it did: the population stability index of the window's predictions against those
//! before it.

use drift::{Comparison, Outcome, ProfileBuilder};
use serde_json::{Map, Value};

use crate::domain::alert::Observation;
use crate::domain::metrics::Span;
use crate::projects::analysis;
use crate::store::inference_logs::Between;
use crate::{Platform, Result, Timestamp};

/// So many rows are compared, of the window and of what was before it.
const MOST_ROWS: usize = 2000;
/// So many records are looked at for them.
const MOST_RECORDS: usize = 2000;
const PAGE: u32 = 500;
/// So many outputs of a prediction that has several are looked at.
const MOST_OUTPUTS: usize = 20;

/// The highest index of an output; 0.1 is little, 0.25 much.
///
/// # Errors
/// `Internal` when DynamoDB does not answer.
pub async fn index(platform: &Platform, deployment_id: &str, begin: i64, now: Timestamp) -> Result<Observation> {
    let kept = analysis::span(platform, None, None)?;
    let recent = rows(platform, deployment_id, Between { low: begin.max(kept.low), high: now.milliseconds() + 1 }).await?;
    if recent.is_empty() {
        let requests = platform.store()?.counts(deployment_id, Span::Hour, begin).await?;
        return Ok(match requests.is_empty() {
            true => Observation::Nothing,
            false => Observation::Unknown("The window's predictions failed, or were not kept.".to_owned()),
        });
    }
    let before = rows(platform, deployment_id, Between { low: kept.low, high: begin }).await?;
    Ok(compare(&before, &recent))
}

fn compare(before: &[Map<String, Value>], recent: &[Map<String, Value>]) -> Observation {
    let mut profile = ProfileBuilder::new();
    before.iter().for_each(|row| profile.add_row(row));
    let profile = profile.finish();
    let mut comparison = Comparison::new(&profile);
    recent.iter().for_each(|row| comparison.add_row(row));
    match comparison.finish() {
        Outcome::Computed(report) => match report.features.values().map(|output| output.psi).max_by(f64::total_cmp) {
            Some(highest) => Observation::Value(highest),
            None => Observation::Unknown("The predictions have nothing in common with those before.".to_owned()),
        },
        Outcome::TooFewRows { rows, needed } => {
            Observation::Unknown(format!("There are {rows} predictions in the window, and {needed} are needed."))
        }
        Outcome::TooFewTrainingRows { rows, needed } => {
            Observation::Unknown(format!("There are {rows} predictions before the window, and {needed} are needed."))
        }
        Outcome::NoSharedFeatures => Observation::Unknown("The predictions have nothing in common with those before.".to_owned()),
    }
}

async fn rows(platform: &Platform, deployment_id: &str, span: Between) -> Result<Vec<Map<String, Value>>> {
    let (store, mut rows, mut start, mut looked_at) = (platform.store()?, Vec::new(), None, 0);
    loop {
        let (records, next) = store.predictions_page(deployment_id, span, start, PAGE).await?;
        looked_at += records.len();
        rows.extend(records.iter().flatten().flat_map(outputs));
        if next.is_none() || rows.len() >= MOST_ROWS || looked_at >= MOST_RECORDS {
            rows.truncate(MOST_ROWS);
            return Ok(rows);
        }
        start = next;
    }
}

/// The predictions of a record, each as a row: a column for each output.
fn outputs(predictions: &Value) -> Vec<Map<String, Value>> {
    let Some(predictions) = predictions.as_array() else { return Vec::new() };
    let row = |prediction: &Value| match prediction {
        Value::Array(outputs) => {
            outputs.iter().take(MOST_OUTPUTS).enumerate().map(|(at, output)| (at.to_string(), output.clone())).collect()
        }
        Value::Object(outputs) => outputs.iter().take(MOST_OUTPUTS).map(|(name, output)| (name.clone(), output.clone())).collect(),
        scalar => Map::from_iter([("prediction".to_owned(), scalar.clone())]),
    };
    predictions.iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn rows(count: usize, prediction: impl Fn(usize) -> Value) -> Vec<Map<String, Value>> {
        outputs(&Value::Array((0..count).map(prediction).collect()))
    }

    #[test]
    fn other_predictions_are_told_from_the_same() {
        let label = |every: usize| move |at: usize| json!(if at.is_multiple_of(every) { "fraud" } else { "fine" });
        let index = |observation| match observation {
            Observation::Value(value) => value,
            other => panic!("{other:?}"),
        };
        assert!(index(compare(&rows(1000, label(10)), &rows(500, label(10)))) < 0.1);
        assert!(index(compare(&rows(1000, label(10)), &rows(500, label(2)))) > 0.25);
        let number = |shift: usize| move |at: usize| json!([((at * 37) % 101 + shift) as f64 / 7.0, 1.5]);
        assert!(index(compare(&rows(1000, number(0)), &rows(1000, number(0)))) < 0.1);
        assert!(index(compare(&rows(1000, number(0)), &rows(1000, number(60)))) > 0.25);
        assert!(matches!(compare(&rows(1000, label(2)), &rows(20, label(2))), Observation::Unknown(_)));
        assert!(matches!(compare(&rows(20, label(2)), &rows(1000, label(2))), Observation::Unknown(_)));
    }
}
