//! The types of MLflow's GraphQL schema that are answered: their fields, and what each holds. Names are those of the REST
//! API's messages; GraphQL writes them in camel case.

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A text, or a name out of a list.
    Text,
    /// A whole number, written as text: JavaScript's numbers are too short for it.
    Long,
    /// A real number; null where JSON has none for it.
    Float,
    /// Yes or no.
    Flag,
    /// Texts.
    Texts,
    /// An object of another type.
    One(&'static str),
    /// Objects of another type.
    Many(&'static str),
}

use Kind::{Flag, Float, Long, Many, One, Text, Texts};

/// The type of the root fields.
pub const ROOT: &str = "Query";

/// A type's name and its fields.
type Type = (&'static str, &'static [(&'static str, Kind)]);

const PAIR: &[(&str, Kind)] = &[("key", Text), ("value", Text)];

const TYPES: &[Type] = &[
    (
        ROOT,
        &[
            ("mlflow_get_experiment", One("GetExperiment")),
            ("mlflow_get_metric_history_bulk_interval", One("GetMetricHistoryBulkInterval")),
            ("mlflow_get_run", One("GetRun")),
            ("mlflow_list_artifacts", One("ListArtifacts")),
            ("mlflow_search_model_versions", One("SearchModelVersions")),
            ("mlflow_search_runs", One("SearchRuns")),
            ("mlflow_search_datasets", One("SearchDatasets")),
            ("test", One("Test")),
        ],
    ),
    ("Test", &[("output", Text)]),
    ("GetExperiment", &[("experiment", One("Experiment")), ("api_error", One("ApiError"))]),
    ("GetMetricHistoryBulkInterval", &[("metrics", Many("Metric")), ("api_error", One("ApiError"))]),
    ("GetRun", &[("run", One("Run")), ("api_error", One("ApiError"))]),
    ("ListArtifacts", &[("root_uri", Text), ("files", Many("File")), ("next_page_token", Text), ("api_error", One("ApiError"))]),
    ("SearchModelVersions", &[("model_versions", Many("ModelVersion")), ("next_page_token", Text), ("api_error", One("ApiError"))]),
    ("SearchRuns", &[("runs", Many("Run")), ("next_page_token", Text), ("api_error", One("ApiError"))]),
    ("SearchDatasets", &[("dataset_summaries", Many("DatasetSummary")), ("api_error", One("ApiError"))]),
    ("ApiError", &[("code", Text), ("message", Text), ("help_url", Text)]),
    (
        "Experiment",
        &[
            ("experiment_id", Text),
            ("name", Text),
            ("artifact_location", Text),
            ("lifecycle_stage", Text),
            ("last_update_time", Long),
            ("creation_time", Long),
            ("tags", Many("Tag")),
            ("effective_trace_archival_retention", Text),
        ],
    ),
    (
        "Run",
        &[
            ("info", One("RunInfo")),
            ("data", One("RunData")),
            ("inputs", One("RunInputs")),
            ("outputs", One("RunOutputs")),
            ("experiment", One("Experiment")),
            ("model_versions", Many("ModelVersion")),
        ],
    ),
    (
        "RunInfo",
        &[
            ("run_id", Text),
            ("run_uuid", Text),
            ("run_name", Text),
            ("experiment_id", Text),
            ("user_id", Text),
            ("status", Text),
            ("start_time", Long),
            ("end_time", Long),
            ("artifact_uri", Text),
            ("lifecycle_stage", Text),
        ],
    ),
    ("RunData", &[("metrics", Many("Metric")), ("params", Many("Tag")), ("tags", Many("Tag"))]),
    ("RunInputs", &[("dataset_inputs", Many("DatasetInput")), ("model_inputs", Many("ModelInput"))]),
    ("RunOutputs", &[("model_outputs", Many("ModelOutput"))]),
    ("ModelInput", &[("model_id", Text)]),
    ("ModelOutput", &[("model_id", Text), ("step", Long)]),
    ("DatasetInput", &[("tags", Many("Tag")), ("dataset", One("Dataset"))]),
    ("Dataset", &[("name", Text), ("digest", Text), ("source_type", Text), ("source", Text), ("schema", Text), ("profile", Text)]),
    ("DatasetSummary", &[("experiment_id", Text), ("name", Text), ("digest", Text), ("context", Text)]),
    (
        "Metric",
        &[
            ("key", Text),
            ("value", Float),
            ("timestamp", Long),
            ("step", Long),
            ("dataset_name", Text),
            ("dataset_digest", Text),
            ("model_id", Text),
            ("run_id", Text),
        ],
    ),
    ("File", &[("path", Text), ("is_dir", Flag), ("file_size", Long)]),
    (
        "ModelVersion",
        &[
            ("name", Text),
            ("version", Text),
            ("creation_timestamp", Long),
            ("last_updated_timestamp", Long),
            ("user_id", Text),
            ("current_stage", Text),
            ("description", Text),
            ("source", Text),
            ("run_id", Text),
            ("status", Text),
            ("status_message", Text),
            ("tags", Many("Tag")),
            ("run_link", Text),
            ("aliases", Texts),
            ("model_id", Text),
            ("model_params", Many("ModelParam")),
            ("model_metrics", Many("Metric")),
        ],
    ),
    ("ModelParam", &[("name", Text), ("value", Text)]),
    ("Tag", PAIR),
];

/// What a type's field holds, by the field's name in the REST API.
pub fn field(type_name: &str, name: &str) -> Option<Kind> {
    let (_, fields) = TYPES.iter().find(|(known, _)| *known == type_name)?;
    fields.iter().find(|(known, _)| *known == name).map(|(_, kind)| *kind)
}

/// A name as the REST API writes it: `runId` is `run_id`.
pub fn snake_case(name: &str) -> String {
    name.chars().fold(String::new(), |mut snake, letter| {
        if letter.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
        snake
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_that_a_field_holds_is_there() {
        for (name, fields) in TYPES {
            for (field, kind) in *fields {
                if let One(held) | Many(held) = kind {
                    assert!(TYPES.iter().any(|(known, _)| known == held), "{name}.{field} holds {held}");
                }
            }
        }
    }

    #[test]
    fn names_are_those_of_the_rest_api() {
        assert_eq!(snake_case("mlflowGetMetricHistoryBulkInterval"), "mlflow_get_metric_history_bulk_interval");
        assert_eq!(field("RunInfo", &snake_case("startTime")), Some(Long));
        assert_eq!(field("RunInfo", "password"), None);
    }
}
