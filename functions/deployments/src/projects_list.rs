//! `GET /api/mlops/projects`: the projects that the caller may use.

use shared::domain::project::DEFAULT_PROJECT_ID;
use shared::http::response;
use shared::paging::PageRequest;
use shared::{Platform, Request, Response, Result, projects};

use crate::page::{List, window};
use crate::views::problem::Problem;
use crate::views::project::ProjectView;

/// List projects
///
/// The newest first, and the project of everybody last.
#[utoipa::path(
    get,
    path = "/api/mlops/projects",
    operation_id = "deployments_projects_list",
    tag = "Projects",
    params(
        ("limit" = Option<u32>, Query, description = "The most projects of a page, 1 to 200; 50 where absent", minimum = 1, maximum = 200),
        ("offset" = Option<u32>, Query, description = "How many to leave out before the first", minimum = 0, maximum = 10000),
    ),
    responses(
        (status = 200, description = "A page of projects", body = List<ProjectView>),
        (status = 401, description = "Not signed in", body = Problem),
        (status = 422, description = "A parameter does not hold what it must", body = Problem),
    )
)]
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let user = request.caller.user()?;
    let window = window(&request, 200)?;
    let store = platform.store()?;
    let own = store.count_projects_of(user).await?;
    let end = window.offset + window.limit;
    let mut found = store.projects_of(user, &PageRequest { limit: end, after: None }).await?;
    if (found.len() as u64) == own && found.len() < end as usize {
        found.push(projects::by_id(platform, DEFAULT_PROJECT_ID).await?);
    }
    let items = found.into_iter().skip(window.offset as usize).take(window.limit as usize);
    let items = items.map(|project| ProjectView::new(project, &request.base_url)).collect();
    response::ok(&List::new(items, own + 1, window))
}
