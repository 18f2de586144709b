//! `GET /api/mlops/projects/{project_id}/models`: the models of a project.

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use shared::http::response;
use shared::{Platform, Request, Response, Result};

use crate::access;
use crate::page::{List, window};
use crate::views::model::ModelView;
use crate::views::problem::Problem;

/// How many models are looked at at once: what a new one is has to be read from its files.
const CONCURRENT: usize = 8;

/// List models
///
/// Each is a version of a registered model, the newest first. In the project of everybody is what the other APIs registered.
#[utoipa::path(
    get,
    path = "/api/mlops/projects/{project_id}/models",
    operation_id = "deployments_models_list",
    tag = "Projects",
    params(
        ("project_id" = String, Path, description = "The project"),
        ("limit" = Option<u32>, Query, description = "The most models of a page, 1 to 200; 50 where absent", minimum = 1, maximum = 200),
        ("offset" = Option<u32>, Query, description = "How many to leave out before the first", minimum = 0, maximum = 10000),
    ),
    responses(
        (status = 200, description = "A page of models", body = List<ModelView>),
        (status = 401, description = "Not signed in", body = Problem),
        (status = 404, description = "The caller is in no such project", body = Problem),
        (status = 422, description = "A parameter does not hold what it must", body = Problem),
    )
)]
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let project = access::project(platform, &request).await?;
    let window = window(&request, 200)?;
    let store = platform.store()?;
    let models = store.project_models(&project.id, window.offset, window.limit).await?;
    let total = store.count_project_models(&project.id).await?;
    let views = models.into_iter().map(|model| ModelView::new(platform, model));
    let items = stream::iter(views).buffered(CONCURRENT).try_collect().await?;
    response::ok(&List::new(items, total, window))
}
