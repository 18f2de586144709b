//! `GET /api/mlops/projects/{project_id}/alerts`: a project's alerts.

use shared::domain::alert_rule::scope;
use shared::http::fields::{self, Fields};
use shared::http::response;
use shared::store::alerts::AlertFilter;
use shared::{Platform, Request, Response, Result};

use crate::access;
use crate::page::{List, take_window};
use crate::views::alert::AlertView;
use crate::views::problem::Problem;

const LONGEST_ID: usize = 80;

/// List alerts
///
/// The newest first; those that are resolved stay in the list.
#[utoipa::path(
    get,
    path = "/api/mlops/projects/{project_id}/alerts",
    operation_id = "deployments_alerts_list",
    tag = "Alerts",
    params(
        ("project_id" = String, Path, description = "The project"),
        ("status" = Option<String>, Query, description = "Only those that are `firing`, `acknowledged` or `resolved`"),
        ("severity" = Option<String>, Query, description = "Only those of a severity: `info`, `warning` or `critical`"),
        ("rule_id" = Option<String>, Query, description = "Only those of a rule"),
        ("deployment_id" = Option<String>, Query, description = "Only those about a deployment"),
        ("limit" = Option<u32>, Query, description = "The most alerts of a page, 1 to 200; 50 where absent", minimum = 1, maximum = 200),
        ("offset" = Option<u32>, Query, description = "How many to leave out before the first", minimum = 0, maximum = 10000),
    ),
    responses(
        (status = 200, description = "A page of alerts", body = List<AlertView>),
        (status = 400, description = "The status or severity is none that there is", body = Problem),
        (status = 401, description = "Not signed in", body = Problem),
        (status = 404, description = "The caller is in no such project", body = Problem),
        (status = 422, description = "A parameter does not hold what it must", body = Problem),
    )
)]
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let project = access::project(platform, &request).await?;
    let mut fields = Fields::of_query(&request);
    let window = take_window(&mut fields, 200);
    let (status, severity) = (fields.choice("status"), fields.choice("severity"));
    let (rule_id, deployment_id) = (fields.text("rule_id", 1..=LONGEST_ID), fields.text("deployment_id", 1..=LONGEST_ID));
    fields.finish()?;
    let filter = AlertFilter { status, severity, rule_id: rule_id.as_deref(), deployment_id: deployment_id.as_deref() };
    let scope = scope(&project.id, request.caller.user_id());
    let part = fields::Window { limit: window.limit as usize, offset: window.offset as usize };
    let (alerts, total) = platform.store()?.alerts(&scope, filter, part).await?;
    response::ok(&List::new(alerts.into_iter().map(AlertView::from).collect(), total, window))
}
