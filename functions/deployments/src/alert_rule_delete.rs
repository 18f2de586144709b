//! `DELETE /api/mlops/alert-rules/{rule_id}`: an alert rule is deleted.

use shared::alerts::evaluate;
use shared::http::response;
use shared::{Platform, Request, Response, Result, Timestamp};

use crate::access;
use crate::views::problem::Problem;

/// Delete an alert rule
///
/// Its alerts are resolved, without a message, and stay in the list.
#[utoipa::path(
    delete,
    path = "/api/mlops/alert-rules/{rule_id}",
    operation_id = "deployments_alert_rule_delete",
    tag = "Alerts",
    params(("rule_id" = String, Path, description = "The rule")),
    responses(
        (status = 204, description = "It is deleted"),
        (status = 401, description = "Not signed in", body = Problem),
        (status = 404, description = "The caller has no such rule", body = Problem),
    )
)]
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let rule = access::alert_rule(platform, &request).await?;
    platform.store()?.retire_alert_rule(&rule.id).await?;
    // Where this breaks off, the next evaluation finishes it.
    if let Err(error) = evaluate::rule_now(platform, &rule, Timestamp::now()).await {
        tracing::warn!(%error, rule_id = rule.id, "the alerts of a deleted rule are not closed yet");
    }
    Ok(response::no_content())
}
