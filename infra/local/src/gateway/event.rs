//! The event that a function gets for an HTTP request: payload format 2.0 of HTTP APIs and function URLs.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::SocketAddr;

use base64::Engine;
use bytes::Bytes;
use http::HeaderMap;
use http::header::{CONTENT_TYPE, COOKIE, HOST, USER_AGENT};
use http::request::Parts;
use serde::Serialize;

use super::routes::decode;
use crate::account::ACCOUNT_ID;

/// What an event says beyond the request itself.
#[derive(Debug)]
pub struct EventContext<'a> {
    /// `GET /models/{name}`, or `$default`.
    pub route_key: &'a str,
    /// The API's id, or the function URL's.
    pub api_id: &'a str,
    /// The path parameters.
    pub path_parameters: Vec<(&'a str, String)>,
    /// The request's own id.
    pub request_id: &'a str,
    /// Whether `rawPath` is decoded: an HTTP API does so, a function URL does not.
    pub decoded_path: bool,
    /// Who asks.
    pub peer: SocketAddr,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Event<'a> {
    version: &'static str,
    route_key: &'a str,
    raw_path: Cow<'a, str>,
    raw_query_string: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    cookies: Vec<Cow<'a, str>>,
    headers: BTreeMap<&'a str, Cow<'a, str>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    query_string_parameters: BTreeMap<String, String>,
    request_context: RequestContext<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path_parameters: Option<BTreeMap<&'a str, &'a str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<Cow<'a, str>>,
    is_base64_encoded: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RequestContext<'a> {
    account_id: &'static str,
    api_id: &'a str,
    domain_name: &'a str,
    domain_prefix: &'a str,
    http: Http<'a>,
    request_id: &'a str,
    route_key: &'a str,
    stage: &'static str,
    time: String,
    time_epoch: i64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Http<'a> {
    method: &'a str,
    path: Cow<'a, str>,
    protocol: &'static str,
    source_ip: String,
    user_agent: Cow<'a, str>,
}

/// Writes the event of a request, as JSON.
pub fn build(parts: &Parts, body: &[u8], context: &EventContext) -> Result<Bytes, serde_json::Error> {
    let path = parts.uri.path();
    let path = if context.decoded_path { decode(path) } else { Cow::Borrowed(path) };
    let query = parts.uri.query().unwrap_or_default();
    let host = parts.headers.get(HOST).and_then(|host| host.to_str().ok());
    let host = host.or(parts.uri.authority().map(|authority| authority.as_str())).unwrap_or("localhost");
    let domain_name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let source_ip = context.peer.ip().to_canonical().to_string();
    let now = jiff::Timestamp::now();

    let mut headers = headers(&parts.headers);
    headers.insert("x-forwarded-for", source_ip.clone().into());
    headers.insert("x-forwarded-proto", "http".into());
    let port = host.rsplit_once(':').map_or("80", |(_, port)| port);
    headers.insert("x-forwarded-port", port.into());
    let trace = format!("Root=1-{:08x}-{}", now.as_second(), crate::account::random_hex(12));
    headers.insert("x-amzn-trace-id", trace.into());

    let (body, is_base64_encoded) = encode_body(&parts.headers, body);
    let event = Event {
        version: "2.0",
        route_key: context.route_key,
        raw_path: path.clone(),
        raw_query_string: query,
        cookies: cookies(&parts.headers),
        headers,
        query_string_parameters: query_parameters(query),
        request_context: RequestContext {
            account_id: ACCOUNT_ID,
            api_id: context.api_id,
            domain_name,
            domain_prefix: domain_name.split('.').next().unwrap_or(domain_name),
            http: Http {
                method: parts.method.as_str(),
                path,
                protocol: if parts.version == http::Version::HTTP_10 { "HTTP/1.0" } else { "HTTP/1.1" },
                source_ip,
                user_agent: parts.headers.get(USER_AGENT).map(text).unwrap_or_default(),
            },
            request_id: context.request_id,
            route_key: context.route_key,
            stage: "$default",
            time: now.strftime("%d/%b/%Y:%H:%M:%S +0000").to_string(),
            time_epoch: now.as_millisecond(),
        },
        path_parameters: (!context.path_parameters.is_empty())
            .then(|| context.path_parameters.iter().map(|(name, value)| (*name, value.as_str())).collect()),
        body,
        is_base64_encoded,
    };
    serde_json::to_vec(&event).map(Bytes::from)
}

fn text(value: &http::HeaderValue) -> Cow<'_, str> {
    String::from_utf8_lossy(value.as_bytes())
}

/// Headers by lower-case name, the values of repeated ones joined by commas; cookies have their own place.
fn headers(map: &HeaderMap) -> BTreeMap<&str, Cow<'_, str>> {
    let mut headers: BTreeMap<&str, Cow<str>> = BTreeMap::new();
    for (name, value) in map.iter().filter(|(name, _)| **name != COOKIE) {
        let value = text(value);
        headers
            .entry(name.as_str())
            .and_modify(|joined| {
                let joined = joined.to_mut();
                joined.push(',');
                joined.push_str(&value);
            })
            .or_insert(value);
    }
    headers
}

