//! `GET /api/mlops/deployments/{deployment_id}/drift`: how far a deployment's inputs have moved from its model's training data.
//! Document: deployments-api, "Drift Metrics".

use std::collections::BTreeMap;

use serde::Serialize;
use shared::http::response;
use shared::projects::analysis;
use shared::{Error, Platform, Request, Response, Result, Timestamp};
use utoipa::ToSchema;

use crate::access;
use crate::views::problem::Problem;

/// How far a feature has moved.
#[derive(Debug, Serialize, ToSchema)]
pub struct FeatureView {
    /// The population stability index.
    #[schema(example = 0.023)]
    pub psi: f64,
    /// `low` (under 0.1), `moderate` (to 0.25) or `high`.
    #[schema(value_type = String, example = "low")]
    pub status: drift::Status,
}

/// How far the inputs have moved.
#[derive(Debug, Serialize, ToSchema)]
pub struct DriftView {
    /// The deployment.
    pub deployment_id: String,
    /// The worst of the features' statuses.
    #[schema(value_type = String, example = "low")]
    pub overall_status: drift::Status,
    /// Each feature's index and status.
    pub features: BTreeMap<String, FeatureView>,
    /// When it was computed.
    pub computed_at: Timestamp,
    /// How many recent rows were looked at.
    #[schema(example = 5000)]
    pub inference_rows: u64,
}

/// Get drift
///
/// What was computed last. It is computed on a schedule for what is in production, and whenever it is asked for.
#[utoipa::path(
    get,
    path = "/api/mlops/deployments/{deployment_id}/drift",
    operation_id = "deployments_drift_get",
    tag = "Project predictions",
    params(("deployment_id" = String, Path, description = "The deployment")),
    responses(
        (status = 200, description = "How far the inputs have moved", body = DriftView),
        (status = 401, description = "Not signed in", body = Problem),
        (status = 404, description = "The caller has no such deployment, or nothing was computed yet, with the reason", body = Problem),
    )
)]
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let (_, deployment) = access::deployment(platform, &request).await?;
    let store = platform.store()?;
    let Some(report) = store.drift_report(&deployment.id).await? else {
        let reason = match store.drift_problem(&deployment.id).await? {
            Some(reason) => reason,
            None if analysis::baseline(platform, &deployment).await?.is_none() => analysis::NO_BASELINE.to_owned(),
            None => "It was not asked for yet: POST /api/mlops/deployments/{deployment_id}/drift/run.".to_owned(),
        };
        return Err(Error::not_found(format!("No drift was computed for this deployment. {reason}")));
    };
    let features = report.features.into_iter().map(|(name, feature)| (name, FeatureView { psi: feature.psi, status: feature.status }));
    response::ok(&DriftView {
        deployment_id: report.deployment_id,
        overall_status: report.overall_status,
        features: features.collect(),
        computed_at: report.computed_at,
        inference_rows: report.inference_rows,
    })
}
