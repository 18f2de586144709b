//! `DELETE /api/mlops/projects/{project_id}/members/{user_id}`: a user may not use a project any more.

use shared::http::response;
use shared::{Platform, Request, Response, Result};

use crate::member_add::of_owner;
use crate::views::problem::Problem;
use crate::views::project::ProjectView;

/// Remove a member
///
/// What the user made in the project stays there. A user who is no member is none afterwards either.
#[utoipa::path(
    delete,
    path = "/api/mlops/projects/{project_id}/members/{user_id}",
    operation_id = "deployments_member_remove",
    tag = "Projects",
    params(("project_id" = String, Path, description = "The project"), ("user_id" = String, Path, description = "The member")),
    responses(
        (status = 200, description = "The project with its members", body = ProjectView),
        (status = 401, description = "Not signed in", body = Problem),
        (status = 403, description = "The caller is not the project's owner", body = Problem),
        (status = 404, description = "The caller is in no such project", body = Problem),
    )
)]
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let project = of_owner(platform, &request).await?;
    let id = request.path_parameter("user_id")?;
    let project = platform.store()?.remove_member(&project.id, id.strip_prefix("user-").unwrap_or(id)).await?;
    response::ok(&ProjectView::new(project, &request.base_url))
}
