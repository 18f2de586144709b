//! `GET /api/mlops/alert-rules/{rule_id}`: an alert rule.

use shared::http::response;
use shared::{Platform, Request, Response, Result};

use crate::access;
use crate::alert_channels::ChannelView;
use crate::views::alert_rule::AlertRuleView;
use crate::views::problem::Problem;

/// Get an alert rule
#[utoipa::path(
    get,
    path = "/api/mlops/alert-rules/{rule_id}",
    operation_id = "deployments_alert_rule_get",
    tag = "Alerts",
    params(("rule_id" = String, Path, description = "The rule")),
    responses(
        (status = 200, description = "The rule", body = AlertRuleView),
        (status = 401, description = "Not signed in", body = Problem),
        (status = 404, description = "The caller has no such rule", body = Problem),
    )
)]
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let rule = access::alert_rule(platform, &request).await?;
    let channels = platform.store()?.alert_channels(&rule.id).await?;
    response::ok(&AlertRuleView::new(rule, channels.iter().map(ChannelView::from).collect()))
}
