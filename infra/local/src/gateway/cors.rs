//! Cross-origin answers of HTTP APIs and function URLs.

use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, HeaderMap,
    HeaderName, HeaderValue, ORIGIN, VARY,
};
use http::{Method, Response, StatusCode};

use crate::http_server::{Body, full};
use crate::template::Cors;

/// The answer to a preflight request, if this is one.
pub fn preflight(cors: &Cors, method: &Method, headers: &HeaderMap) -> Option<Response<Body>> {
    if method != Method::OPTIONS || !headers.contains_key(ORIGIN) || !headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD) {
        return None;
    }
    let mut response = Response::new(full(""));
    *response.status_mut() = StatusCode::NO_CONTENT;
    if !allow_origin(cors, headers.get(ORIGIN), response.headers_mut()) {
        return Some(response);
    }
    let answer = response.headers_mut();
    set(answer, ACCESS_CONTROL_ALLOW_METHODS, &cors.allow_methods.join(","));
    if cors.allow_headers.iter().any(|header| header == "*") {
        // A literal * would leave out Authorization.
        if let Some(requested) = headers.get(ACCESS_CONTROL_REQUEST_HEADERS) {
            answer.insert(ACCESS_CONTROL_ALLOW_HEADERS, requested.clone());
        }
    } else {
        set(answer, ACCESS_CONTROL_ALLOW_HEADERS, &cors.allow_headers.join(","));
    }
    if let Some(max_age) = cors.max_age {
        set(answer, ACCESS_CONTROL_MAX_AGE, &max_age.to_string());
    }
    Some(response)
}

/// Adds what a page of another origin needs to read an answer; the configuration's word counts, not the function's.
pub fn apply(cors: &Cors, origin: Option<&HeaderValue>, answer: &mut HeaderMap) {
    for name in [
        ACCESS_CONTROL_ALLOW_ORIGIN,
        ACCESS_CONTROL_ALLOW_CREDENTIALS,
        ACCESS_CONTROL_EXPOSE_HEADERS,
        ACCESS_CONTROL_ALLOW_METHODS,
        ACCESS_CONTROL_ALLOW_HEADERS,
        ACCESS_CONTROL_MAX_AGE,
    ] {
        answer.remove(name);
    }
    if allow_origin(cors, origin, answer) {
        set(answer, ACCESS_CONTROL_EXPOSE_HEADERS, &cors.expose_headers.join(","));
    }
}

fn allow_origin(cors: &Cors, origin: Option<&HeaderValue>, answer: &mut HeaderMap) -> bool {
    let Some(origin) = origin else { return false };
    let any = cors.allow_origins.iter().any(|allowed| allowed == "*");
    let named = cors.allow_origins.iter().any(|allowed| allowed.as_bytes().eq_ignore_ascii_case(origin.as_bytes()));
    if !any && !named {
        return false;
    }
    if any && !cors.allow_credentials {
        answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    } else {
        answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        answer.append(VARY, HeaderValue::from_static("Origin"));
    }
    if cors.allow_credentials {
        answer.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    }
    true
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if !value.is_empty()
        && let Ok(value) = HeaderValue::from_str(value)
    {
        headers.insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn request(origin: &'static str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(ORIGIN, HeaderValue::from_static(origin));
        headers.insert(ACCESS_CONTROL_REQUEST_METHOD, HeaderValue::from_static("POST"));
        headers.insert(ACCESS_CONTROL_REQUEST_HEADERS, HeaderValue::from_static("authorization"));
        headers
    }

    #[test]
    fn a_preflight_is_answered_for_allowed_origins_only() {
        let cors = Cors {
            allow_origins: vec!["https://a.example".into()],
            allow_methods: vec!["POST".into()],
            allow_headers: vec!["*".into()],
            max_age: Some(60),
            ..Cors::default()
        };
        let allowed = preflight(&cors, &Method::OPTIONS, &request("https://a.example")).unwrap();
        assert_eq!(allowed.headers()[ACCESS_CONTROL_ALLOW_ORIGIN], "https://a.example");
        assert_eq!(allowed.headers()[ACCESS_CONTROL_ALLOW_HEADERS], "authorization");
        assert_eq!(allowed.headers()[ACCESS_CONTROL_MAX_AGE], "60");
        let other = preflight(&cors, &Method::OPTIONS, &request("https://b.example")).unwrap();
        assert!(other.headers().get(ACCESS_CONTROL_ALLOW_ORIGIN).is_none());
        assert!(preflight(&cors, &Method::POST, &request("https://a.example")).is_none());
    }
}
