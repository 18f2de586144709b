//! `GET /api/mlops/deployments/{deployment_id}`: a deployment and its model. Document: deployments-api, "Get Deployment
//! Detail".

use serde::Serialize;
use shared::http::response;
use shared::projects::models;
use shared::{Platform, Request, Response, Result};
use utoipa::ToSchema;

use crate::access;
use crate::views::deployment::DeploymentView;
use crate::views::model::ModelView;
use crate::views::problem::Problem;

/// A deployment and its model.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeploymentDetail {
    /// The deployment.
    pub deployment: DeploymentView,
    /// The model that it serves; absent where it is registered no more.
    pub model: Option<ModelView>,
}

/// Get a deployment
#[utoipa::path(
    get,
    path = "/api/mlops/deployments/{deployment_id}",
    operation_id = "deployments_get",
    tag = "Project deployments",
    params(("deployment_id" = String, Path, description = "The deployment")),
    responses(
        (status = 200, description = "The deployment and its model", body = DeploymentDetail),
        (status = 401, description = "Not signed in", body = Problem),
        (status = 404, description = "The caller has no such deployment", body = Problem),
    )
)]
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let (_, deployment) = access::deployment(platform, &request).await?;
    let model = match models::of_deployment(platform, &deployment).await? {
        Some(version) => Some(ModelView::new(platform, version).await?),
        None => None,
    };
    let model_id = deployment.model_id.clone().or_else(|| model.as_ref().map(|model| model.id.clone()));
    response::ok(&DeploymentDetail { deployment: DeploymentView::new(deployment, model_id), model })
}
