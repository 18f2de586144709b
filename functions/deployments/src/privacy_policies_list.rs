//! `GET /api/mlops/projects/{project_id}/privacy-policies`: a project's privacy policies.

use shared::domain::project::scope;
use shared::http::response;
use shared::{Platform, Request, Response, Result};

use crate::access;
use crate::page::{List, window};
use crate::privacy_policy_fields::PrivacyPolicyView;
use crate::views::problem::Problem;

/// List privacy policies
///
/// The newest first. A project has at most a hundred; in the project of everybody, each user those that the user made.
#[utoipa::path(
    get,
    path = "/api/mlops/projects/{project_id}/privacy-policies",
    operation_id = "deployments_privacy_policies_list",
    tag = "Privacy",
    params(
        ("project_id" = String, Path, description = "The project"),
        ("limit" = Option<u32>, Query, description = "The most policies of a page, 1 to 200; 50 where absent", minimum = 1, maximum = 200),
        ("offset" = Option<u32>, Query, description = "How many to leave out before the first", minimum = 0, maximum = 10000),
    ),
    responses(
        (status = 200, description = "A page of policies", body = List<PrivacyPolicyView>),
        (status = 401, description = "Not signed in", body = Problem),
        (status = 404, description = "The caller is in no such project", body = Problem),
        (status = 422, description = "A parameter does not hold what it must", body = Problem),
    )
)]
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let project = access::project(platform, &request).await?;
    let window = window(&request, 200)?;
    let found = platform.store()?.privacy_policies(&scope(&project.id, request.caller.user_id())).await?;
    let total = found.len() as u64;
    let items = found.into_iter().skip(window.offset as usize).take(window.limit as usize).map(PrivacyPolicyView::from).collect();
    response::ok(&List::new(items, total, window))
}
