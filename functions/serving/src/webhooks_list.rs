//! `GET /api/v1/webhooks`: the caller's webhooks.

use serde::Serialize;
use shared::http::response;
use shared::{Platform, Request, Response, Result};
use utoipa::ToSchema;

use crate::views::problem::Problem;
use crate::views::webhook::WebhookView;

/// The caller's webhooks.
#[derive(Debug, Serialize, ToSchema)]
pub struct WebhooksResponse {
    /// The webhooks, the oldest first.
    pub items: Vec<WebhookView>,
}

/// List webhooks
#[utoipa::path(
    get,
    path = "/api/v1/webhooks",
    operation_id = "webhooks_list",
    tag = "Webhooks",
    responses(
        (status = 200, description = "The webhooks", body = WebhooksResponse),
        (status = 401, description = "Not logged in", body = Problem),
    )
)]
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let webhooks = platform.store()?.webhooks(request.caller.user_id()).await?;
    response::ok(&WebhooksResponse { items: webhooks.into_iter().map(WebhookView::from).collect() })
}
