//! A job: one execution of a state machine. It has a status that only moves forward, logs, and at its end a result or
//! an error.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::deployment::{ConfigurationChange, ModelMetadata};
use super::outcome::TrainingOutcome;
use crate::Timestamp;

/// What a job does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobKind {
    /// Runs a script and registers the model that it logs.
    Training,
    /// Brings a model version to a URL; trains it first where it comes as a script.
    Deployment,
    /// Brings another configuration to a deployment: the same image, published anew.
    Configuration,
    /// Makes a registered version a deployment of a project: a version of the project's function.
    StagedDeployment,
    /// Compares what a deployment was asked lately with what its model was trained on.
    Drift,
    /// Writes a deployment's records of predictions to a file.
    Export,
}

impl JobKind {
    /// The kind as it stands in the table's keys.
    pub fn key(self) -> &'static str {
        match self {
            JobKind::Training => "TRAINING",
            JobKind::Deployment => "DEPLOYMENT",
            JobKind::Configuration => "CONFIGURATION",
            JobKind::StagedDeployment => "STAGED_DEPLOYMENT",
            JobKind::Drift => "DRIFT",
            JobKind::Export => "EXPORT",
        }
    }
}

/// Where a job is. Training: `queued`, `running`, then `completed` or `failed`. Deployment: `training`, `building`,
/// `pushing`, `deploying`, then `deployed` or `failed`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum JobStatus {
    /// A training waits to start.
    Queued,
    /// A training runs.
    Running,
    /// A training ended and its model is registered.
    Completed,
    /// A deployment trains its model, or is about to start.
    Training,
    /// A deployment builds the container image.
    Building,
    /// A deployment pushes the image to the registry.
    Pushing,
    /// A deployment creates or updates the model's function and checks it.
    Deploying,
    /// The model answers at its URL.
    Deployed,
    /// It ended without a result; `error` says why.
    Failed,
}

impl JobStatus {
    /// The status in which a job of that kind begins.
    pub fn first(kind: JobKind) -> Self {
        match kind {
            JobKind::Training | JobKind::Drift | JobKind::Export => JobStatus::Queued,
            JobKind::Deployment | JobKind::StagedDeployment => JobStatus::Training,
            JobKind::Configuration => JobStatus::Deploying,
        }
    }

    /// True when the job has ended, well or not.
    pub fn is_final(self) -> bool {
        matches!(self, JobStatus::Completed | JobStatus::Deployed | JobStatus::Failed)
    }

    /// The statuses in which a job has not ended.
    pub const OPEN: [JobStatus; 6] =
        [JobStatus::Queued, JobStatus::Running, JobStatus::Training, JobStatus::Building, JobStatus::Pushing, JobStatus::Deploying];

    /// The statuses that a job may leave to reach this one. Reaching it again from itself is harmless: every task may
    /// run twice.
    pub fn reached_from(self) -> &'static [JobStatus] {
        use JobStatus::{Building, Deploying, Pushing, Queued, Running, Training};
        match self {
            Queued => &[],
            Running => &[Queued, Running],
            JobStatus::Completed => &[Running, JobStatus::Completed],
            Training => &[Training],
            Building => &[Training, Building],
            Pushing => &[Building, Pushing],
            Deploying => &[Pushing, Deploying],
            JobStatus::Deployed => &[Deploying, JobStatus::Deployed],
            JobStatus::Failed => &Self::OPEN,
        }
    }
}

/// A stage of a job with its times: how long each took is how a second deployment shows what it reused.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Stage {
    /// The status that the job had in this stage.
    pub status: JobStatus,
    /// When the job reached it.
    pub started_at: Timestamp,
}

/// What a script is run with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScriptRun {
    /// The script's file name, as in tracebacks.
    pub script_name: String,
    /// Package requirements, checked and normalised.
    pub requirements: Vec<String>,
    /// Environment variables, checked.
    pub environment_vars: BTreeMap<String, String>,
    /// After how many seconds the script is stopped.
    pub timeout_seconds: u32,
}

