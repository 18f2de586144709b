//! `POST /api/v1/auth/login`: a token for a user. Document: serveml-api, "Login".

use serde::{Deserialize, Serialize};
use shared::http::response;
use shared::identity::accounts;
use shared::{Platform, Request, Response, Result};
use utoipa::ToSchema;

use crate::body;
use crate::views::problem::Problem;

/// Who logs in.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LoginRequest {
    /// The address with which the user registered.
    #[schema(example = "user@example.com")]
    pub email: String,
    /// The password.
    #[schema(example = "secure-password", format = "password")]
    pub password: String,
}

/// A session.
#[derive(Debug, Serialize, ToSchema)]
pub struct LoginResponse {
    /// The session's token, good for a day.
    #[schema(example = "eyJ0eXAiOiJKV1QiLCJhbGc...")]
    pub access_token: String,
    /// Always `bearer`.
    #[schema(example = "bearer")]
    pub token_type: String,
}

/// Log in
#[utoipa::path(
    post,
    path = "/api/v1/auth/login",
    operation_id = "auth_login",
    tag = "Authentication",
    request_body = LoginRequest,
    responses(
        (status = 200, description = "A token", body = LoginResponse),
        (status = 401, description = "The address or the password is wrong", body = Problem),
        (status = 429, description = "Too many requests", body = Problem),
    )
)]
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let asked: LoginRequest = body::read(&request)?;
    let session = accounts::log_in(platform, &asked.email, &asked.password).await?;
    response::ok(&LoginResponse { access_token: session.access_token, token_type: "bearer".to_owned() })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;
    use testing::TestPlatform;

    use crate::fixtures::{get_as, post, register};

    #[tokio::test]
    async fn a_wrong_password_and_an_unknown_user_are_answered_alike() {
        let test = TestPlatform::start().await;
        register(&test, "johndoe").await;
        let log_in = |email: &str, password: &str| json!({ "email": email, "password": password });
        let (status, answer) = post(&test, "/api/v1/auth/login", &log_in("JohnDoe@example.com", "secure-password")).await;
        assert_eq!(status, 200, "{answer}");
        let me = get_as(&test, "/api/v1/auth/me", answer["access_token"].as_str().unwrap()).await;
        assert_eq!((me.0, me.1["username"].as_str()), (200, Some("johndoe")));
        let wrong = post(&test, "/api/v1/auth/login", &log_in("johndoe@example.com", "wrong-password")).await;
        let unknown = post(&test, "/api/v1/auth/login", &log_in("nobody@example.com", "wrong-password")).await;
        assert_eq!((wrong.0, wrong.1["error"]["code"].as_str()), (401, Some("UNAUTHORIZED")));
        assert_eq!((wrong.0, &wrong.1["error"]), (unknown.0, &unknown.1["error"]));
    }

    #[tokio::test]
    async fn the_eleventh_request_of_a_minute_has_to_wait() {
        let test = TestPlatform::start().await;
        let asked = json!({ "email": "nobody@example.com", "password": "" });
        let mut refused = None;
        // A minute may end in between; then another ten are free.
        for _ in 0..25 {
            let (status, answer, headers) = crate::fixtures::post_with_headers(&test, "/api/v1/auth/login", &asked).await;
            assert_eq!(headers["x-ratelimit-limit"], "10");
            if status == 429 {
                assert_eq!(answer["error"]["code"], "RATE_LIMITED");
                assert_eq!(headers["x-ratelimit-remaining"], "0");
                refused = headers["retry-after"].to_str().unwrap().parse::<u32>().ok();
                break;
            }
        }
        assert!((1..=60).contains(&refused.unwrap()));
    }
}
