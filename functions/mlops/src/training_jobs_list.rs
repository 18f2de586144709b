//! `GET /mlops/training/jobs`: training jobs, newest first.

use serde::Serialize;
use shared::domain::job::JobKind;
use shared::http::response;
use shared::{Platform, Request, Response, Result};
use utoipa::ToSchema;

use crate::page;
use crate::views::problem::Problem;
use crate::views::training_job::TrainingJobView;

/// A page of training jobs.
#[derive(Debug, Serialize, ToSchema)]
pub struct TrainingJobsPage {
    /// The jobs, newest first, without their logs.
    pub jobs: Vec<TrainingJobView>,
    /// How many there are in all.
    #[schema(example = 42)]
    pub total: u64,
    /// What to ask for the next page with; null on the last.
    pub next_page_token: Option<String>,
}

/// List training jobs
///
/// Newest first, a page at a time. The logs are not part of the list.
#[utoipa::path(
    get,
    path = "/mlops/training/jobs",
    operation_id = "training_jobs_list",
    tag = "Training",
    params(
        ("limit" = Option<u32>, Query, description = "The most jobs of a page, 1 to 100; 20 where absent", minimum = 1, maximum = 100),
        ("page_token" = Option<String>, Query, description = "The `next_page_token` of the page before"),
    ),
    responses(
        (status = 200, description = "A page of jobs", body = TrainingJobsPage),
        (status = 400, description = "Invalid input", body = Problem),
        (status = 500, description = "Internal error", body = Problem),
    )
)]
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let page = page::of(&request, 20)?;
    let store = platform.store()?;
    let (jobs, total) = tokio::try_join!(store.jobs(JobKind::Training, &page), store.count_jobs(JobKind::Training))?;
    let jobs = jobs.map(TrainingJobView::new);
    response::ok(&TrainingJobsPage { jobs: jobs.items, total, next_page_token: jobs.next_page_token })
}
