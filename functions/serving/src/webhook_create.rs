//! `POST /api/v1/webhooks`: an address that is told of events. Document: serveml-api, "Webhooks".

use http::StatusCode;
use serde::{Deserialize, Serialize};
use shared::domain::network::Networks;
use shared::domain::webhook::{self, Webhook};
use shared::http::response;
use shared::{Platform, Request, Response, Result};
use utoipa::ToSchema;

use crate::body;
use crate::views::problem::Problem;
use crate::views::webhook::WebhookView;

/// Who is told, and of what.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WebhookRequest {
    /// Where events are sent: a POST with a JSON body. `https://` to a public address; a platform on a laptop also sends to
    /// itself and to its own network, by `http://` too.
    #[schema(example = "https://your-app.com/webhook")]
    pub url: String,
    /// Which events.
    #[schema(example = json!(["deployment.created", "deployment.ready", "deployment.failed"]))]
    pub events: Vec<String>,
    /// What signatures are made with, 8 to 256 bytes: base64 behind `whsec_`, anything else is the key's bytes as they
    /// stand. One is made, and shown once, where there is none.
    #[schema(example = "webhook-secret", format = "password")]
    pub secret: Option<String>,
}

/// A new webhook.
#[derive(Serialize, ToSchema)]
pub struct NewWebhook {
    /// The webhook.
    #[serde(flatten)]
    pub webhook: WebhookView,
    /// The secret, where the platform made it: it is shown here and never again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
}

/// Create a webhook
///
/// It is told of what happens to its owner's deployments; one made without login, of what happens to deployments made
/// without login. Each event is a POST, signed as Standard Webhooks describes (`webhook-id`, `webhook-timestamp`,
/// `webhook-signature`); any 2xx takes it. What is not taken is tried again up to seven times over fifteen hours. Five
/// deliveries in a row that fail, or a 410, disable the webhook.
#[utoipa::path(
    post,
    path = "/api/v1/webhooks",
    operation_id = "webhook_create",
    tag = "Webhooks",
    request_body = WebhookRequest,
    responses(
        (status = 201, description = "The webhook", body = NewWebhook),
        (status = 400, description = "There are as many webhooks as may be", body = Problem),
        (status = 401, description = "Not logged in", body = Problem),
        (status = 422, description = "A field is not as it must be", body = Problem),
    )
)]
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let asked: WebhookRequest = body::read(&request)?;
    let made = asked.secret.is_none().then(webhook::new_secret);
    let secret = asked.secret.or_else(|| made.clone()).unwrap_or_default();
    let networks = Networks::from_config(platform.config)?;
    let webhook = Webhook::new(request.caller.user_id(), &asked.url, &asked.events, secret, networks)?;
    platform.store()?.create_webhook(&webhook).await?;
    response::json(StatusCode::CREATED, &NewWebhook { webhook: webhook.into(), secret: made })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;
    use testing::TestPlatform;

    use crate::fixtures::{get_as, post_as, register};

    #[tokio::test]
    async fn a_secret_is_shown_once_and_only_where_it_was_made_here() {
        let test = TestPlatform::start().await;
        let token = register(&test, "johndoe").await;
        let asked = json!({ "url": "http://localhost:1/x", "events": ["deployment.ready"], "secret": "webhook-secret" });
        let (status, made) = post_as(&test, "/api/v1/webhooks", &token, &asked).await;
        assert_eq!((status, made["enabled"].as_bool(), made["url"].as_str()), (201, Some(true), Some("http://localhost:1/x")), "{made}");
        assert_eq!((&made["events"], &made["secret"]), (&json!(["deployment.ready"]), &json!(null)));
        let asked = json!({ "url": "http://localhost:1/x", "events": ["prediction.error"] });
        let (_, made) = post_as(&test, "/api/v1/webhooks", &token, &asked).await;
        assert!(made["secret"].as_str().unwrap().starts_with("whsec_"), "{made}");
        let (_, listed) = get_as(&test, "/api/v1/webhooks", &token).await;
        assert_eq!(listed["items"].as_array().unwrap().len(), 2);
        assert!(!listed.to_string().contains("secret"), "{listed}");
    }

    #[tokio::test]
    async fn a_wrong_field_is_named_and_there_are_not_too_many() {
        let test = TestPlatform::start().await;
        let token = register(&test, "johndoe").await;
        let good = json!({ "url": "http://localhost:1/x", "events": ["deployment.ready"], "secret": "webhook-secret" });
        for (field, value, named) in [
            ("url", json!("http://169.254.169.254/latest"), "url"),
            ("url", json!("ftp://localhost"), "url"),
            ("url", json!(1), "url"),
            ("events", json!([]), "events"),
            ("events", json!(["deployment.ready", "x"]), "events.1"),
            ("events", json!("deployment.ready"), "events"),
            ("secret", json!("short"), "secret"),
            ("secret", json!("whsec_§"), "secret"),
            ("other", json!(1), "other"),
        ] {
            let mut asked = good.clone();
            asked[field] = value;
            let (status, refused) = post_as(&test, "/api/v1/webhooks", &token, &asked).await;
            assert_eq!((status, refused["error"]["code"].as_str()), (422, Some("VALIDATION_ERROR")), "{asked}: {refused}");
            assert_eq!(refused["error"]["details"]["field"], named, "{asked}: {refused}");
        }
        for _ in 0..20 {
            assert_eq!(post_as(&test, "/api/v1/webhooks", &token, &good).await.0, 201);
        }
        assert_eq!(post_as(&test, "/api/v1/webhooks", &token, &good).await.0, 400);
    }
}
