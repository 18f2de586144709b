//! Values of metrics that name the model on which they were measured.

use shared::Result;
use shared::domain::logged_model::ModelMetric;

use crate::message::Message;

/// Those of the metrics that name a model, each with the model's id.
///
/// # Errors
/// `BadRequest` when a part is not what it must be.
pub fn of(run_id: &str, metrics: &[Message]) -> Result<Vec<(String, ModelMetric)>> {
    let mut found = Vec::new();
    for metric in metrics {
        let Some(model_id) = metric.text("model_id")?.filter(|id| !id.is_empty() && id.len() <= 256) else { continue };
        let (key, point) = metric.metric("")?;
        let measured = ModelMetric {
            key,
            value: point.value,
            timestamp: point.timestamp,
            step: point.step,
            run_id: run_id.to_owned(),
            dataset_name: metric.text("dataset_name")?.filter(|name| !name.is_empty()),
            dataset_digest: metric.text("dataset_digest")?.filter(|digest| !digest.is_empty()),
        };
        found.push((model_id, measured));
    }
    Ok(found)
}
