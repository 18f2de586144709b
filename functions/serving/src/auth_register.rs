//! `POST /api/v1/auth/register`: a new user. Document: serveml-api, "Register User".

use http::StatusCode;
use serde::{Deserialize, Serialize};
use shared::http::response;
use shared::identity::accounts::{self, Registration};
use shared::{Platform, Request, Response, Result};
use utoipa::ToSchema;

use crate::body;
use crate::views::problem::Problem;
use crate::views::user::UserView;

/// Who registers.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RegisterRequest {
    /// The address; it names the user at the login.
    #[schema(example = "user@example.com")]
    pub email: String,
    /// The name by which others know the user: 3 to 64 letters, digits, dots, hyphens, underscores.
    #[schema(example = "johndoe")]
    pub username: String,
    /// At least 8 bytes.
    #[schema(example = "secure-password", format = "password")]
    pub password: String,
    /// The full name.
    #[schema(example = "John Doe")]
    pub full_name: Option<String>,
}

/// A user who is logged in.
#[derive(Debug, Serialize, ToSchema)]
pub struct RegisterResponse {
    /// The session's token, good for a day.
    #[schema(example = "eyJ0eXAiOiJKV1QiLCJhbGc...")]
    pub access_token: String,
    /// Always `bearer`.
    #[schema(example = "bearer")]
    pub token_type: String,
    /// The user.
    pub user: UserView,
}

/// Register a user
#[utoipa::path(
    post,
    path = "/api/v1/auth/register",
    operation_id = "auth_register",
    tag = "Authentication",
    request_body = RegisterRequest,
    responses(
        (status = 201, description = "The user, logged in", body = RegisterResponse),
        (status = 400, description = "The address or the username is taken", body = Problem),
        (status = 422, description = "A field is not as it must be", body = Problem),
        (status = 429, description = "Too many requests", body = Problem),
    )
)]
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let asked: RegisterRequest = body::read(&request)?;
    let registration =
        Registration { email: &asked.email, username: &asked.username, password: &asked.password, full_name: asked.full_name.as_deref() };
    let session = accounts::register(platform, registration).await?;
    let answer =
        RegisterResponse { access_token: session.access_token, token_type: "bearer".to_owned(), user: UserView::from(session.user) };
    response::json(StatusCode::CREATED, &answer)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;
    use testing::TestPlatform;

    use crate::fixtures::post;

    #[tokio::test]
    async fn a_user_registers_once_and_is_logged_in() {
        let test = TestPlatform::start().await;
        let asked = json!({ "email": "User@Example.com", "username": "johndoe", "password": "secure-password", "full_name": "John Doe" });
        let (status, answer) = post(&test, "/api/v1/auth/register", &asked).await;
        assert_eq!(status, 201, "{answer}");
        assert_eq!((answer["token_type"].as_str(), answer["user"]["email"].as_str()), (Some("bearer"), Some("User@Example.com")));
        assert!(answer["access_token"].as_str().unwrap().starts_with("eyJ"));
        assert!(answer["user"]["id"].as_str().unwrap().starts_with("user-"));
        assert!(!answer.to_string().contains("argon2"), "{answer}");

        let again = json!({ "email": "user@example.com", "username": "other", "password": "secure-password" });
        let (status, refused) = post(&test, "/api/v1/auth/register", &again).await;
        assert_eq!((status, refused["error"]["code"].as_str()), (400, Some("INVALID_INPUT")), "{refused}");
        let again = json!({ "email": "other@example.com", "username": "JohnDoe", "password": "secure-password" });
        let (status, refused) = post(&test, "/api/v1/auth/register", &again).await;
        assert_eq!((status, refused["error"]["message"].as_str()), (400, Some("This username is taken.")));
    }

    #[tokio::test]
    async fn a_wrong_field_is_named() {
        let test = TestPlatform::start().await;
        for (asked, field) in [
            (json!({ "email": "nobody", "username": "johndoe", "password": "secure-password" }), "email"),
            (json!({ "email": "a@b.co", "username": "x", "password": "secure-password" }), "username"),
            (json!({ "email": "a@b.co", "username": "johndoe", "password": "short" }), "password"),
            (json!({ "email": "a@b.co", "username": "johndoe" }), "password"),
            (json!({ "email": 1, "username": "johndoe", "password": "secure-password" }), "email"),
        ] {
            let (status, refused) = post(&test, "/api/v1/auth/register", &asked).await;
            assert_eq!((status, refused["error"]["code"].as_str()), (422, Some("VALIDATION_ERROR")), "{refused}");
            assert_eq!(refused["error"]["details"]["field"], field, "{refused}");
            assert!(refused["request_id"].as_str().unwrap().starts_with("req-"), "{refused}");
        }
    }
}
