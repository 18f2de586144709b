//! `DELETE /api/v1/webhooks/{webhook_id}`: a webhook is told of nothing any more.

use serde::Serialize;
use shared::http::response;
use shared::{Error, Platform, Request, Response, Result};
use utoipa::ToSchema;

use crate::views::problem::Problem;

/// What was deleted.
#[derive(Debug, Serialize, ToSchema)]
pub struct WebhookDeleted {
    /// For a person.
    #[schema(example = "Webhook deleted")]
    pub message: String,
    /// The webhook's id.
    pub id: String,
}

/// Delete a webhook
///
/// What is on its way to it is not sent any more.
#[utoipa::path(
    delete,
    path = "/api/v1/webhooks/{webhook_id}",
    operation_id = "webhook_delete",
    tag = "Webhooks",
    params(("webhook_id" = String, Path, description = "The webhook's id")),
    responses(
        (status = 200, description = "It is gone", body = WebhookDeleted),
        (status = 401, description = "Not logged in", body = Problem),
        (status = 404, description = "The caller has no such webhook", body = Problem),
    )
)]
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let id = request.path_parameter("webhook_id")?;
    if !platform.store()?.delete_webhook(request.caller.user_id(), id).await? {
        return Err(Error::not_found("There is no such webhook."));
    }
    response::ok(&WebhookDeleted { message: "Webhook deleted".to_owned(), id: id.to_owned() })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;
    use testing::TestPlatform;

    use crate::fixtures::{delete_as, get, get_as, post, post_as, register};

    #[tokio::test]
    async fn a_webhook_is_its_owners_alone() {
        let test = TestPlatform::start().await;
        let (john, jane) = (register(&test, "johndoe").await, register(&test, "janedoe").await);
        let asked = json!({ "url": "http://localhost:1/x", "events": ["deployment.ready"], "secret": "webhook-secret" });
        let (_, made) = post_as(&test, "/api/v1/webhooks", &john, &asked).await;
        let path = format!("/api/v1/webhooks/{}", made["id"].as_str().unwrap());
        assert_eq!(get_as(&test, "/api/v1/webhooks", &jane).await.1, json!({ "items": [] }));
        assert_eq!(get(&test, "/api/v1/webhooks").await.1, json!({ "items": [] }), "nobody in particular has their own");
        for other in [jane.as_str()] {
            assert_eq!(delete_as(&test, &path, other).await.0, 404);
            assert_eq!(get_as(&test, &format!("{path}/deliveries"), other).await.0, 404);
            assert_eq!(post_as(&test, &format!("{path}/test"), other, &json!({})).await.0, 404);
        }
        assert_eq!(post(&test, &format!("{path}/test"), &json!({})).await.0, 404);
        assert_eq!(get_as(&test, &format!("{path}/deliveries"), &john).await.1, json!({ "items": [], "next_page_token": null }));
        assert_eq!(delete_as(&test, "/api/v1/webhooks/x", &john).await.0, 404);
        assert_eq!(delete_as(&test, &path, &john).await.0, 200);
        assert_eq!(delete_as(&test, &path, &john).await.0, 404);
        assert_eq!(get_as(&test, &format!("{path}/deliveries"), &john).await.0, 404);
    }
}
