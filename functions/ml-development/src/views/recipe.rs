//! A recipe as this API shows it.

use serde::Serialize;
use shared::Timestamp;
use shared::domain::development::choices::{ModelFamily, RecipeLevel, RecipeStatus};
use shared::domain::development::recipe::{RECIPE_PREFIX, Recipe, VERSION_PREFIX, shown};
use utoipa::ToSchema;

/// A recipe.
#[derive(Debug, Serialize, ToSchema)]
pub struct RecipeView {
    /// Its id; ids are taken with and without `recipe_`.
    #[schema(example = "recipe_pricing_base")]
    pub id: String,
    /// Its name, unique.
    #[schema(example = "Pricing Baseline v1")]
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
    #[schema(example = json!(["baseline", "optimization"]))]
    pub tags: Vec<String>,
    /// Its newest version.
    #[schema(example = "ver_pricing_base_v1")]
    pub latest_version_id: String,
    /// That version's number.
    #[schema(example = "1.0.0")]
    pub latest_version_number: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

impl From<Recipe> for RecipeView {
    fn from(recipe: Recipe) -> Self {
        Self {
            id: shown(RECIPE_PREFIX, &recipe.id),
            name: recipe.name,
            model_family: recipe.model_family,
            level: recipe.level,
            status: recipe.status,
            parent_id: recipe.parent_id.map(|id| shown(RECIPE_PREFIX, &id)),
            tags: recipe.tags,
            latest_version_id: shown(VERSION_PREFIX, &recipe.latest_version_id),
            latest_version_number: recipe.latest_version_number,
            created_at: recipe.created_at,
            updated_at: recipe.updated_at,
        }
    }
}