fn cookies(map: &HeaderMap) -> Vec<Cow<'_, str>> {
    let mut cookies = Vec::new();
    for value in map.get_all(COOKIE) {
        let value = text(value);
        cookies.extend(value.split(';').map(str::trim).filter(|one| !one.is_empty()).map(|one| Cow::Owned(one.to_owned())));
    }
    cookies
}

fn query_parameters(query: &str) -> BTreeMap<String, String> {
    let mut parameters: BTreeMap<String, String> = BTreeMap::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let plus = |text: &str| decode(&text.replace('+', " ")).into_owned();
        parameters
            .entry(plus(name))
            .and_modify(|joined| {
                joined.push(',');
                joined.push_str(&plus(value));
            })
            .or_insert_with(|| plus(value));
    }
    parameters
}

/// A body as the event has it: text where its type says so and it is, else base64. No body, no field.
fn encode_body<'a>(headers: &HeaderMap, body: &'a [u8]) -> (Option<Cow<'a, str>>, bool) {
    if body.is_empty() {
        return (None, false);
    }
    if is_text(headers)
        && let Ok(text) = std::str::from_utf8(body)
    {
        return (Some(text.into()), false);
    }
    (Some(base64::engine::general_purpose::STANDARD.encode(body).into()), true)
}

/// Whether API Gateway passes a body on as text: `text/*`, JSON, XML and JavaScript; and what names no type.
fn is_text(headers: &HeaderMap) -> bool {
    if headers.contains_key(http::header::CONTENT_ENCODING) {
        return false;
    }
    let Some(content_type) = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()) else { return true };
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence.starts_with("text/") || matches!(essence.as_str(), "application/json" | "application/xml" | "application/javascript")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use http::Request;
    use serde_json::{Value, json};

    use super::*;

    fn event(request: http::request::Builder, body: &[u8]) -> Value {
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let context = EventContext {
            route_key: "POST /a/{x}",
            api_id: "laptop",
            path_parameters: vec![("x", "b c".to_owned())],
            request_id: "id",
            decoded_path: true,
            peer: ([127, 0, 0, 1], 5000).into(),
        };
        serde_json::from_slice(&build(&parts, body, &context).unwrap()).unwrap()
    }

    #[test]
    fn an_event_has_the_shape_of_payload_format_2() {
        let request = Request::builder()
            .method("POST")
            .uri("/a/b%20c?p=1&p=2&q=x%26y+z")
            .header("Host", "localhost:8000")
            .header("X-Twice", "one")
            .header("X-Twice", "two")
            .header("Cookie", "a=1; b=2")
            .header("User-Agent", "test")
            .header("Content-Type", "application/json; charset=utf-8");
        let event = event(request, br#"{"k":1}"#);
        assert_eq!(event["version"], "2.0");
        assert_eq!(event["routeKey"], "POST /a/{x}");
        assert_eq!(event["rawPath"], "/a/b c");
        assert_eq!(event["rawQueryString"], "p=1&p=2&q=x%26y+z");
        assert_eq!(event["queryStringParameters"], json!({ "p": "1,2", "q": "x&y z" }));
        assert_eq!(event["pathParameters"], json!({ "x": "b c" }));
        assert_eq!(event["cookies"], json!(["a=1", "b=2"]));
        assert_eq!(event["headers"]["x-twice"], "one,two");
        assert_eq!(event["headers"].get("cookie"), None);
        assert_eq!(event["body"], r#"{"k":1}"#);
        assert_eq!(event["isBase64Encoded"], false);
        assert_eq!(event.get("stageVariables"), None);
        let context = &event["requestContext"];
        assert_eq!(context["accountId"], "000000000000");
        assert_eq!(context["domainName"], "localhost");
        assert_eq!(context["stage"], "$default");
        assert_eq!(context["routeKey"], "POST /a/{x}");
        assert_eq!(context["http"]["method"], "POST");
        assert_eq!(context["http"]["path"], "/a/b c");
        assert_eq!(context["http"]["protocol"], "HTTP/1.1");
        assert_eq!(context["http"]["sourceIp"], "127.0.0.1");
        assert_eq!(context["http"]["userAgent"], "test");
        assert!(context["timeEpoch"].is_i64());
        assert!(context["time"].as_str().unwrap().ends_with(" +0000"));
    }

    #[test]
    fn a_binary_body_and_a_form_are_base64() {
        let request = || Request::builder().method("POST").uri("/a/b");
        let binary = event(request().header("Content-Type", "application/octet-stream"), &[0, 255]);
        assert_eq!((&binary["body"], &binary["isBase64Encoded"]), (&json!("AP8="), &json!(true)));
        let form = event(request().header("Content-Type", "application/x-www-form-urlencoded"), b"a=1");
        assert_eq!(form["isBase64Encoded"], true);
        let broken = event(request().header("Content-Type", "text/plain"), &[255]);
        assert_eq!(broken["isBase64Encoded"], true);
        let none = event(request(), b"");
        assert_eq!(none.get("body"), None);
    }
}
