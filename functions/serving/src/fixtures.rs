//! What the tests of several routes share.
#![allow(clippy::unwrap_used)]

use http::{HeaderMap, Method};
use serde_json::{Value, json};
use shared::Request;
use testing::{TestPlatform, request, with_header, with_json};

async fn send(test: &TestPlatform, request: Request) -> (u16, Value, HeaderMap) {
    let response = test.send(crate::FUNCTIONS, request).await;
    let (parts, body) = response.into_parts();
    (parts.status.as_u16(), serde_json::from_slice(&body).unwrap_or(Value::Null), parts.headers)
}

fn bearer(request: Request, token: &str) -> Request {
    with_header(request, "authorization", &format!("Bearer {token}"))
}

pub async fn get(test: &TestPlatform, path: &str) -> (u16, Value) {
    let (status, body, _) = send(test, request(Method::GET, path)).await;
    (status, body)
}

pub async fn get_as(test: &TestPlatform, path: &str, token: &str) -> (u16, Value) {
    let (status, body, _) = send(test, bearer(request(Method::GET, path), token)).await;
    (status, body)
}

pub async fn post_with_headers(test: &TestPlatform, path: &str, body: &Value) -> (u16, Value, HeaderMap) {
    send(test, with_json(request(Method::POST, path), body)).await
}

pub async fn post(test: &TestPlatform, path: &str, body: &Value) -> (u16, Value) {
    let (status, body, _) = post_with_headers(test, path, body).await;
    (status, body)
}

pub async fn post_as(test: &TestPlatform, path: &str, token: &str, body: &Value) -> (u16, Value) {
    let (status, body, _) = send(test, bearer(with_json(request(Method::POST, path), body), token)).await;
    (status, body)
}

pub async fn delete_as(test: &TestPlatform, path: &str, token: &str) -> (u16, Value) {
    let (status, body, _) = send(test, bearer(request(Method::DELETE, path), token)).await;
    (status, body)
}

/// Registers a user of that name; gives back the token.
pub async fn register(test: &TestPlatform, username: &str) -> String {
    let asked = json!({ "email": format!("{username}@example.com"), "username": username, "password": "secure-password" });
    let (status, answer) = post(test, "/api/v1/auth/register", &asked).await;
    assert_eq!(status, 201, "{answer}");
    answer["access_token"].as_str().unwrap().to_owned()
}
