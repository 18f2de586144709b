//! `GET /api/mlops/projects/{project_id}`: a project.

use shared::http::response;
use shared::{Platform, Request, Response, Result};

use crate::access;
use crate::views::problem::Problem;
use crate::views::project::ProjectView;

/// Get a project
#[utoipa::path(
    get,
    path = "/api/mlops/projects/{project_id}",
    operation_id = "deployments_project_get",
    tag = "Projects",
    params(("project_id" = String, Path, description = "The project")),
    responses(
        (status = 200, description = "The project", body = ProjectView),
        (status = 401, description = "Not signed in", body = Problem),
        (status = 404, description = "The caller is in no such project", body = Problem),
    )
)]
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let project = access::project(platform, &request).await?;
    response::ok(&ProjectView::new(project, &request.base_url))
}
