//! What the tests of several routes share.
#![allow(clippy::unwrap_used)]

use http::Method;
use serde_json::{Value, json};
use shared::Request;
use shared::identity::accounts::{self, Registration};
use testing::{TestPlatform, request, with_header, with_json};

/// Where this API lies.
pub const BASE: &str = "/api/ml-development";

pub async fn send(test: &TestPlatform, request: Request) -> (u16, Value) {
    let response = test.send(crate::FUNCTIONS, request).await;
    let (parts, body) = response.into_parts();
    (parts.status.as_u16(), serde_json::from_slice(&body).unwrap_or(Value::Null))
}

pub async fn get(test: &TestPlatform, path: &str) -> (u16, Value) {
    send(test, request(Method::GET, &format!("{BASE}{path}"))).await
}

pub async fn post(test: &TestPlatform, path: &str, body: &Value) -> (u16, Value) {
    send(test, with_json(request(Method::POST, &format!("{BASE}{path}")), body)).await
}

pub async fn put(test: &TestPlatform, path: &str, body: &Value) -> (u16, Value) {
    send(test, with_json(request(Method::PUT, &format!("{BASE}{path}")), body)).await
}

pub async fn delete(test: &TestPlatform, path: &str) -> (u16, Value) {
    send(test, request(Method::DELETE, &format!("{BASE}{path}"))).await
}

/// The ids of a list's entries.
pub fn ids(entries: &Value) -> Vec<String> {
    entries.as_array().unwrap().iter().map(|entry| entry["id"].as_str().unwrap().to_owned()).collect()
}

/// An id of an answer.
pub fn id(answer: &Value, field: &str) -> String {
    answer[field].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
}

/// A new recipe of the pricing family; gives its id.
pub async fn recipe(test: &TestPlatform, name: &str, manifest: Value) -> (String, String) {
    let body = json!({ "name": name, "model_family": "pricing", "level": "client", "manifest": manifest });
    let (status, made) = post(test, "/recipes", &body).await;
    assert_eq!(status, 201, "{made}");
    (id(&made, "id"), id(&made, "latest_version_id"))
}

/// A new model of a recipe; gives its id.
pub async fn model(test: &TestPlatform, name: &str, recipe: &(String, String)) -> String {
    let body = json!({ "name": name, "recipe_id": recipe.0, "recipe_version_id": recipe.1, "owner": "team" });
    let (status, made) = post(test, "/models", &body).await;
    assert_eq!(status, 201, "{made}");
    id(&made, "id")
}

/// A user of that name; gives the token.
pub async fn user(test: &TestPlatform, username: &str) -> String {
    let email = format!("{username}@example.com");
    let registration = Registration { email: &email, username, password: "secure-password", full_name: None };
    accounts::register(&test.platform, registration).await.unwrap().access_token
}

/// A request of a user.
pub async fn send_as(test: &TestPlatform, token: &str, method: Method, path: &str, body: &Value) -> (u16, Value) {
    let request = with_json(request(method, &format!("{BASE}{path}")), body);
    send(test, with_header(request, "authorization", &format!("Bearer {token}"))).await
}
