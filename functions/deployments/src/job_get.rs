//! `GET /api/mlops/jobs/{job_id}`: how a job of a project stands.

use std::time::Duration;

use serde::Serialize;
use shared::domain::job::{Job, JobKind, JobStatus};
use shared::http::response;
use shared::{Error, Platform, Request, Response, Result, Timestamp, projects};
use utoipa::ToSchema;

use crate::views::problem::Problem;

/// For how long the address of an export's file is good.
const VALID: Duration = Duration::from_secs(3600);

/// For how many days the file of an export is there: as long as `template.yaml` lets the bucket keep it.
const EXPORT_DAYS: f64 = 7.0;

/// A job.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ProjectJob)]
pub struct JobView {
    /// Its id.
    pub id: String,
    /// `deployment`, `drift` or `export`.
    #[schema(example = "drift")]
    pub kind: &'static str,
    /// The deployment that it is about.
    pub deployment_id: Option<String>,
    /// Where it is.
    #[schema(example = "completed")]
    pub status: JobStatus,
    /// Why it failed.
    pub error: Option<String>,
    /// How many records it looked at.
    pub rows: Option<u64>,
    /// Where the file of an export is, for an hour; it is there for seven days.
    pub download_url: Option<String>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it ended.
    pub completed_at: Option<Timestamp>,
}

fn kind(job: &Job) -> Option<&'static str> {
    match job.kind {
        JobKind::StagedDeployment => Some("deployment"),
        JobKind::Drift => Some("drift"),
        JobKind::Export => Some("export"),
        JobKind::Training | JobKind::Deployment | JobKind::Configuration => None,
    }
}

/// Get a job
#[utoipa::path(
    get,
    path = "/api/mlops/jobs/{job_id}",
    operation_id = "deployments_job_get",
    tag = "Project deployments",
    params(("job_id" = String, Path, description = "The job")),
    responses(
        (status = 200, description = "The job", body = JobView),
        (status = 401, description = "Not signed in", body = Problem),
        (status = 404, description = "The caller has no such job", body = Problem),
    )
)]
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let id = request.path_parameter("job_id")?;
    let missing = || Error::not_found(format!("Job {} not found", id.chars().take(80).collect::<String>()));
    let job = platform.store()?.job(id).await?.ok_or_else(missing)?;
    let kind = kind(&job).ok_or_else(missing)?;
    let deployment_id = job.deployment_id.as_deref().ok_or_else(missing)?;
    projects::deployment(platform, &request.caller, deployment_id).await.map_err(|error| match error.kind() {
        shared::ErrorKind::NotFound => missing(),
        _ => error,
    })?;
    let is_there = job.completed_at.is_some_and(|completed| Timestamp::now().seconds_since(completed) < EXPORT_DAYS * 86_400.0);
    let download_url = match &job.result_key {
        Some(key) if is_there => Some(platform.objects()?.presign_get(key, VALID).await?),
        _ => None,
    };
    response::ok(&JobView {
        kind,
        status: job.status,
        error: job.error,
        rows: job.result_rows,
        download_url,
        created_at: job.created_at,
        completed_at: job.completed_at,
        deployment_id: job.deployment_id,
        id: job.id,
    })
}
