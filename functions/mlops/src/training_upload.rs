//! `POST /mlops/training/upload`: a script to train with. Documents: mlops-api-v5 1, mlops-quick-reference.

use std::collections::BTreeMap;

use http::StatusCode;
use serde::{Deserialize, Serialize};
use shared::domain::job::{Job, JobStatus};
use shared::http::response;
use shared::jobs::submit::{self, SubmittedScript};
use shared::store::idempotency::Idempotency;
use shared::{Platform, Request, Response, Result, Timestamp};
use utoipa::ToSchema;

use crate::{body, replayed};
use crate::views::problem::Problem;
use crate::views::training_job::TrainingStatus;

/// A script and what it needs. An unknown field is refused, so that a misspelt one is found at once.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TrainingUpload {
    /// The script's file name; ends in `.py`.
    #[schema(example = "my_training.py", max_length = 128)]
    pub script_name: String,
    /// The script, plain or base64; at most 1 MiB. It must log a model with MLflow.
    #[schema(example = "import mlflow\nimport mlflow.sklearn...")]
    pub script_content: String,
    /// The experiment under which its run is kept; made where there is none.
    #[schema(example = "customer_churn", max_length = 256)]
    pub experiment_name: String,
    /// The registered model that it makes a version of; made where there is none.
    #[schema(example = "churn_predictor", max_length = 256)]
    pub model_name: String,
    /// Packages that the script needs: names and version specifiers. Where absent, those that the script's inline
    /// metadata (PEP 723) names. MLflow is added where it is not among them.
    #[schema(example = json!(["scikit-learn", "pandas"]), max_items = 200)]
    pub requirements: Option<Vec<String>>,
    /// Environment variables for the script.
    #[schema(example = json!({ "DATA_PATH": "/data/train.csv" }))]
    pub environment_vars: Option<BTreeMap<String, String>>,
    /// After how many seconds the script is stopped.
    #[schema(minimum = 60, maximum = 3600, default = 300, example = 300)]
    pub timeout: Option<i64>,
    /// Tags of the model version that is registered.
    #[schema(example = json!({ "version": "1.0" }))]
    pub tags: Option<BTreeMap<String, String>>,
}

/// The job that trains.
#[derive(Debug, Serialize, ToSchema)]
pub struct TrainingAccepted {
    /// Its id.
    #[schema(example = "0199f0a2-7c3e-7d21-b1a5-0f6f3f1f2c11")]
    pub job_id: String,
    /// The script's file name.
    #[schema(example = "my_training.py")]
    pub script_name: String,
    /// The experiment.
    #[schema(example = "customer_churn")]
    pub experiment_name: String,
    /// The registered model.
    #[schema(example = "churn_predictor")]
    pub model_name: String,
    /// Always `queued`.
    #[schema(example = "queued")]
    pub status: TrainingStatus,
    /// When it was uploaded.
    pub created_at: Timestamp,
}

impl From<Job> for TrainingAccepted {
    fn from(job: Job) -> Self {
        Self {
            // The answer to a repeated request is the first one's, wherever the job is by now.
            status: JobStatus::first(job.kind).into(),
            job_id: job.id,
            script_name: job.script.map(|script| script.script_name).unwrap_or_default(),
            experiment_name: job.experiment_name.unwrap_or_default(),
            model_name: job.model_name,
            created_at: job.created_at,
        }
    }
}

/// Upload a training script
///
/// The script runs as a job; follow it with `GET /mlops/training/jobs/{job_id}`. A request that is sent again with the same
/// `Idempotency-Key` starts nothing a second time.
#[utoipa::path(
    post,
    path = "/mlops/training/upload",
    operation_id = "training_upload",
    tag = "Training",
    params(("Idempotency-Key" = Option<String>, Header, description = "Any text of at most 255 characters; remembered for a day")),
    request_body = TrainingUpload,
    responses(
        (
            status = 202,
            description = "Job queued successfully",
            body = TrainingAccepted,
            headers(("Idempotency-Replayed" = String, description = "`true` when an earlier request with the same key made the job"))
        ),
        (status = 400, description = "Invalid input", body = Problem),
        (status = 409, description = "The Idempotency-Key was used for another request", body = Problem),
        (status = 413, description = "The body is too long", body = Problem),
        (status = 500, description = "Internal error", body = Problem),
    )
)]
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let upload: TrainingUpload = body::read(&request)?;
    let idempotency = Idempotency::of(&request, "mlops/training/upload")?;
    let script = SubmittedScript {
        script_name: upload.script_name,
        script_content: upload.script_content,
        experiment_name: upload.experiment_name,
        requirements: upload.requirements,
        environment_vars: upload.environment_vars.unwrap_or_default(),
        timeout: upload.timeout,
        tags: upload.tags.unwrap_or_default(),
    };
    let submitted = submit::training(platform, upload.model_name, script, idempotency.as_ref()).await?;
    let answer = response::json(StatusCode::ACCEPTED, &TrainingAccepted::from(submitted.job))?;
    Ok(if submitted.replayed { replayed::mark(answer) } else { answer })
}
