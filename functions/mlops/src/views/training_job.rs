//! A training job as this API shows it.

use serde::Serialize;
use shared::domain::job::{Job, JobStatus};
use shared::{Platform, Result, Timestamp};
use utoipa::ToSchema;

use super::stage::{StageView, stages};
use shared::jobs::output;

/// Where a training is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TrainingStatus {
    /// Job is waiting to start
    Queued,
    /// Training in progress
    Running,
    /// Training finished successfully
    Completed,
    /// Training failed with error
    Failed,
}

impl From<JobStatus> for TrainingStatus {
    fn from(status: JobStatus) -> Self {
        match status {
            JobStatus::Queued => TrainingStatus::Queued,
            JobStatus::Completed | JobStatus::Deployed => TrainingStatus::Completed,
            JobStatus::Failed => TrainingStatus::Failed,
            JobStatus::Running | JobStatus::Training | JobStatus::Building | JobStatus::Pushing | JobStatus::Deploying => {
                TrainingStatus::Running
            }
        }
    }
}

/// A training job.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct TrainingJobView {
    /// Its id.
    #[schema(example = "0199f0a2-7c3e-7d21-b1a5-0f6f3f1f2c11")]
    pub job_id: String,
    /// The script's file name.
    #[schema(example = "my_training.py")]
    pub script_name: String,
    /// The experiment under which its run is kept.
    #[schema(example = "customer_churn")]
    pub experiment_name: String,
    /// The registered model that it makes a version of.
    #[schema(example = "churn_predictor")]
    pub model_name: String,
    /// Where it is.
    pub status: TrainingStatus,
    /// The run that logged the model.
    #[schema(example = "0199f0a27c3e7d21b1a50f6f3f1f2c11")]
    pub run_id: Option<String>,
    /// The version that it registered.
    #[schema(example = "1")]
    pub model_version: Option<String>,
    /// Everything that the script wrote so far. Not part of lists: ask for the job itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "Training started...\nEpoch 1/10...")]
    pub logs: Option<String>,
    /// Why it failed.
    #[schema(example = "ModuleNotFoundError: No module named 'xgboost'")]
    pub error: Option<String>,
    /// The stages that it went through.
    pub stages: Vec<StageView>,
    /// When it was uploaded.
    pub created_at: Timestamp,
    /// When the training began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub completed_at: Option<Timestamp>,
    /// From its beginning to its end, in seconds.
    #[schema(example = 325.5)]
    pub duration_seconds: Option<f64>,
}

impl TrainingJobView {
    /// A job as lists show it, without its output.
    pub fn new(job: Job) -> Self {
        Self {
            stages: stages(&job),
            duration_seconds: job.duration_seconds(),
            job_id: job.id,
            script_name: job.script.map(|script| script.script_name).unwrap_or_default(),
            experiment_name: job.experiment_name.unwrap_or_default(),
            model_name: job.model_name,
            status: job.status.into(),
            run_id: job.run_id,
            model_version: job.model_version.map(|version| version.to_string()),
            logs: None,
            error: job.error,
            created_at: job.created_at,
            started_at: job.started_at,
            completed_at: job.completed_at,
        }
    }

    /// A job with its output.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn with_logs(platform: &Platform, job: Job) -> Result<Self> {
        let output = platform.store()?.job_logs(&job.id).await?;
        Ok(Self { logs: Some(output::fit(output)), ..Self::new(job) })
    }
}