/// A job as the table holds it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// Its id, a UUIDv7.
    pub id: String,
    /// What it does.
    pub kind: JobKind,
    /// Where it is.
    pub status: JobStatus,
    /// The registered model that it makes a version of, or deploys.
    pub model_name: String,
    /// The experiment under which the script's runs are kept; absent where an existing version is deployed.
    pub experiment_name: Option<String>,
    /// The script to run; absent where an existing version is deployed.
    pub script: Option<ScriptRun>,
    /// Tags of the model version that a training registers.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// The run of a recipe that it carries out, by id.
    pub recipe_run_id: Option<String>,
    /// The names of the files that lie beside its script.
    #[serde(default)]
    pub files: Vec<String>,
    /// True when its script makes no model that is to be registered.
    #[serde(default)]
    pub without_model: bool,
    /// The most instances that a deployed model may have at once.
    pub replicas: Option<u32>,
    /// The run that logged the model.
    pub run_id: Option<String>,
    /// The version that was registered, or is deployed.
    pub model_version: Option<u64>,
    /// Why it failed, in the words a person needs.
    pub error: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its work began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub completed_at: Option<Timestamp>,
    /// The stages it went through, in order.
    #[serde(default)]
    pub stages: Vec<Stage>,
    /// How often the training was begun; a lost machine begins it once more.
    #[serde(default)]
    pub attempt: u32,
    /// The hash of the secret in the token of the running attempt; earlier tokens are void.
    pub token_hash: Option<String>,
    /// The hash of the ticket that the running attempt exchanges for its token.
    pub ticket_hash: Option<String>,
    /// What the training program reported of the script's end.
    pub outcome: Option<TrainingOutcome>,
    /// Who asked for it; absent when nobody in particular did.
    pub owner: Option<String>,
    /// What changes of what the deployment's function is given.
    pub configuration: Option<ConfigurationChange>,
    /// What is known of the model that is deployed.
    pub model: Option<ModelMetadata>,
    /// What the new version changes, in the words of who asked for it.
    pub changes: Option<String>,
    /// The deployment that a deployment job serves.
    pub deployment_id: Option<String>,
    /// Where the deployed model answers; no slash at the end.
    pub deployment_url: Option<String>,
    /// The image, `<repository>@sha256:…`.
    pub image_uri: Option<String>,
    /// The version of the model's function that this job published.
    pub function_version: Option<String>,
    /// Set when somebody asked to cancel it.
    #[serde(default)]
    pub cancel_requested: bool,
    /// After when and before when the records are that an export takes.
    #[serde(default)]
    pub since: Option<Timestamp>,
    /// See `since`.
    #[serde(default)]
    pub until: Option<Timestamp>,
    /// The object that an export wrote.
    #[serde(default)]
    pub result_key: Option<String>,
    /// How many records the export holds, or the comparison looked at.
    #[serde(default)]
    pub result_rows: Option<u64>,
}

impl Job {
    /// A new job of that kind, at the beginning of its way.
    pub fn new(kind: JobKind, model_name: String) -> Self {
        let now = Timestamp::now();
        let status = JobStatus::first(kind);
        Self {
            id: crate::id::new_id(),
            kind,
            status,
            model_name,
            experiment_name: None,
            script: None,
            tags: BTreeMap::new(),
            recipe_run_id: None,
            files: Vec::new(),
            without_model: false,
            replicas: None,
            run_id: None,
            model_version: None,
            error: None,
            created_at: now,
            started_at: None,
            completed_at: None,
            stages: vec![Stage { status, started_at: now }],
            attempt: 0,
            token_hash: None,
            ticket_hash: None,
            outcome: None,
            owner: None,
            configuration: None,
            model: None,
            changes: None,
            deployment_id: None,
            deployment_url: None,
            image_uri: None,
            function_version: None,
            cancel_requested: false,
            since: None,
            until: None,
            result_key: None,
            result_rows: None,
        }
    }

    /// How many seconds it took from its start to its end; `None` before it ended.
    pub fn duration_seconds(&self) -> Option<f64> {
        Some(self.completed_at?.seconds_since(self.started_at.unwrap_or(self.created_at)))
    }

    /// The name of its execution: the same job can be started twice and runs once.
    pub fn execution_name(&self) -> &str {
        &self.id
    }

    /// The name of the training execution that a deployment nests.
    pub fn nested_training_name(&self) -> String {
        format!("train-{}", self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_moves_forward_only() {
        for status in JobStatus::OPEN {
            assert!(!status.is_final());
            assert!(JobStatus::Failed.reached_from().contains(&status));
        }
        assert!(!JobStatus::Building.reached_from().contains(&JobStatus::Deployed));
        assert!(!JobStatus::Failed.reached_from().contains(&JobStatus::Deployed));
    }
}
