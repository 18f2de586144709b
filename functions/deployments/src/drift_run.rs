//! `POST /api/mlops/deployments/{deployment_id}/drift/run`: drift is computed. Document: deployments-api, "Run Drift Detection".

use shared::http::response;
use shared::projects::analysis;
use shared::{Error, Platform, Request, Response, Result};

use crate::access;
use crate::inference_logs_export::JobStarted;
use crate::views::problem::Problem;

/// Run drift detection
///
/// A job compares the newest 10,000 rows with the training data.
#[utoipa::path(
    post,
    path = "/api/mlops/deployments/{deployment_id}/drift/run",
    operation_id = "deployments_drift_run",
    tag = "Project predictions",
    params(("deployment_id" = String, Path, description = "The deployment")),
    responses(
        (status = 200, description = "The job", body = JobStarted),
        (status = 401, description = "Not signed in", body = Problem),
        (status = 404, description = "The caller has no such deployment", body = Problem),
        (status = 409, description = "Nothing is known of the data on which its model was trained", body = Problem),
    )
)]
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let (_, deployment) = access::deployment(platform, &request).await?;
    if analysis::baseline(platform, &deployment).await?.is_none() {
        return Err(Error::conflict(analysis::NO_BASELINE));
    }
    let job = analysis::run_drift(platform, &request.caller, &deployment).await?;
    response::ok(&JobStarted { ok: true, job_id: job.id })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;
    use testing::TestPlatform;

    use crate::fixtures::{get_as, live, model_in, post_as, project, user};

    #[tokio::test]
    async fn drift_needs_a_baseline_which_can_be_posted() {
        let test = TestPlatform::start().await;
        let (owner, other) = (user(&test, "owner").await, user(&test, "other").await);
        let project_id = project(&test, &owner).await;
        let model_id = model_in(&test, &owner, &project_id, "fraud").await;
        let id = live(&test, &owner, &project_id, &model_id).await;
        let path = format!("/api/mlops/deployments/{id}/drift");
        let (status, told) = get_as(&test, &path, &owner).await;
        assert!(status == 404 && told["detail"].as_str().unwrap().contains("drift/baseline"), "{told}");
        assert_eq!(post_as(&test, &format!("{path}/run"), &owner, &json!({})).await.0, 409);
        let rows: Vec<_> = (0..200).map(|number| json!({ "amount": number, "kind": if number % 2 == 0 { "a" } else { "b" } })).collect();
        let (status, told) = post_as(&test, &format!("{path}/baseline"), &owner, &json!({ "rows": rows })).await;
        assert_eq!((status, told), (200, json!({ "ok": true, "rows": 200, "features": 2 })));
        let (status, told) = post_as(&test, &format!("{path}/run"), &owner, &json!({})).await;
        assert!(status == 200 && told["ok"] == true && told["job_id"].is_string(), "{told}");
        let (status, told) = get_as(&test, &path, &owner).await;
        assert!(status == 404 && told["detail"].as_str().unwrap().contains("drift/run"), "{told}");
        for stranger in [
            get_as(&test, &path, &other).await,
            post_as(&test, &format!("{path}/run"), &other, &json!({})).await,
            post_as(&test, &format!("{path}/baseline"), &other, &json!({ "rows": rows })).await,
        ] {
            assert_eq!(stranger.0, 404);
        }
        for body in [json!({}), json!({ "rows": [] }), json!({ "rows": [5] }), json!({ "rows": {} }), json!({ "rows": [{ "a": 1 }] })] {
            assert_eq!(post_as(&test, &format!("{path}/baseline"), &owner, &body).await.0, 422, "{body}");
        }
    }
}
