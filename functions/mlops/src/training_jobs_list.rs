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
    let (jobs, total) = tokio::try_join!(
        store.jobs_for(&request.caller, JobKind::Training, &page),
        store.count_jobs_for(&request.caller, JobKind::Training)
    )?;
    let jobs = jobs.map(TrainingJobView::new);
    response::ok(&TrainingJobsPage { jobs: jobs.items, total, next_page_token: jobs.next_page_token })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::{Value, json};
    use shared::domain::job::{Job, JobKind};
    use testing::TestPlatform;

    use crate::fixtures::get;

    #[tokio::test]
    async fn pages_lead_from_the_newest_to_the_oldest() {
        let test = TestPlatform::start().await;
        let mut ids = Vec::new();
        for kind in [JobKind::Training, JobKind::Training, JobKind::Deployment, JobKind::Training] {
            let job = Job::new(kind, "m".to_owned());
            test.platform.store().unwrap().create_job(&job, None).await.unwrap();
            ids.extend((kind == JobKind::Training).then_some(job.id));
        }
        ids.reverse();
        let (mut seen, mut path) = (Vec::<Value>::new(), "/mlops/training/jobs?limit=2".to_owned());
        loop {
            let (status, page) = get(&test, &path).await;
            assert_eq!((status, page["total"].as_u64()), (200, Some(3)), "{page}");
            seen.extend(page["jobs"].as_array().unwrap().iter().cloned());
            assert!(seen.iter().all(|job| job.get("logs").is_none()));
            let Some(token) = page["next_page_token"].as_str() else { break };
            path = format!("/mlops/training/jobs?limit=2&page_token={token}");
        }
        assert_eq!(seen.iter().map(|job| job["job_id"].as_str().unwrap()).collect::<Vec<_>>(), ids);
    }

    #[tokio::test]
    async fn a_wrong_page_is_refused() {
        let test = TestPlatform::start().await;
        for query in ["limit=0", "limit=101", "limit=x", "limit=-1", "page_token=%", "page_token=__8"] {
            let (status, answer) = get(&test, &format!("/mlops/training/jobs?{query}")).await;
            assert!(status == 400 && answer["detail"].is_string(), "{query}: {answer}");
        }
        assert_eq!(get(&test, "/mlops/deployments?limit=100").await.1, json!({ "deployments": [], "total": 0, "next_page_token": null }));
    }
}
