//! A deployment: a registered model served by a function of its own. It outlives the jobs that bring versions to it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// Where a deployment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeploymentStatus {
    /// Its first version is on its way; nothing answers yet.
    Building,
    /// A version answers. What the table held before deployments had a status is this.
    #[default]
    Active,
    /// A version answers, and another version or configuration is on its way.
    Updating,
    /// No version ever answered, and the last job failed.
    Failed,
    /// It was deleted; its record is kept for those who ask for it by id.
    Deleted,
}

impl DeploymentStatus {
    /// All of them.
    pub const ALL: [DeploymentStatus; 5] = [Self::Building, Self::Active, Self::Updating, Self::Failed, Self::Deleted];

    /// Its name, as it is stored and shown.
    pub fn name(self) -> &'static str {
        match self {
            Self::Building => "building",
            Self::Active => "active",
            Self::Updating => "updating",
            Self::Failed => "failed",
            Self::Deleted => "deleted",
        }
    }

    /// The statuses that a deployment may leave to reach this one.
    pub fn reached_from(self) -> &'static [DeploymentStatus] {
        use DeploymentStatus::{Active, Building, Deleted, Failed, Updating};
        match self {
            Building => &[Building, Failed],
            Active => &[Building, Failed, Updating, Active],
            Updating => &[Building, Failed, Active, Updating],
            Failed => &[Building, Failed],
            Deleted => &[Building, Active, Updating, Failed],
        }
    }
}

/// How far a deployment of a project stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ServingStage {
    /// It is tried before it goes live.
    #[default]
    Staging,
    /// It takes a part of the production traffic.
    Canary,
    /// It takes the production traffic.
    Production,
    /// It serves nothing any more; it can be made to again.
    Archived,
}

/// What a deployment does about data by which people can be known.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PrivacySettings {
    /// The privacy policy that applies.
    pub policy_id: Option<String>,
    /// Whether records of predictions are anonymised.
    pub anonymize_logs: Option<bool>,
    /// Whether answers are anonymised.
    pub anonymize_response: Option<bool>,
    /// Which columns hold which type of such data.
    pub column_map: BTreeMap<String, String>,
    /// How sure a detection must be, from 0 to 1.
    pub threshold: Option<f64>,
}

impl PrivacySettings {
    /// True when nothing is set.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What happens to a deployment, as those who want to hear of it are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeploymentEvent {
    /// It was asked for.
    Created,
    /// Its image is being built.
    Building,
    /// A version of it went live.
    Ready,
    /// A job that was to bring a version to it failed.
    Failed,
    /// It was deleted.
    Deleted,
}

/// What a deployment's function is given. What is absent is the platform's default.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Configuration {
    /// Memory in megabytes.
    pub memory_mb: Option<u32>,
    /// The longest time of one request, in seconds.
    pub timeout_seconds: Option<u32>,
    /// How many instances wait for requests at all times.
    pub min_instances: u32,
    /// How many instances there may be at once; absent for no bound but the account's.
    pub max_instances: Option<u32>,
}

/// A change of a configuration; what is absent stays as it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ConfigurationChange {
    /// Memory in megabytes.
    pub memory_mb: Option<u32>,
    /// The longest time of one request, in seconds.
    pub timeout_seconds: Option<u32>,
    /// How many instances wait for requests at all times.
    pub min_instances: Option<u32>,
    /// How many instances there may be at once.
    pub max_instances: Option<u32>,
}

impl ConfigurationChange {
    /// True when it changes nothing.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The configuration as it is with this change.
    pub fn apply(&self, to: Configuration) -> Configuration {
        Configuration {
            memory_mb: self.memory_mb.or(to.memory_mb),
            timeout_seconds: self.timeout_seconds.or(to.timeout_seconds),
            min_instances: self.min_instances.unwrap_or(to.min_instances),
            max_instances: self.max_instances.or(to.max_instances),
        }
    }
}

