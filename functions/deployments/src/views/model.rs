//! A model of a project, which is a version of a registered model, as it is shown.

use serde::Serialize;
use shared::domain::registered_model::ModelVersion;
use shared::projects::models;
use shared::{Platform, Result, Timestamp};
use utoipa::ToSchema;

/// A model.
#[derive(Debug, Serialize, ToSchema)]
pub struct ModelView {
    /// Its id.
    #[schema(example = "a7b8c9d0-e1f2-3456-7890-abcdef123456")]
    pub id: String,
    /// The registered model's name.
    #[schema(example = "fraud-detector")]
    pub name: String,
    /// What it is: its class where that can be told, else its framework.
    #[schema(example = "RandomForestClassifier")]
    pub algo: String,
    /// The registered model's version.
    #[schema(example = "3")]
    pub version: String,
    /// The run that made it.
    pub run_id: Option<String>,
    /// What it is, for people.
    pub description: Option<String>,
    /// When it was registered.
    pub created_at: Timestamp,
}

impl ModelView {
    /// A version as it is shown.
    ///
    /// # Errors
    /// `Internal` when AWS does not answer.
    pub async fn new(platform: &Platform, version: ModelVersion) -> Result<Self> {
        Ok(Self {
            id: version.id(),
            algo: models::algo(platform, &version).await?,
            name: version.model_name,
            version: version.version.to_string(),
            run_id: version.run_id,
            description: version.description,
            created_at: version.created_at,
        })
    }
}
