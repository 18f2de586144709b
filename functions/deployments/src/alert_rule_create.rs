//! `POST /api/mlops/projects/{project_id}/alert-rules`: an alert rule is made. Document: deployments-api, "Alert Metrics Reference".

use http::StatusCode;
use shared::domain::alert_rule::{AlertRule, Metric, Operator};
use shared::http::fields::Fields;
use shared::http::response;
use shared::{Platform, Request, Response, Result};

use crate::access;
use crate::alert_channels::Receivers;
use crate::alert_rule_fields::{AlertRuleRequest, Given, LONGEST_BODY};
use crate::views::alert_rule::AlertRuleView;
use crate::views::problem::Problem;

/// Create an alert rule
///
/// Rules are evaluated every five minutes, those about drift also when drift was computed. While the condition holds there is one
/// alert for each deployment; its channels are told when it begins, again after each cooldown until somebody acknowledges it, when
/// it escalates, and when it ends. In the project of everybody, a rule and its alerts are seen by who made it alone.
///
/// Channels: `webhook` (JSON, signed as Standard Webhooks describes), `slack` (an incoming webhook of Slack's) and `email`.
#[utoipa::path(
    post,
    path = "/api/mlops/projects/{project_id}/alert-rules",
    operation_id = "deployments_alert_rule_create",
    tag = "Alerts",
    params(("project_id" = String, Path, description = "The project")),
    request_body = AlertRuleRequest,
    responses(
        (status = 201, description = "The rule", body = AlertRuleView),
        (status = 400, description = "A metric, operator or severity is none of the document's", body = Problem),
        (status = 401, description = "Not signed in", body = Problem),
        (status = 404, description = "The caller is in no such project", body = Problem),
        (status = 409, description = "The project has as many as it may", body = Problem),
        (status = 422, description = "A field does not hold what it must", body = Problem),
    )
)]
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let project = access::project(platform, &request).await?;
    let mut fields = Fields::of_body(&request, LONGEST_BODY)?;
    for field in ["name", "metric", "operator", "threshold"] {
        fields.require(field);
    }
    let (given, channels) = Given::take(&mut fields);
    // Where one is missing, `finish` refuses.
    let metric = given.metric.unwrap_or(Metric::ErrorRate);
    let operator = given.operator.unwrap_or(Operator::Gt);
    let mut rule = AlertRule::new(&project, request.caller.user_id(), metric, operator, given.threshold.unwrap_or_default());
    given.change(platform, &request, &mut rule, &mut fields).await?;
    let receivers = match channels {
        Some(channels) => channels.receivers(platform, &rule.id, &mut fields)?,
        None => Receivers::default(),
    };
    fields.finish()?;
    platform.store()?.create_alert_rule(&rule, &receivers.channels).await?;
    response::json(StatusCode::CREATED, &AlertRuleView::new(rule, receivers.shown_once()))
}
