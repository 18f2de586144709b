//! A recipe's version as this API shows it.

use serde::Serialize;
use serde_json::Value;
use shared::domain::development::recipe::{RECIPE_PREFIX, RecipeVersion, VERSION_PREFIX, shown};
use shared::{Platform, Result, Timestamp, documents};
use utoipa::ToSchema;

/// A version of a recipe; it never changes.
#[derive(Debug, Serialize, ToSchema)]
pub struct VersionView {
    /// Its id; ids are taken with and without `ver_`.
    #[schema(example = "ver_pricing_base_v1")]
    pub version_id: String,
    /// Its recipe.
    #[schema(example = "recipe_pricing_base")]
    pub recipe_id: String,
    /// Its number. The first is `1.0.0`; then the third part grows where only values changed, the second where members came
    /// or went, the first where a script, the target or a field of the dataset went or became something else.
    #[schema(example = "1.0.0")]
    pub version_number: String,
    /// What it says.
    #[schema(value_type = Object)]
    pub manifest_json: Value,
    /// What changed since the version before it, as JSON Patch (RFC 6902).
    #[schema(value_type = Option<Vec<Object>>)]
    pub diff_from_prev: Option<Value>,
    /// Who made it.
    #[schema(example = "system")]
    pub created_by: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// What changed, in its maker's words.
    #[schema(example = "Initial version")]
    pub change_note: Option<String>,
}

impl VersionView {
    /// A version with its documents.
    ///
    /// # Errors
    /// `Internal` when S3 does not answer.
    pub async fn of(platform: &Platform, version: RecipeVersion) -> Result<Self> {
        Ok(Self {
            manifest_json: documents::read(platform, &version.manifest).await?,
            diff_from_prev: documents::read_optional(platform, version.diff_from_prev.as_ref()).await?,
            version_id: shown(VERSION_PREFIX, &version.id),
            recipe_id: shown(RECIPE_PREFIX, &version.recipe_id),
            version_number: version.version_number,
            created_by: version.created_by,
            created_at: version.created_at,
            change_note: version.change_note,
        })
    }
}
