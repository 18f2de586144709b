//! `GET /api/mlops/alerts/{alert_id}`: an alert.

use shared::http::response;
use shared::{Platform, Request, Response, Result};

use crate::access;
use crate::views::alert::AlertView;
use crate::views::problem::Problem;

/// Get an alert
#[utoipa::path(
    get,
    path = "/api/mlops/alerts/{alert_id}",
    operation_id = "deployments_alert_get",
    tag = "Alerts",
    params(("alert_id" = String, Path, description = "The alert")),
    responses(
        (status = 200, description = "The alert", body = AlertView),
        (status = 401, description = "Not signed in", body = Problem),
        (status = 404, description = "The caller has no such alert", body = Problem),
    )
)]
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    response::ok(&AlertView::from(access::alert(platform, &request).await?))
}