/// What is known of the model of a deployment, without running it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ModelMetadata {
    /// Its framework, for example `sklearn`.
    pub framework: Option<String>,
    /// Its class, for example `RandomForestClassifier`.
    pub model_type: Option<String>,
    /// The size of its file in bytes.
    pub size_bytes: Option<u64>,
    /// The shape of one example; `None` in it for a length that may vary.
    pub input_shape: Option<Vec<Option<u64>>>,
    /// The shape of one example's output.
    pub output_shape: Option<Vec<Option<u64>>>,
    /// The names of its features, in their order.
    pub feature_names: Option<Vec<String>>,
}

/// A version of a deployment: what went live once, and can again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeploymentVersion {
    /// Its number among the deployment's versions, from 1.
    pub number: u64,
    /// The version of the registered model.
    pub model_version: u64,
    /// The published version of the function.
    pub function_version: String,
    /// The image, `<repository>@sha256:…`.
    pub image_uri: String,
    /// The configuration that the function version was published with.
    pub configuration: Configuration,
    /// What is known of its model.
    #[serde(default)]
    pub model: ModelMetadata,
    /// What changed, in its maker's words.
    pub changes: Option<String>,
    /// The job that made it live first.
    pub job_id: String,
    /// When that was.
    pub created_at: Timestamp,
}

/// A deployment as the table holds it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Deployment {
    /// Its id, a UUIDv7.
    pub id: String,
    /// What its owner calls it; empty where the table held it before deployments had names, see
    /// [`Deployment::shown_name`].
    #[serde(default)]
    pub name: String,
    /// The user who made it; absent where nobody in particular did, and then everybody may use it.
    pub owner: Option<String>,
    /// Where it is.
    #[serde(default)]
    pub status: DeploymentStatus,
    /// Why the last job failed; absent once another one is asked for.
    pub error: Option<String>,
    /// What its function is given.
    #[serde(default)]
    pub configuration: Configuration,
    /// What is known of its model.
    #[serde(default)]
    pub model: ModelMetadata,
    /// Whether its function has a URL that everybody may call.
    #[serde(default = "public")]
    pub public: bool,
    /// How often its state changed.
    #[serde(default)]
    pub revision: u64,
    /// The registered model that it serves.
    pub model_name: String,
    /// The name of its function.
    pub function_name: String,
    /// Where it answers; no slash at the end. Absent until the first version is live, and where it has no public URL.
    pub url: Option<String>,
    /// The last job that was to bring something to it.
    pub job_id: Option<String>,
    /// The job whose image was last begun to be built.
    pub building_job_id: Option<String>,
    /// The number of the deployment's version that takes traffic.
    pub live_version: Option<u64>,
    /// How many versions it had so far.
    #[serde(default)]
    pub last_version: u64,
    /// The model version that takes traffic.
    pub live_model_version: Option<u64>,
    /// The function version that takes traffic.
    pub live_function_version: Option<String>,
    /// The image that takes traffic, `<repository>@sha256:…`.
    pub live_image_uri: Option<String>,
    /// The job that made the live version live.
    pub live_job_id: Option<String>,
    /// The job that holds the right to change the function; absent when none does.
    pub lease_job_id: Option<String>,
    /// When the lease lapses, in seconds since 1970.
    pub lease_until: Option<i64>,
    /// The project of whose function it is a version; absent where it has a function of its own, which is in the default
    /// project.
    pub project_id: Option<String>,
    /// The id of the model version that it serves, where it belongs to a project.
    pub model_id: Option<String>,
    /// How far it stands in its project.
    #[serde(default)]
    pub stage: ServingStage,
    /// How much of the production traffic it is to take, in percent.
    pub traffic_percent: Option<u8>,
    /// Whether it goes to production as soon as it answers.
    #[serde(default)]
    pub goes_to_production: bool,
    /// What it does about data by which people can be known.
    #[serde(default)]
    pub privacy: PrivacySettings,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// When it was deleted.
    pub deleted_at: Option<Timestamp>,
}

