//! Responses as MLflow's server writes them: protobuf's JSON with its field names, whole numbers as numbers, NaN as text,
//! and what is not set left out.

use serde_json::{Map, Value, json};
use shared::domain::experiment::Experiment;
use shared::domain::logged_model::{LoggedModel, LoggedModelStatus, ModelMetric};
use shared::domain::registered_model::{ModelVersion, RegisteredModel, VersionStatus};
use shared::domain::run::{MetricPoint, Run};

use std::collections::BTreeMap;

/// A real number as protobuf's JSON has it.
pub fn number(value: f64) -> Value {
    match value {
        value if value.is_nan() => json!("NaN"),
        f64::INFINITY => json!("Infinity"),
        f64::NEG_INFINITY => json!("-Infinity"),
        value => json!(value),
    }
}

/// Keys and values as a list.
pub fn pairs(pairs: &BTreeMap<String, String>) -> Vec<Value> {
    pairs.iter().map(|(key, value)| json!({ "key": key, "value": value })).collect()
}

/// An object without the fields that are null or empty lists.
pub fn object(fields: Value) -> Value {
    match fields {
        Value::Object(fields) => {
            let is_set = |value: &Value| !value.is_null() && value.as_array().is_none_or(|values| !values.is_empty());
            Value::Object(fields.into_iter().filter(|(_, value)| is_set(value)).collect::<Map<_, _>>())
        }
        other => other,
    }
}

/// An experiment.
pub fn experiment(experiment: &Experiment) -> Value {
    object(json!({
        "experiment_id": experiment.id,
        "name": experiment.name,
        "artifact_location": experiment.artifact_location,
        "lifecycle_stage": experiment.lifecycle_stage.name(),
        "last_update_time": experiment.last_update_time,
        "creation_time": experiment.creation_time,
        "tags": pairs(&experiment.tags),
    }))
}

/// A run without what it logged.
pub fn run_info(run: &Run) -> Value {
    object(json!({
        "run_id": run.id,
        "run_uuid": run.id,
        "run_name": run.name,
        "experiment_id": run.experiment_id,
        "user_id": run.user_id,
        "status": run.status.name(),
        "start_time": run.start_time,
        "end_time": run.end_time.filter(|time| *time != 0),
        "artifact_uri": run.artifact_uri,
        "lifecycle_stage": run.lifecycle_stage.name(),
    }))
}

/// A metric's value.
pub fn metric(key: &str, point: MetricPoint) -> Value {
    json!({ "key": key, "value": number(point.value), "timestamp": point.timestamp, "step": point.step })
}

/// A metric's value with its run.
pub fn metric_of_run(key: &str, point: MetricPoint, run_id: &str) -> Value {
    let mut metric = metric(key, point);
    metric["run_id"] = json!(run_id);
    metric
}

/// A run with what it logged. `dataset_inputs` are the datasets that it used.
pub fn run(run: &Run, dataset_inputs: Vec<Value>) -> Value {
    let metrics: Vec<Value> = run.metrics.iter().map(|(key, point)| metric(key, *point)).collect();
    let model_inputs: Vec<Value> = run.model_inputs.iter().map(|model_id| json!({ "model_id": model_id })).collect();
    let outputs: Vec<Value> = run.model_outputs.iter().map(|output| json!({ "model_id": output.model_id, "step": output.step })).collect();
    json!({
        "info": run_info(run),
        "data": object(json!({ "metrics": metrics, "params": pairs(&run.params), "tags": pairs(&run.tags) })),
        "inputs": object(json!({ "dataset_inputs": dataset_inputs, "model_inputs": model_inputs })),
        "outputs": object(json!({ "model_outputs": outputs })),
    })
}

fn model_metric(model: &LoggedModel, metric: &ModelMetric) -> Value {
    object(json!({
        "key": metric.key,
        "value": number(metric.value),
        "timestamp": metric.timestamp,
        "step": metric.step,
        "dataset_name": metric.dataset_name,
        "dataset_digest": metric.dataset_digest,
        "model_id": model.id,
        "run_id": metric.run_id,
    }))
}

/// A logged model.
pub fn logged_model(model: &LoggedModel) -> Value {
    let status = match model.status {
        LoggedModelStatus::Pending => "LOGGED_MODEL_PENDING",
        LoggedModelStatus::Ready => "LOGGED_MODEL_READY",
        LoggedModelStatus::UploadFailed => "LOGGED_MODEL_UPLOAD_FAILED",
    };
    let metrics: Vec<Value> = model.metrics.iter().map(|metric| model_metric(model, metric)).collect();
    json!({
        "info": object(json!({
            "model_id": model.id,
            "experiment_id": model.experiment_id,
            "name": model.name,
            "creation_timestamp_ms": model.creation_time,
            "last_updated_timestamp_ms": model.last_update_time,
            "artifact_uri": model.artifact_uri,
            "status": status,
            "model_type": model.model_type,
            "source_run_id": model.source_run_id,
            "status_message": model.status_message,
            "tags": pairs(&model.tags),
        })),
        "data": object(json!({ "params": pairs(&model.params), "metrics": metrics })),
    })
}

/// A version of a registered model.
pub fn model_version(version: &ModelVersion) -> Value {
    let status = match version.status {
        VersionStatus::PendingRegistration => "PENDING_REGISTRATION",
        VersionStatus::FailedRegistration => "FAILED_REGISTRATION",
        VersionStatus::Ready => "READY",
    };
    object(json!({
        "name": version.model_name,
        "version": version.version.to_string(),
        "creation_timestamp": version.created_at.milliseconds(),
        "last_updated_timestamp": version.updated_at.milliseconds(),
        "current_stage": version.stage.name(),
        "description": version.description.as_deref().unwrap_or(""),
        "source": version.source,
        "run_id": version.run_id.as_deref().unwrap_or(""),
        "status": status,
        "tags": pairs(&version.tags),
        "run_link": version.run_link.as_deref().unwrap_or(""),
        "aliases": version.aliases,
        "model_id": version.model_id,
    }))
}

/// A registered model with its latest version in each stage.
pub fn registered_model(model: &RegisteredModel, latest: &[ModelVersion]) -> Value {
    let aliases: Vec<Value> =
        model.aliases.iter().map(|(alias, version)| json!({ "alias": alias, "version": version.to_string() })).collect();
    object(json!({
        "name": model.name,
        "creation_timestamp": model.created_at.milliseconds(),
        "last_updated_timestamp": model.updated_at.milliseconds(),
        "description": model.description.as_deref().filter(|description| !description.is_empty()),
        "latest_versions": latest.iter().map(model_version).collect::<Vec<_>>(),
        "tags": pairs(&model.tags),
        "aliases": aliases,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_json_has_not_are_text() {
        assert_eq!(number(f64::NAN), json!("NaN"));
        assert_eq!(number(f64::NEG_INFINITY), json!("-Infinity"));
        assert_eq!(number(0.5), json!(0.5));
    }

    #[test]
    fn what_is_not_set_is_left_out() {
        assert_eq!(object(json!({ "a": null, "b": [], "c": "", "d": 0 })), json!({ "c": "", "d": 0 }));
    }
}
