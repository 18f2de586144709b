//! What may be asked about experiments, runs, logged models, registered models and versions.

/// What a search may ask about.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// Whether metrics can be asked about.
    pub metrics: bool,
    /// Whether params can be asked about.
    pub params: bool,
    /// Whether datasets can be asked about.
    pub datasets: bool,
    /// Whether the absence of a param or tag can be asked about.
    pub absence: bool,
    /// The attributes that are text.
    pub texts: &'static [&'static str],
    /// The attributes that are numbers.
    pub numbers: &'static [&'static str],
    /// The text attributes that can be compared with a list.
    pub lists: &'static [&'static str],
    /// The attributes by which results can be ordered.
    pub orders: &'static [&'static str],
    /// What an error calls those.
    pub order_key: &'static str,
    /// The words before the dot that are taken.
    pub entities: &'static [&'static str],
    /// Other names of attributes, each with the name proper.
    pub aliases: &'static [(&'static str, &'static str)],
}

/// Runs.
pub const RUNS: Rules = Rules {
    metrics: true,
    params: true,
    datasets: true,
    absence: true,
    texts: &["artifact_uri", "experiment_id", "run_id", "run_name", "status", "user_id", "lifecycle_stage"],
    numbers: &["start_time", "end_time"],
    lists: &["run_id"],
    orders: &["start_time", "end_time", "artifact_uri", "run_id", "run_name", "status", "user_id", "experiment_id"],
    order_key: "attribute key",
    entities: &[
        "metric",
        "metrics",
        "parameter",
        "parameters",
        "param",
        "params",
        "tag",
        "tags",
        "attribute",
        "attributes",
        "attr",
        "run",
        "dataset",
        "datasets",
    ],
    aliases: &[
        ("created", "start_time"),
        ("Created", "start_time"),
        ("run name", "run_name"),
        ("Run name", "run_name"),
        ("Run Name", "run_name"),
    ],
};

/// Experiments.
pub const EXPERIMENTS: Rules = Rules {
    metrics: false,
    params: false,
    datasets: false,
    absence: true,
    texts: &["name", "experiment_id"],
    numbers: &["creation_time", "last_update_time"],
    lists: &["experiment_id"],
    orders: &["name", "experiment_id", "creation_time", "last_update_time"],
    order_key: "attribute key",
    entities: &["attribute", "attributes", "tag", "tags"],
    aliases: &[],
};

/// Registered models.
pub const REGISTERED_MODELS: Rules = Rules {
    metrics: false,
    params: false,
    datasets: false,
    absence: false,
    texts: &["name"],
    numbers: &[],
    lists: &["name"],
    orders: &["name", "timestamp", "last_updated_timestamp"],
    order_key: "order by key",
    entities: &["attribute", "tag", "tags"],
    aliases: &[("timestamp", "last_updated_timestamp")],
};

/// Versions of registered models.
pub const MODEL_VERSIONS: Rules = Rules {
    metrics: false,
    params: false,
    datasets: false,
    absence: false,
    texts: &["name", "run_id", "source_path"],
    numbers: &["version_number"],
    lists: &["run_id", "name"],
    orders: &["name", "version_number", "creation_timestamp", "last_updated_timestamp"],
    order_key: "attribute key",
    entities: &["attribute", "tag", "tags"],
    aliases: &[],
};

/// Logged models.
pub const LOGGED_MODELS: Rules = Rules {
    metrics: true,
    params: true,
    datasets: false,
    absence: false,
    texts: &["name", "model_id", "model_type", "status", "source_run_id", "experiment_id", "artifact_location", "status_message"],
    numbers: &["creation_timestamp_ms", "last_updated_timestamp_ms"],
    lists: &["name", "model_id", "model_type", "status", "source_run_id", "experiment_id"],
    orders: &[
        "creation_timestamp_ms",
        "last_updated_timestamp_ms",
        "name",
        "model_id",
        "model_type",
        "status",
        "source_run_id",
        "experiment_id",
    ],
    order_key: "attribute key",
    entities: &["attributes", "metrics", "params", "tags"],
    aliases: &[
        ("creation_time", "creation_timestamp_ms"),
        ("creation_timestamp", "creation_timestamp_ms"),
        ("last_updated_timestamp", "last_updated_timestamp_ms"),
    ],
};

impl Rules {
    /// The name proper of an attribute.
    pub fn proper(&self, name: &str) -> String {
        self.aliases.iter().find(|(alias, _)| *alias == name).map_or(name, |(_, proper)| proper).to_owned()
    }
}
