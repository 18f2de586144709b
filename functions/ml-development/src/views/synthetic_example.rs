//! Example data as this API shows them.

use serde::Serialize;
use serde_json::Value;
use shared::domain::development::recipe::{RECIPE_PREFIX, SyntheticExample, shown};
use shared::{Platform, Result, Timestamp, documents};
use utoipa::ToSchema;

/// The example data of a recipe.
#[derive(Debug, Serialize, ToSchema)]
pub struct SyntheticExampleView {
    /// Its recipe.
    #[schema(example = "recipe_pricing_base")]
    pub recipe_id: String,
    /// The columns.
    #[schema(value_type = Object)]
    pub dataset_schema_json: Value,
    /// The rows.
    #[schema(value_type = Vec<Object>)]
    pub sample_rows_json: Value,
    /// What a run on them looks like.
    #[schema(value_type = Option<Object>)]
    pub example_run_json: Option<Value>,
    /// How many rows there are.
    #[schema(example = 100)]
    pub row_count: u64,
    /// True when the rows were generated from the columns.
    pub generated: bool,
    /// When they were written.
    pub created_at: Timestamp,
}

impl SyntheticExampleView {
    /// Example data with their documents.
    ///
    /// # Errors
    /// `Internal` when S3 does not answer.
    pub async fn of(platform: &Platform, example: SyntheticExample) -> Result<Self> {
        Ok(Self {
            recipe_id: shown(RECIPE_PREFIX, &example.recipe_id),
            dataset_schema_json: documents::read(platform, &example.dataset_schema).await?,
            sample_rows_json: documents::read(platform, &example.sample_rows).await?,
            example_run_json: documents::read_optional(platform, example.example_run.as_ref()).await?,
            row_count: example.rows,
            generated: example.generated,
            created_at: example.created_at,
        })
    }
}
