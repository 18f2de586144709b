//! What was looked up: the parts of the platform's state that answers are made of.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

/// What the platform holds, as far as a question needs it. Everything is newest first.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Facts {
    /// Recipes.
    pub recipes: Vec<Recipe>,
    /// Models.
    pub models: Vec<Model>,
    /// Runs.
    pub runs: Vec<Run>,
    /// Monitoring snapshots of models.
    pub snapshots: Vec<Snapshot>,
    /// Whether a list was longer than what was looked at: a count of it is no count of all.
    pub more: bool,
}

/// A recipe.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Recipe {
    /// As the API shows it, `recipe_…`.
    pub id: String,
    /// Its name.
    pub name: String,
    /// `pricing`, `next_best_action`, `location_scoring` or `forecasting`.
    pub model_family: String,
    /// `baseline`, `industry` or `client`.
    pub level: String,
    /// `draft`, `approved` or `archived`.
    pub status: String,
    /// Its tags.
    pub tags: Vec<String>,
    /// What its manifest says that it is for.
    pub description: String,
    /// Its newest version, `ver_…`.
    pub newest_version_id: Option<String>,
    /// The number of its newest version, such as `1.2.0`.
    pub newest_version_number: Option<String>,
}

/// A model.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Model {
    /// As the API shows it, `model_…`.
    pub id: String,
    /// Its name.
    pub name: String,
    /// As of its recipe.
    pub model_family: String,
    /// `draft`, `staging`, `production` or `retired`.
    pub status: String,
    /// Who looks after it.
    pub owner: String,
    /// Its recipe, `recipe_…`.
    pub recipe_id: String,
    /// The version of its recipe, `ver_…`.
    pub recipe_version_id: String,
}

/// A run.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Run {
    /// As the API shows it, `run_…`.
    pub id: String,
    /// Its model, `model_…`, where it has one.
    pub model_id: Option<String>,
    /// Its recipe, `recipe_…`.
    pub recipe_id: String,
    /// The version of its recipe, `ver_…`.
    pub recipe_version_id: String,
    /// `train`, `eval` or `backtest`.
    pub run_type: String,
    /// `queued`, `running`, `succeeded` or `failed`.
    pub status: String,
    /// When it began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// The newest value of each of its metrics.
    pub metrics: BTreeMap<String, f64>,
    /// Why it failed, where that is recorded.
    pub error: Option<String>,
    /// The last lines of its log.
    pub log_tail: Vec<String>,
}

/// A monitoring snapshot.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Snapshot {
    /// `snap_…`.
    pub id: String,
    /// Its model, `model_…`.
    pub model_id: String,
    /// When it was taken.
    pub captured_at: Option<Timestamp>,
    /// How well the model does.
    pub performance: BTreeMap<String, Value>,
    /// How far its data has moved.
    pub drift: BTreeMap<String, Value>,
    /// How old its data is.
    pub freshness: BTreeMap<String, Value>,
    /// What it was alarmed about.
    pub alerts: BTreeMap<String, Value>,
}

impl Facts {
    /// The recipe with that id.
    pub fn recipe(&self, id: &str) -> Option<&Recipe> {
        self.recipes.iter().find(|recipe| recipe.id == id)
    }

    /// The model with that id.
    pub fn model(&self, id: &str) -> Option<&Model> {
        self.models.iter().find(|model| model.id == id)
    }

    /// The run with that id.
    pub fn run(&self, id: &str) -> Option<&Run> {
        self.runs.iter().find(|run| run.id == id)
    }
}