fn public() -> bool {
    true
}

impl Deployment {
    /// A deployment of a model that has no version live yet, which nobody in particular made and everybody may call.
    /// `function_prefix` is what the names of all deployed models' functions start with.
    pub fn new(model_name: &str, function_prefix: &str) -> Self {
        let now = Timestamp::now();
        let id = crate::id::new_id();
        Self {
            function_name: function_name(function_prefix, model_name, &id),
            id,
            name: model_name.to_owned(),
            owner: None,
            status: DeploymentStatus::Building,
            error: None,
            configuration: Configuration::default(),
            model: ModelMetadata::default(),
            public: true,
            revision: 0,
            model_name: model_name.to_owned(),
            url: None,
            job_id: None,
            building_job_id: None,
            live_version: None,
            last_version: 0,
            live_model_version: None,
            live_function_version: None,
            live_image_uri: None,
            live_job_id: None,
            lease_job_id: None,
            lease_until: None,
            project_id: None,
            model_id: None,
            stage: ServingStage::Staging,
            traffic_percent: None,
            goes_to_production: false,
            privacy: PrivacySettings::default(),
            created_at: now,
            updated_at: now,
            deleted_at: None,
        }
    }

    /// What it is called.
    pub fn shown_name(&self) -> &str {
        if self.name.is_empty() { &self.model_name } else { &self.name }
    }

    /// The model version that it serves now, where that can become another one: a deployment of a project's serves one for good.
    pub fn changing_version(&self) -> Option<u64> {
        self.live_model_version.filter(|_| self.project_id.is_none())
    }

    /// A deployment of a project's: a version of the project's function, which nobody can call directly.
    pub fn of_project(project_id: &str, function_name: &str, model_name: &str) -> Self {
        Self {
            function_name: function_name.to_owned(),
            project_id: Some(project_id.to_owned()),
            public: false,
            ..Self::new(model_name, "")
        }
    }

    /// The project in which it is.
    pub fn project(&self) -> &str {
        self.project_id.as_deref().unwrap_or(super::project::DEFAULT_PROJECT_ID)
    }

    /// True when a version of it answers.
    pub fn is_live(&self) -> bool {
        self.live_function_version.is_some() && self.status != DeploymentStatus::Deleted
    }

    /// The status in which another job brings something to it.
    pub fn status_while_changed(&self) -> DeploymentStatus {
        if self.is_live() { DeploymentStatus::Updating } else { DeploymentStatus::Building }
    }

    /// The status in which it is when a job that was to bring something to it failed.
    pub fn status_after_failure(&self) -> DeploymentStatus {
        if self.is_live() { DeploymentStatus::Active } else { DeploymentStatus::Failed }
    }
}

/// A function's name: readable by its model, unique by the deployment's id, within Lambda's 64 characters.
pub(crate) fn function_name(prefix: &str, model_name: &str, deployment_id: &str) -> String {
    let unique: String = deployment_id.chars().filter(char::is_ascii_hexdigit).collect();
    let unique = &unique[unique.len().saturating_sub(12)..];
    let room = 64usize.saturating_sub(prefix.len() + unique.len() + 1);
    let readable: String =
        model_name.chars().map(|character| if character.is_ascii_alphanumeric() { character } else { '-' }).take(room).collect();
    let readable = readable.trim_matches('-');
    if readable.is_empty() { format!("{prefix}{unique}") } else { format!("{prefix}{readable}-{unique}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_name_is_one_that_lambda_takes() {
        for model in ["churn_predictor", "Modèle / 1", "日本", &"x".repeat(256)] {
            let name = Deployment::new(model, "serveml-model-").function_name;
            assert!(name.len() <= 64 && name.starts_with("serveml-model-"), "{name}");
            assert!(name.chars().all(|character| character.is_ascii_alphanumeric() || "-_".contains(character)), "{name}");
        }
    }
}
