//! What experiments, runs, models and versions have in the fields that a search asks about.

use super::filter::{Field, Given};
use crate::domain::experiment::Experiment;
use crate::domain::logged_model::LoggedModel;
use crate::domain::registered_model::{ModelVersion, RegisteredModel};
use crate::domain::run::Run;

fn time(milliseconds: i64) -> Given {
    Given::Number(milliseconds as f64)
}

impl Experiment {
    /// What it has in a field.
    pub fn given(&self, field: &Field) -> Given {
        match field {
            Field::Tag(key) => Given::entry(&self.tags, key),
            Field::Attribute(name) => match name.as_str() {
                "name" => Given::text(Some(&self.name)),
                "experiment_id" => Given::text(Some(&self.id)),
                "creation_time" => time(self.creation_time),
                "last_update_time" => time(self.last_update_time),
                _ => Given::Nothing,
            },
            _ => Given::Nothing,
        }
    }
}

impl Run {
    /// What it has in a field; datasets are asked elsewhere.
    pub fn given(&self, field: &Field) -> Given {
        match field {
            Field::Metric(key) => self.metrics.get(key).map_or(Given::Nothing, |point| Given::Number(point.value)),
            Field::Param(key) => Given::entry(&self.params, key),
            Field::Tag(key) => Given::entry(&self.tags, key),
            Field::Dataset(_) => Given::Nothing,
            Field::Attribute(name) => match name.as_str() {
                "run_id" => Given::text(Some(&self.id)),
                "run_name" => Given::text(Some(&self.name)),
                "experiment_id" => Given::text(Some(&self.experiment_id)),
                "user_id" => Given::text(Some(&self.user_id)),
                "status" => Given::text(Some(self.status.name())),
                "artifact_uri" => Given::text(Some(&self.artifact_uri)),
                "lifecycle_stage" => Given::text(Some(self.lifecycle_stage.name())),
                "start_time" => time(self.start_time),
                "end_time" => self.end_time.map_or(Given::Nothing, time),
                _ => Given::Nothing,
            },
        }
    }
}

impl LoggedModel {
    /// What it has in a field.
    pub fn given(&self, field: &Field) -> Given {
        match field {
            Field::Metric(key) => self.latest_metric(key).map_or(Given::Nothing, Given::Number),
            Field::Param(key) => Given::entry(&self.params, key),
            Field::Tag(key) => Given::entry(&self.tags, key),
            Field::Dataset(_) => Given::Nothing,
            Field::Attribute(name) => match name.as_str() {
                "name" => Given::text(Some(&self.name)),
                "model_id" => Given::text(Some(&self.id)),
                "model_type" => Given::text(self.model_type.as_deref()),
                "status" => Given::text(Some(self.status.name())),
                "source_run_id" => Given::text(self.source_run_id.as_deref()),
                "experiment_id" => Given::text(Some(&self.experiment_id)),
                "artifact_location" => Given::text(Some(&self.artifact_uri)),
                "status_message" => Given::text(self.status_message.as_deref()),
                "creation_timestamp_ms" => time(self.creation_time),
                "last_updated_timestamp_ms" => time(self.last_update_time),
                _ => Given::Nothing,
            },
        }
    }

    /// The latest value of a metric that was measured on it.
    pub fn latest_metric(&self, key: &str) -> Option<f64> {
        let measured = self.metrics.iter().filter(|metric| metric.key == key);
        measured.max_by_key(|metric| (metric.timestamp, metric.step)).map(|metric| metric.value)
    }
}

impl RegisteredModel {
    /// What it has in a field.
    pub fn given(&self, field: &Field) -> Given {
        match field {
            Field::Tag(key) => Given::entry(&self.tags, key),
            Field::Attribute(name) => match name.as_str() {
                "name" => Given::text(Some(&self.name)),
                "last_updated_timestamp" => time(self.updated_at.milliseconds()),
                _ => Given::Nothing,
            },
            _ => Given::Nothing,
        }
    }
}

impl ModelVersion {
    /// What it has in a field.
    pub fn given(&self, field: &Field) -> Given {
        match field {
            Field::Tag(key) => Given::entry(&self.tags, key),
            Field::Attribute(name) => match name.as_str() {
                "name" => Given::text(Some(&self.model_name)),
                "run_id" => Given::text(self.run_id.as_deref()),
                "source_path" => Given::text(Some(&self.source)),
                "version_number" => Given::Number(self.version as f64),
                "creation_timestamp" => time(self.created_at.milliseconds()),
                "last_updated_timestamp" => time(self.updated_at.milliseconds()),
                _ => Given::Nothing,
            },
            _ => Given::Nothing,
        }
    }
}
