//! `GET /api/mlops/projects/{project_id}/alert-rules`: a project's alert rules.

use futures::future::try_join_all;
use shared::domain::project::scope;
use shared::http::response;
use shared::{Platform, Request, Response, Result};

use crate::access;
use crate::alert_channels::ChannelView;
use crate::page::{List, window};
use crate::views::alert_rule::AlertRuleView;
use crate::views::problem::Problem;

/// List alert rules
///
/// The newest first. A project has at most a hundred.
#[utoipa::path(
    get,
    path = "/api/mlops/projects/{project_id}/alert-rules",
    operation_id = "deployments_alert_rules_list",
    tag = "Alerts",
    params(
        ("project_id" = String, Path, description = "The project"),
        ("limit" = Option<u32>, Query, description = "The most rules of a page, 1 to 200; 50 where absent", minimum = 1, maximum = 200),
        ("offset" = Option<u32>, Query, description = "How many to leave out before the first", minimum = 0, maximum = 10000),
    ),
    responses(
        (status = 200, description = "A page of rules", body = List<AlertRuleView>),
        (status = 401, description = "Not signed in", body = Problem),
        (status = 404, description = "The caller is in no such project", body = Problem),
        (status = 422, description = "A parameter does not hold what it must", body = Problem),
    )
)]
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let project = access::project(platform, &request).await?;
    let window = window(&request, 200)?;
    let store = platform.store()?;
    let found = store.alert_rules(&scope(&project.id, request.caller.user_id())).await?;
    let total = found.len() as u64;
    let shown = found.into_iter().skip(window.offset as usize).take(window.limit as usize);
    let items = try_join_all(shown.map(|rule| async {
        let channels = store.alert_channels(&rule.id).await?;
        Ok::<_, shared::Error>(AlertRuleView::new(rule, channels.iter().map(ChannelView::from).collect()))
    }));
    response::ok(&List::new(items.await?, total, window))
}
