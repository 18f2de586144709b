//! `GET /api/mlops/projects/{project_id}/deployments`: the deployments of a project. Document: deployments-api, "List
//! Deployments".

use std::cmp::Reverse;
use std::collections::BTreeSet;

use shared::domain::deployment::Deployment;
use shared::domain::project::Project;
use shared::http::response;
use shared::paging::PageRequest;
use shared::{Platform, Request, Response, Result};

use crate::access;
use crate::page::{List, Window, window};
use crate::views::deployment::DeploymentView;
use crate::views::problem::Problem;

/// List deployments
///
/// The newest first. In the project of everybody are also those that the caller, or nobody in particular, made through the
/// other APIs.
#[utoipa::path(
    get,
    path = "/api/mlops/projects/{project_id}/deployments",
    operation_id = "deployments_list",
    tag = "Project deployments",
    params(
        ("project_id" = String, Path, description = "The project"),
        ("limit" = Option<u32>, Query, description = "The most deployments of a page, 1 to 200; 50 where absent", minimum = 1, maximum = 200),
        ("offset" = Option<u32>, Query, description = "How many to leave out before the first", minimum = 0, maximum = 10000),
    ),
    responses(
        (status = 200, description = "A page of deployments", body = List<DeploymentView>),
        (status = 401, description = "Not signed in", body = Problem),
        (status = 404, description = "The caller is in no such project", body = Problem),
        (status = 422, description = "A parameter does not hold what it must", body = Problem),
    )
)]
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let project = access::project(platform, &request).await?;
    let window = window(&request, 200)?;
    let (found, total) = read(platform, &request, &project, window).await?;
    let store = platform.store()?;
    // Deployments of the other APIs know their model by its name and version.
    let of_others: BTreeSet<(String, u64)> = found
        .iter()
        .filter(|deployment| deployment.model_id.is_none())
        .filter_map(|deployment| Some((deployment.model_name.clone(), deployment.live_model_version?)))
        .collect();
    let ids = store.ids_of_versions(&of_others).await?;
    let items = found.into_iter().map(|deployment| {
        let known = deployment.live_model_version.and_then(|version| ids.get(&(deployment.model_name.clone(), version)).cloned());
        let model_id = deployment.model_id.clone().or(known);
        DeploymentView::new(deployment, model_id)
    });
    response::ok(&List::new(items.collect(), total, window))
}

/// The deployments of a window, and how many there are in all.
async fn read(platform: &Platform, request: &Request, project: &Project, window: Window) -> Result<(Vec<Deployment>, u64)> {
    let store = platform.store()?;
    let page = PageRequest { limit: window.offset + window.limit, after: None };
    let mut found = store.project_deployments(&project.id, &page).await?.items;
    let mut total = store.count_project_deployments(&project.id).await?;
    if project.is_default() {
        for owner in [request.caller.user_id(), None] {
            found.extend(store.deployments(owner, &page).await?.items);
            total += store.owner_totals(owner).await?.deployments;
        }
        // Ids sort by the time they were made.
        found.sort_by(|one, other| Reverse(&one.id).cmp(&Reverse(&other.id)));
    }
    Ok((found.into_iter().skip(window.offset as usize).take(window.limit as usize).collect(), total))
}
