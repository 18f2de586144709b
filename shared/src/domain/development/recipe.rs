//! A recipe: a manifest in versions, from which models are made.

use serde::{Deserialize, Serialize};

use super::choices::{ModelFamily, RecipeLevel, RecipeStatus};
use crate::Timestamp;
use crate::documents::Document;

/// A recipe.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recipe {
    /// Its id: a UUIDv7, or the short name of a recipe that comes with the platform.
    pub id: String,
    /// Its name, unique.
    pub name: String,
    /// What its models decide.
    pub model_family: ModelFamily,
    /// How special it is.
    pub level: RecipeLevel,
    /// Where it is.
    pub status: RecipeStatus,
    /// The recipe that it was made of.
    pub parent_id: Option<String>,
    /// Its tags.
    #[serde(default)]
    pub tags: Vec<String>,
    /// Its newest version.
    pub latest_version_id: String,
    /// That version's number.
    pub latest_version_number: String,
    /// How many versions it has.
    pub versions: u32,
    /// How many recipes, models and runs point at it.
    #[serde(default)]
    pub references: u64,
    /// How often it, or what points at it, changed.
    #[serde(default)]
    pub revision: u64,
    /// The user who made it; absent where nobody in particular did, and then everybody may change it.
    pub made_by: Option<String>,
    /// True when it comes with the platform; such a recipe never changes.
    #[serde(default)]
    pub built_in: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// A version of a recipe; it never changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecipeVersion {
    /// Its id: a UUIDv7, or the short name of a version that comes with the platform.
    pub id: String,
    /// Its recipe.
    pub recipe_id: String,
    /// Its number, for example `1.2.0`.
    pub version_number: String,
    /// What it says.
    pub manifest: Document,
    /// What changed since the version before it, as JSON Patch.
    pub diff_from_prev: Option<Document>,
    /// Who made it.
    pub created_by: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// What changed, in its maker's words.
    pub change_note: Option<String>,
}

/// The example data of a recipe.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SyntheticExample {
    /// Its recipe.
    pub recipe_id: String,
    /// The columns.
    pub dataset_schema: Document,
    /// The rows.
    pub sample_rows: Document,
    /// How many rows there are.
    pub rows: u64,
    /// True when the rows were generated from the columns.
    pub generated: bool,
    /// What a run on them looks like.
    pub example_run: Option<Document>,
    /// When it was written.
    pub created_at: Timestamp,
}

/// An id as the document shows it.
pub fn shown(prefix: &str, id: &str) -> String {
    format!("{prefix}{id}")
}

/// An id as the table holds it, from one with or without its prefix.
pub fn read<'a>(prefix: &str, id: &'a str) -> &'a str {
    id.strip_prefix(prefix).unwrap_or(id)
}

/// What a recipe's ids begin with.
pub const RECIPE_PREFIX: &str = "recipe_";
/// What a version's ids begin with.
pub const VERSION_PREFIX: &str = "ver_";
/// What a model's ids begin with.
pub const MODEL_PREFIX: &str = "model_";
/// What a run's ids begin with.
pub const RUN_PREFIX: &str = "run_";
/// What a monitoring snapshot's ids begin with.
pub const SNAPSHOT_PREFIX: &str = "snap_";

/// True for text that can be an id; anything else cannot exist and needs no look-up.
pub fn is_id(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}
