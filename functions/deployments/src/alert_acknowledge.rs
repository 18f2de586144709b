//! `POST /api/mlops/alerts/{alert_id}/acknowledge`: somebody knows of an alert.

use shared::domain::alert::AlertStatus;
use shared::http::response;
use shared::{Error, ErrorKind, Platform, Request, Response, Result};

use crate::access;
use crate::views::alert::AlertView;
use crate::views::problem::Problem;

/// How often it is tried where the alert changes at the same moment.
const ATTEMPTS: usize = 5;

/// Acknowledge an alert
///
/// It is not told of again, nor does it escalate; that it ended is told. Acknowledging it again changes nothing.
#[utoipa::path(
    post,
    path = "/api/mlops/alerts/{alert_id}/acknowledge",
    operation_id = "deployments_alert_acknowledge",
    tag = "Alerts",
    params(("alert_id" = String, Path, description = "The alert")),
    responses(
        (status = 200, description = "The alert as it is now", body = AlertView),
        (status = 401, description = "Not signed in", body = Problem),
        (status = 404, description = "The caller has no such alert", body = Problem),
        (status = 409, description = "It is resolved already", body = Problem),
    )
)]
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    for _ in 0..ATTEMPTS {
        let alert = access::alert(platform, &request).await?;
        match alert.status {
            AlertStatus::Acknowledged => return response::ok(&AlertView::from(alert)),
            AlertStatus::Resolved => return Err(Error::conflict("The alert is resolved already.")),
            AlertStatus::Firing => {}
        }
        if let Some(acknowledged) = platform.store()?.acknowledge_alert(&alert, request.caller.user_id()).await? {
            return response::ok(&AlertView::from(acknowledged));
        }
    }
    Err(Error::new(ErrorKind::Unavailable, "The alert changes at this moment; try again."))
}
