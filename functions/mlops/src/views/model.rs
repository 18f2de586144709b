//! A registered model as this API shows it.

use std::collections::BTreeMap;

use serde::Serialize;
use shared::domain::registered_model::{ModelVersion, RegisteredModel};
use shared::paging::PageRequest;
use shared::store::Store;
use shared::{Result, Timestamp};
use utoipa::ToSchema;

/// Among how many of a model's newest versions the latest of each stage is looked for: reading a model costs the same
/// however many versions it has.
const VERSIONS_READ: u32 = 100;

/// A version of a registered model.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ModelVersionView {
    /// The registered model.
    #[schema(example = "churn_predictor")]
    pub name: String,
    /// Its number.
    #[schema(example = "2")]
    pub version: String,
    /// How far it stands: `None`, `Staging`, `Production` or `Archived`.
    #[schema(example = "None")]
    pub stage: &'static str,
    /// The run that made it.
    #[schema(example = "mlflow-run-id-123")]
    pub run_id: Option<String>,
    /// When it was registered.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

impl From<ModelVersion> for ModelVersionView {
    fn from(version: ModelVersion) -> Self {
        Self {
            name: version.model_name,
            version: version.version.to_string(),
            stage: version.stage.name(),
            run_id: version.run_id,
            created_at: version.created_at,
            updated_at: version.updated_at,
        }
    }
}

/// A registered model.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ModelView {
    /// Its name.
    #[schema(example = "churn_predictor")]
    pub name: String,
    /// What it is, for people.
    #[schema(example = "Customer churn prediction model")]
    pub description: Option<String>,
    /// Its tags.
    #[schema(example = json!({ "team": "data-science" }))]
    pub tags: BTreeMap<String, String>,
    /// The newest version in each stage, newest first.
    pub latest_versions: Vec<ModelVersionView>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it, or one of its versions, last changed.
    pub updated_at: Timestamp,
}

impl ModelView {
    /// A model with the newest version of each stage.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn read(store: &Store, model: RegisteredModel) -> Result<Self> {
        let page = PageRequest { limit: VERSIONS_READ, after: None };
        let versions = store.model_versions(&model.name, &page).await?.items;
        Ok(Self {
            name: model.name,
            description: model.description,
            tags: model.tags,
            latest_versions: newest_of_each_stage(versions),
            created_at: model.created_at,
            updated_at: model.updated_at,
        })
    }
}

fn newest_of_each_stage(versions: Vec<ModelVersion>) -> Vec<ModelVersionView> {
    let mut seen = std::collections::HashSet::new();
    versions.into_iter().filter(|version| seen.insert(version.stage)).map(ModelVersionView::from).collect()
}
