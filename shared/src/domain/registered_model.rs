//! Registered models and their versions: what is deployed, whichever API registered it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use sha2::{Digest as _, Sha256};

use super::development::choices::{ModelFamily, ModelStatus};
use crate::Timestamp;

/// A registered model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RegisteredModel {
    /// Its name, unique.
    pub name: String,
    /// The project whose members alone see it: that in which its first version was made. Absent for what is everybody's.
    #[serde(default)]
    pub project_id: Option<String>,
    /// What it is, for people.
    pub description: Option<String>,
    /// Its tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// Its aliases, each with the version that it stands for.
    #[serde(default)]
    pub aliases: BTreeMap<String, u64>,
    /// The highest version number given so far; 0 when it never had a version.
    pub last_version: u64,
    /// The stages that have versions.
    #[serde(default)]
    pub stages: BTreeMap<Stage, StageVersions>,
    /// What the ML development API knows of it, where it was made there.
    pub development: Option<Development>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it, or one of its versions, last changed.
    pub updated_at: Timestamp,
}

/// What the ML development API knows of a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Development {
    /// Its id, a UUIDv7.
    pub id: String,
    /// What it decides.
    pub model_family: ModelFamily,
    /// The recipe that it is made of.
    pub recipe_id: String,
    /// The recipe's version.
    pub recipe_version_id: String,
    /// Where it is.
    pub status: ModelStatus,
    /// Who answers for it, in its maker's words.
    pub owner: Option<String>,
    /// The user who made it; absent where nobody in particular did, and then everybody may change it.
    pub made_by: Option<String>,
}

/// How far a version stands, as MLflow's registry has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub enum Stage {
    /// Nowhere yet.
    #[default]
    None,
    /// Being tried.
    Staging,
    /// In use.
    Production,
    /// Not in use any more.
    Archived,
}

impl Stage {
    /// All stages, in MLflow's order.
    pub const ALL: [Stage; 4] = [Stage::None, Stage::Staging, Stage::Production, Stage::Archived];

    /// As MLflow writes it.
    pub fn name(self) -> &'static str {
        match self {
            Stage::None => "None",
            Stage::Staging => "Staging",
            Stage::Production => "Production",
            Stage::Archived => "Archived",
        }
    }

    /// The stage of that name, whatever the case.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|stage| stage.name().eq_ignore_ascii_case(name))
    }
}

/// What a registered model keeps of a stage, so that its newest version is found without reading the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageVersions {
    /// The highest version number in the stage.
    pub latest: u64,
    /// How many versions are in it.
    pub count: u64,
}

/// Whether a version can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum VersionStatus {
    /// It is being registered.
    PendingRegistration,
    /// It could not be registered.
    FailedRegistration,
    /// It can be used.
    #[default]
    Ready,
}

/// A version of a registered model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelVersion {
    /// Its id, a UUIDv7; absent in what the table held before versions had ids, see [`ModelVersion::id`].
    pub id: Option<String>,
    /// The project in which it was made; absent for the one that is everybody's.
    pub project_id: Option<String>,
    /// What the model is, its class for example, once somebody looked.
    pub algo: Option<String>,
    /// The registered model.
    pub model_name: String,
    /// Its number, from 1.
    pub version: u64,
    /// What it is, for people.
    pub description: Option<String>,
    /// Its tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// The aliases that stand for it; kept with the registered model.
    #[serde(skip)]
    pub aliases: Vec<String>,
    /// How far it stands.
    pub stage: Stage,
    /// Whether it can be used.
    pub status: VersionStatus,
    /// The run that made it.
    pub run_id: Option<String>,
    /// A link to that run, where another server keeps it.
    pub run_link: Option<String>,
    /// Where it came from, a URI: `mlflow-artifacts:/…` or `models:/m-…`.
    pub source: String,
    /// The folder that holds `MLmodel`, as a path under the artifact root, no slash at either end; absent where its
    /// files are kept somewhere else.
    pub artifact_path: Option<String>,
    /// Where its files are, where `source` names another version and they are kept somewhere else.
    #[serde(default)]
    pub location: Option<String>,
    /// The logged model that it was made of.
    pub model_id: Option<String>,
    /// The job that registered it.
    pub job_id: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

impl RegisteredModel {
    /// The project that it is of.
    pub fn project(&self) -> &str {
        self.project_id.as_deref().unwrap_or(super::project::DEFAULT_PROJECT_ID)
    }
}

impl ModelVersion {
    /// The id by which it is found. That of a version from before they had any is made of its name and number.
    pub fn id(&self) -> String {
        self.id.clone().unwrap_or_else(|| id_of(&self.model_name, self.version))
    }

    /// The project in which it was made.
    pub fn project(&self) -> &str {
        self.project_id.as_deref().unwrap_or(super::project::DEFAULT_PROJECT_ID)
    }
}

/// A UUID made of a name and a number (version 8: by a rule of one's own).
fn id_of(model_name: &str, version: u64) -> String {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&Sha256::digest(format!("{version}#{model_name}").as_bytes())[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid().to_string()
}

/// What a new version is made of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewModelVersion {
    /// The registered model; made where there is none.
    pub model_name: String,
    /// What the version is, for people.
    pub description: Option<String>,
    /// The version's tags.
    pub tags: BTreeMap<String, String>,
    /// The run that made it.
    pub run_id: Option<String>,
    /// A link to that run, where another server keeps it.
    pub run_link: Option<String>,
    /// Where it came from, a URI: `mlflow-artifacts:/…` or `models:/m-…`.
    pub source: String,
    /// The folder that holds `MLmodel`, as a path under the artifact root.
    pub artifact_path: Option<String>,
    /// Where its files are, where `source` names another version and they are kept somewhere else.
    pub location: Option<String>,
    /// The job that registers it: the same job registers once.
    pub job_id: Option<String>,
    /// The logged model that it is made of.
    pub model_id: Option<String>,
    /// The project in which it is made; where absent, that of its registered model, or the one that is everybody's.
    pub project_id: Option<String>,
    /// What the model is, where that is known.
    pub algo: Option<String>,
}
