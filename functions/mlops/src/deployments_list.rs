//! `GET /mlops/deployments`: deployments, newest first.

use serde::Serialize;
use shared::domain::job::JobKind;
use shared::http::response;
use shared::{Platform, Request, Response, Result};
use utoipa::ToSchema;

use crate::page;
use crate::views::deployment::DeploymentView;
use crate::views::problem::Problem;

/// A page of deployments.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeploymentsPage {
    /// The deployments, newest first, without their logs.
    pub deployments: Vec<DeploymentView>,
    /// How many there are in all.
    #[schema(example = 42)]
    pub total: u64,
    /// What to ask for the next page with; null on the last.
    pub next_page_token: Option<String>,
}

/// List deployments
///
/// Newest first, a page at a time. The logs are not part of the list.
#[utoipa::path(
    get,
    path = "/mlops/deployments",
    operation_id = "deployments_list",
    tag = "Deployment",
    params(
        ("limit" = Option<u32>, Query, description = "The most deployments of a page, 1 to 100; 20 where absent", minimum = 1, maximum = 100),
        ("page_token" = Option<String>, Query, description = "The `next_page_token` of the page before"),
    ),
    responses(
        (status = 200, description = "A page of deployments", body = DeploymentsPage),
        (status = 400, description = "Invalid input", body = Problem),
        (status = 500, description = "Internal error", body = Problem),
    )
)]
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let page = page::of(&request, 20)?;
    let store = platform.store()?;
    let (jobs, total) = tokio::try_join!(
        store.jobs_for(&request.caller, JobKind::Deployment, &page),
        store.count_jobs_for(&request.caller, JobKind::Deployment)
    )?;
    let deployments = DeploymentView::list(platform, jobs.items).await?;
    response::ok(&DeploymentsPage { deployments, total, next_page_token: jobs.next_page_token })
}
