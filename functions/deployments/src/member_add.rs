//! `POST /api/mlops/projects/{project_id}/members`: another user may use a project.

use shared::domain::project::Project;
use shared::http::fields::Fields;
use shared::http::response;
use shared::{Error, ErrorKind, Platform, Request, Response, Result};
use utoipa::ToSchema;

use crate::access;
use crate::views::problem::Problem;
use crate::views::project::ProjectView;

const LONGEST_BODY: usize = 64 * 1024;

/// Who is to use the project: `email` or `user_id`.
#[derive(Debug, ToSchema)]
#[allow(dead_code)]
pub struct MemberRequest {
    /// The user's address.
    #[schema(example = "jane@example.com")]
    email: Option<String>,
    /// The user's id.
    user_id: Option<String>,
}

/// A project whose members the caller may change: its owner alone may.
///
/// # Errors
/// `NotFound` when it is not there for this caller; `Forbidden` when it is another user's.
pub async fn of_owner(platform: &Platform, request: &Request) -> Result<Project> {
    let project = access::project(platform, request).await?;
    match project.owner.as_deref() {
        Some(owner) if request.caller.user_id() == Some(owner) => Ok(project),
        Some(_) => Err(Error::new(ErrorKind::Forbidden, "Only the project's owner changes who is a member of it.")),
        None => Err(Error::new(ErrorKind::Forbidden, "This is the project of everybody who is signed in; make one of your own.")),
    }
}

/// Add a member
///
/// A member may do in the project whatever its owner may, but add and remove members.
#[utoipa::path(
    post,
    path = "/api/mlops/projects/{project_id}/members",
    operation_id = "deployments_member_add",
    tag = "Projects",
    params(("project_id" = String, Path, description = "The project")),
    request_body = MemberRequest,
    responses(
        (status = 200, description = "The project with its members", body = ProjectView),
        (status = 400, description = "Neither or both of the fields", body = Problem),
        (status = 401, description = "Not signed in", body = Problem),
        (status = 403, description = "The caller is not the project's owner", body = Problem),
        (status = 404, description = "There is no such project or user", body = Problem),
        (status = 409, description = "It has as many members as it may", body = Problem),
        (status = 422, description = "A field does not hold what it must", body = Problem),
    )
)]
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let project = of_owner(platform, &request).await?;
    let mut fields = Fields::of_body(&request, LONGEST_BODY)?;
    let (email, user_id) = (fields.text("email", 1..=320), fields.text("user_id", 1..=80));
    fields.finish()?;
    let store = platform.store()?;
    let user = match (&email, &user_id) {
        (Some(email), None) => store.user_of_email(email).await?,
        (None, Some(id)) => store.user(id.strip_prefix("user-").unwrap_or(id)).await?,
        _ => return Err(Error::bad_request("Name the user by either \"email\" or \"user_id\".")),
    };
    let user = user.ok_or_else(|| Error::not_found("There is no such user; they have to register first."))?;
    let project = store.add_member(&project.id, &user.id).await?;
    response::ok(&ProjectView::new(project, &request.base_url))
}
