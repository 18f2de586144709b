//! `DELETE /api/v1/api-keys/{key_id}`: revokes a key at once.

use serde::Serialize;
use shared::http::response;
use shared::{Error, Platform, Request, Response, Result};
use utoipa::ToSchema;

use crate::views::problem::Problem;

/// What was revoked.
#[derive(Debug, Serialize, ToSchema)]
pub struct ApiKeyDeleted {
    /// For a person.
    #[schema(example = "API key revoked")]
    pub message: String,
    /// The key's id.
    pub id: String,
}

/// Revoke an API key
#[utoipa::path(
    delete,
    path = "/api/v1/api-keys/{key_id}",
    operation_id = "api_key_delete",
    tag = "Authentication",
    params(("key_id" = String, Path, description = "The key's id")),
    responses(
        (status = 200, description = "It is refused from now on", body = ApiKeyDeleted),
        (status = 404, description = "The user has no such key", body = Problem),
    )
)]
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let id = request.path_parameter("key_id")?;
    if !shared::id::is_id(id) || !platform.store()?.delete_api_key(request.caller.user()?, id).await? {
        return Err(Error::not_found("There is no such API key."));
    }
    response::ok(&ApiKeyDeleted { message: "API key revoked".to_owned(), id: id.to_owned() })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;
    use testing::TestPlatform;

    use crate::fixtures::{delete_as, get_as, post_as, register};

    #[tokio::test]
    async fn a_key_is_its_owner_until_it_is_revoked() {
        let test = TestPlatform::start().await;
        let (token, other) = (register(&test, "johndoe").await, register(&test, "janedoe").await);
        let (status, made) = post_as(&test, "/api/v1/api-keys", &token, &json!({ "name": "ci" })).await;
        assert_eq!(status, 201, "{made}");
        let key = made["api_key"].as_str().unwrap();
        assert_eq!(get_as(&test, "/api/v1/auth/me", key).await.1["username"], "johndoe");
        let (_, listed) = get_as(&test, "/api/v1/api-keys", &token).await;
        assert_eq!((listed["items"][0]["name"].as_str(), listed["items"].as_array().unwrap().len()), (Some("ci"), 1));
        assert!(!listed.to_string().contains(key), "{listed}");

        let path = format!("/api/v1/api-keys/{}", made["id"].as_str().unwrap());
        assert_eq!(delete_as(&test, &path, &other).await.0, 404, "it is not theirs");
        assert_eq!(get_as(&test, "/api/v1/auth/me", key).await.0, 200);
        assert_eq!(delete_as(&test, &path, &token).await.0, 200);
        assert_eq!(get_as(&test, "/api/v1/auth/me", key).await.0, 401);
        assert_eq!(delete_as(&test, &path, &token).await.0, 404);
    }
}
