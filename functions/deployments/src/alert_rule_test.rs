//! `POST /api/mlops/alert-rules/{rule_id}/test`: a rule's channels are sent a test.

use http::StatusCode;
use serde::Serialize;
use shared::domain::alert_notice::AlertNotice;
use shared::domain::event::{Event, EventKind};
use shared::http::response;
use shared::{Error, Platform, Request, Response, Result, Timestamp, projects};
use utoipa::ToSchema;

use crate::access;
use crate::views::problem::Problem;

/// The test is on its way.
#[derive(Debug, Serialize, ToSchema)]
pub struct TestStarted {
    /// True.
    pub ok: bool,
    /// How many channels it is sent to.
    #[schema(example = 3)]
    pub channels: usize,
}

/// Test an alert rule's channels
///
/// Each channel is sent one message, those that were disabled too: one that takes it is enabled again. How it went is told by the
/// rule's deliveries.
#[utoipa::path(
    post,
    path = "/api/mlops/alert-rules/{rule_id}/test",
    operation_id = "deployments_alert_rule_test",
    tag = "Alerts",
    params(("rule_id" = String, Path, description = "The rule")),
    responses(
        (status = 202, description = "The test is on its way", body = TestStarted),
        (status = 401, description = "Not signed in", body = Problem),
        (status = 404, description = "The caller has no such rule", body = Problem),
        (status = 409, description = "The rule has no channels", body = Problem),
        (status = 429, description = "The caller has sent too many tests", body = Problem),
    )
)]
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let rule = access::alert_rule(platform, &request).await?;
    let store = platform.store()?;
    let channels = store.alert_channels(&rule.id).await?.len();
    if channels == 0 {
        return Err(Error::conflict("The rule has no channels; give it some with PATCH /api/mlops/alert-rules/{rule_id}."));
    }
    let project = projects::by_id(platform, &rule.project_id).await?;
    let notice = AlertNotice {
        alert_id: None,
        rule_id: rule.id.clone(),
        rule_name: rule.name.clone(),
        project_id: project.id,
        project_name: project.name,
        deployment_id: None,
        deployment_name: None,
        metric: rule.metric,
        operator: rule.operator,
        threshold: rule.threshold,
        value: None,
        severity: rule.severity,
        message: format!("This is a test of the channels; the rule is {}.", rule.condition()),
        fired_at: Timestamp::now(),
        resolved_at: None,
    };
    store.add_event(&Event::of_alert(EventKind::AlertTest, notice)).await?;
    response::json(StatusCode::ACCEPTED, &TestStarted { ok: true, channels })
}
