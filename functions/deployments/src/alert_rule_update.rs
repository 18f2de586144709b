//! `PATCH /api/mlops/alert-rules/{rule_id}`: an alert rule is changed.

use shared::alerts::evaluate;
use shared::http::fields::Fields;
use shared::http::response;
use shared::{Error, Platform, Request, Response, Result, Timestamp};

use crate::access;
use crate::alert_channels::ChannelView;
use crate::alert_rule_fields::{AlertRuleRequest, Given, LONGEST_BODY};
use crate::views::alert_rule::AlertRuleView;
use crate::views::problem::Problem;

/// Change an alert rule
///
/// What is not named stays; null takes a description, a deployment or an escalation away; `channels` are replaced whole, and what
/// was on its way to those before is not sent any more. A rule that is switched off, or has another condition now, has its alerts resolved.
#[utoipa::path(
    patch,
    path = "/api/mlops/alert-rules/{rule_id}",
    operation_id = "deployments_alert_rule_update",
    tag = "Alerts",
    params(("rule_id" = String, Path, description = "The rule")),
    request_body = AlertRuleRequest,
    responses(
        (status = 200, description = "The rule as it is now", body = AlertRuleView),
        (status = 400, description = "A metric, operator or severity is none of the document's", body = Problem),
        (status = 401, description = "Not signed in", body = Problem),
        (status = 404, description = "The caller has no such rule", body = Problem),
        (status = 409, description = "Somebody else changed it at the same moment", body = Problem),
        (status = 422, description = "A field does not hold what it must", body = Problem),
    )
)]
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let mut rule = access::alert_rule(platform, &request).await?;
    let mut fields = Fields::of_body(&request, LONGEST_BODY)?;
    let (given, channels) = Given::take(&mut fields);
    let before = rule.condition();
    given.change(platform, &request, &mut rule, &mut fields).await?;
    let receivers = channels.map(|channels| channels.receivers(platform, &rule.id, &mut fields)).transpose()?;
    fields.finish()?;
    rule.updated_at = Timestamp::now();
    let store = platform.store()?;
    if !store.change_alert_rule(&rule, receivers.as_ref().map(|receivers| receivers.channels.as_slice())).await? {
        return Err(Error::conflict("The rule was changed by somebody else at the same moment; look at it and try again."));
    }
    if !rule.enabled || rule.condition() != before {
        // Its alerts end; where this breaks off, the next evaluation does it.
        if let Err(error) = evaluate::rule_now(platform, &rule, Timestamp::now()).await {
            tracing::warn!(%error, rule_id = rule.id, "the alerts of a changed rule are not closed yet");
        }
    }
    let channels = match receivers {
        Some(receivers) => receivers.shown_once(),
        None => store.alert_channels(&rule.id).await?.iter().map(ChannelView::from).collect(),
    };
    response::ok(&AlertRuleView::new(rule, channels))
}
