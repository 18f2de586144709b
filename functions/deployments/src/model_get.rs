//! `GET /api/mlops/projects/{project_id}/models/{model_id}`: a model of a project.

use shared::domain::project::Project;
use shared::domain::registered_model::ModelVersion;
use shared::http::response;
use shared::{Error, Platform, Request, Response, Result};

use crate::access;
use crate::views::model::ModelView;
use crate::views::problem::Problem;

/// A model by its id, if it is in the project.
///
/// # Errors
/// `NotFound` when it is not; `Internal` when DynamoDB does not answer.
pub async fn find(platform: &Platform, project: &Project, id: &str) -> Result<ModelVersion> {
    let model = platform.store()?.project_model(&project.id, id).await?;
    model.ok_or_else(|| {
        let shown: String = id.chars().take(80).collect();
        Error::not_found(format!("Model {shown} not found in project {}", project.id))
    })
}

/// Get a model
#[utoipa::path(
    get,
    path = "/api/mlops/projects/{project_id}/models/{model_id}",
    operation_id = "deployments_model_get",
    tag = "Projects",
    params(("project_id" = String, Path, description = "The project"), ("model_id" = String, Path, description = "The model")),
    responses(
        (status = 200, description = "The model", body = ModelView),
        (status = 401, description = "Not signed in", body = Problem),
        (status = 404, description = "The caller is in no such project, or it has no such model", body = Problem),
    )
)]
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let project = access::project(platform, &request).await?;
    let model = find(platform, &project, request.path_parameter("model_id")?).await?;
    response::ok(&ModelView::new(platform, model).await?)
}
