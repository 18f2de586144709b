//! A run of a recipe's version: what it adds to the run that MLflow's API shows under the same id.

use serde::{Deserialize, Serialize};

use super::choices::{RecipeRunStatus, RunType};
use crate::Timestamp;
use crate::documents::Document;
use crate::domain::job::JobStatus;

/// A run of a recipe's version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecipeRun {
    /// Its id, that of the run which MLflow's API shows.
    pub id: String,
    /// The model that it is for.
    pub model_id: Option<String>,
    /// The recipe.
    pub recipe_id: String,
    /// The recipe's version.
    pub recipe_version_id: String,
    /// What it does.
    pub run_type: RunType,
    /// Where it is.
    pub status: RecipeRunStatus,
    /// The job that runs its script; absent where it is tracked by hand.
    pub job_id: Option<String>,
    /// The user who made it; absent where nobody in particular did, and then everybody may change it.
    pub made_by: Option<String>,
    /// True once somebody said by hand how it ended: then nothing changes it any more.
    #[serde(default)]
    pub ended_by_hand: bool,
    /// The metrics that were written by hand.
    pub metrics: Option<Document>,
    /// The artifacts that were written by hand.
    pub artifacts: Option<Document>,
    /// The log that was written by hand.
    pub logs: Option<Document>,
    /// The registered model of which its job made a version.
    pub model_name: Option<String>,
    /// That version.
    pub model_version: Option<u64>,
    /// Why its job failed.
    pub error: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// How often it changed.
    #[serde(default)]
    pub revision: u64,
}

impl RecipeRunStatus {
    /// Where a run is whose job is there.
    pub fn of_job(status: JobStatus) -> Self {
        match status {
            JobStatus::Queued => RecipeRunStatus::Queued,
            JobStatus::Completed | JobStatus::Deployed => RecipeRunStatus::Succeeded,
            JobStatus::Failed => RecipeRunStatus::Failed,
            JobStatus::Running | JobStatus::Training | JobStatus::Building | JobStatus::Pushing | JobStatus::Deploying => {
                RecipeRunStatus::Running
            }
        }
    }
}
