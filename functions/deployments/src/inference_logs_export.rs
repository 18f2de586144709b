//! `POST /api/mlops/deployments/{deployment_id}/inference-logs/export`: the records of predictions as a Parquet file.

use serde::Serialize;
use shared::http::fields::Fields;
use shared::http::response;
use shared::projects::analysis;
use shared::store::idempotency::Idempotency;
use shared::{Platform, Request, Response, Result};
use utoipa::ToSchema;

use crate::views::problem::Problem;
use crate::{access, moment};

const LONGEST_BODY: usize = 64 * 1024;

/// Which records to export; all that are kept where the body is empty.
#[derive(Debug, ToSchema)]
#[allow(dead_code)]
pub struct ExportRequest {
    /// ISO 8601: only what was made after this time.
    since: Option<String>,
    /// ISO 8601: only what was made before this time.
    until: Option<String>,
}

/// A job that was asked for.
#[derive(Debug, Serialize, ToSchema)]
pub struct JobStarted {
    /// True.
    pub ok: bool,
    /// The job; `GET /api/mlops/jobs/{job_id}` tells how it stands.
    #[schema(example = "e1f2a3b4-c5d6-7890-1234-ef5678901234")]
    pub job_id: String,
}

/// Export inference logs
///
/// A job writes a Parquet file with a row for each request; the job has the address of the file when it is completed.
#[utoipa::path(
    post,
    path = "/api/mlops/deployments/{deployment_id}/inference-logs/export",
    operation_id = "deployments_inference_logs_export",
    tag = "Project predictions",
    params(
        ("deployment_id" = String, Path, description = "The deployment"),
        ("Idempotency-Key" = Option<String>, Header, description = "The same key starts nothing a second time for a day"),
    ),
    request_body = Option<ExportRequest>,
    responses(
        (status = 200, description = "The job", body = JobStarted),
        (status = 401, description = "Not signed in", body = Problem),
        (status = 404, description = "The caller has no such deployment", body = Problem),
        (status = 422, description = "A field does not hold what it must", body = Problem),
    )
)]
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let (_, deployment) = access::deployment(platform, &request).await?;
    let (mut since, mut until) = (None, None);
    if !request.body.is_empty() {
        let mut fields = Fields::of_body(&request, LONGEST_BODY)?;
        since = moment::take(&mut fields, "since").map(moment::floor);
        until = moment::take(&mut fields, "until").map(moment::ceiling);
        fields.finish()?;
    }
    let idempotency = Idempotency::of(&request, "export_inference_logs")?;
    let job = analysis::export(platform, &request.caller, &deployment, since, until, idempotency.as_ref()).await?;
    response::ok(&JobStarted { ok: true, job_id: job.id })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;
    use shared::domain::job::JobStatus;
    use shared::store::jobs::JobChange;
    use testing::TestPlatform;

    use crate::fixtures::{get_as, live, model_in, post_as, project, user};

    #[tokio::test]
    async fn an_export_is_a_job_that_has_the_files_address_in_the_end() {
        let test = TestPlatform::start().await;
        let (owner, other) = (user(&test, "owner").await, user(&test, "other").await);
        let project_id = project(&test, &owner).await;
        let model_id = model_in(&test, &owner, &project_id, "fraud").await;
        let id = live(&test, &owner, &project_id, &model_id).await;
        let path = format!("/api/mlops/deployments/{id}/inference-logs/export");
        let (status, started) = post_as(&test, &path, &owner, &json!({ "since": "2026-01-01T00:00:00Z" })).await;
        assert_eq!((status, started["ok"].as_bool()), (200, Some(true)), "{started}");
        let job_id = started["job_id"].as_str().unwrap();
        let job = format!("/api/mlops/jobs/{job_id}");
        assert_eq!(get_as(&test, &job, &owner).await.1["status"], "queued");
        let store = test.platform.store().unwrap();
        store.move_job(job_id, JobStatus::Running, JobChange::default()).await.unwrap();
        let key = shared::objects::keys::export(job_id);
        let change = JobChange { result_key: Some(key), result_rows: Some(5), ..JobChange::default() };
        store.move_job(job_id, JobStatus::Completed, change).await.unwrap();
        let (_, told) = get_as(&test, &job, &owner).await;
        assert!(told["download_url"].as_str().unwrap().contains(job_id), "{told}");
        assert_eq!((told["kind"].as_str(), told["rows"].as_u64()), (Some("export"), Some(5)));
        for stranger in [get_as(&test, &job, &other).await, post_as(&test, &path, &other, &json!({})).await] {
            assert_eq!(stranger.0, 404);
        }
        assert_eq!(get_as(&test, "/api/mlops/jobs/x", &owner).await.0, 404);
        for body in [json!({ "since": "x" }), json!({ "until": 5 }), json!([])] {
            assert_eq!(post_as(&test, &path, &owner, &body).await.0, 422, "{body}");
        }
    }
}
