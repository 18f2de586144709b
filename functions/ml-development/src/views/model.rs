//! A model as this API shows it.

use serde::Serialize;
use shared::Timestamp;
use shared::domain::development::choices::{ModelFamily, ModelStatus};
use shared::domain::development::recipe::{MODEL_PREFIX, RECIPE_PREFIX, VERSION_PREFIX, shown};
use shared::domain::registered_model::{Development, RegisteredModel};
use utoipa::ToSchema;

/// A model: the registered model of the same name.
#[derive(Debug, Serialize, ToSchema)]
pub struct ModelView {
    /// Its id; ids are taken with and without `model_`.
    #[schema(example = "model_abc123")]
    pub id: String,
    /// Its name, unique.
    #[schema(example = "Production Pricing Model")]
    pub name: String,
    /// What it decides: that of its recipe.
    pub model_family: ModelFamily,
    /// The recipe that it is made of.
    #[schema(example = "recipe_pricing_base")]
    pub recipe_id: String,
    /// The recipe's version.
    #[schema(example = "ver_pricing_base_v1")]
    pub recipe_version_id: String,
    /// Where it is.
    pub status: ModelStatus,
    /// Who answers for it.
    #[schema(example = "data-science-team")]
    pub owner: Option<String>,
    /// The job that deploys it, where this request started one: `GET /mlops/deployments/{job_id}` follows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub deployment_job_id: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

impl ModelView {
    /// A model with what this API knows of it.
    pub fn of(model: RegisteredModel, development: Development) -> Self {
        Self {
            id: shown(MODEL_PREFIX, &development.id),
            name: model.name,
            model_family: development.model_family,
            recipe_id: shown(RECIPE_PREFIX, &development.recipe_id),
            recipe_version_id: shown(VERSION_PREFIX, &development.recipe_version_id),
            status: development.status,
            owner: development.owner,
            deployment_job_id: None,
            created_at: model.created_at,
            updated_at: model.updated_at,
        }
    }
}
