//! `POST /api/v1/webhooks/{webhook_id}/test`: sends a webhook something, so that its receiver can be tried out.

use http::StatusCode;
use serde::Serialize;
use shared::domain::event::Event;
use shared::http::response;
use shared::{Error, Platform, Request, Response, Result};
use utoipa::ToSchema;

use crate::views::problem::Problem;

/// What is on its way.
#[derive(Debug, Serialize, ToSchema)]
pub struct WebhookTested {
    /// The delivery's id; the list of deliveries tells how it went.
    pub delivery_id: String,
}

/// Test a webhook
///
/// Sends the event `webhook.test`, once, also where the webhook is disabled; if its receiver takes it, the webhook is enabled
/// again.
#[utoipa::path(
    post,
    path = "/api/v1/webhooks/{webhook_id}/test",
    operation_id = "webhook_test",
    tag = "Webhooks",
    params(("webhook_id" = String, Path, description = "The webhook's id")),
    responses(
        (status = 202, description = "It is on its way", body = WebhookTested),
        (status = 401, description = "Not logged in", body = Problem),
        (status = 404, description = "The caller has no such webhook", body = Problem),
        (status = 429, description = "Too many requests", body = Problem),
    )
)]
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let (store, owner) = (platform.store()?, request.caller.user_id());
    let webhook = store.webhook(owner, request.path_parameter("webhook_id")?).await?;
    let webhook = webhook.ok_or_else(|| Error::not_found("There is no such webhook."))?;
    let event = Event::test(owner, &webhook.id);
    store.add_event(&event).await?;
    response::json(StatusCode::ACCEPTED, &WebhookTested { delivery_id: event.delivery_id(&webhook.id) })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;
    use shared::paging::PageRequest;
    use testing::TestPlatform;

    use crate::fixtures::{post_as, register};

    #[tokio::test]
    async fn a_test_is_on_its_way_at_once_and_kept_until_it_arrives() {
        let test = TestPlatform::start_telling().await;
        let token = register(&test, "johndoe").await;
        let asked = json!({ "url": "http://localhost:1/x", "events": ["deployment.ready"], "secret": "webhook-secret" });
        let (_, made) = post_as(&test, "/api/v1/webhooks", &token, &asked).await;
        let path = format!("/api/v1/webhooks/{}/test", made["id"].as_str().unwrap());
        let (status, tested) = post_as(&test, &path, &token, &json!({})).await;
        assert_eq!(status, 202, "{tested}");
        let open = test.platform.store().unwrap().open_events(&PageRequest { limit: 10, after: None }).await.unwrap();
        let event = &open.items[0];
        assert_eq!(tested["delivery_id"], event.delivery_id(made["id"].as_str().unwrap()));
        let calls = test.calls();
        assert_eq!((calls[0].operation.as_str(), calls[0].body["name"].as_str()), ("StartExecution", Some(event.id.as_str())));
        assert_eq!(calls[0].body["input"], json!({ "event_id": event.id }).to_string());
    }
}
