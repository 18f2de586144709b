//! The HTTP answer that a function's output means: payload format 2.0, with its inference.

use std::borrow::Cow;
use std::collections::BTreeMap;

use base64::Engine;
use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue, SET_COOKIE, TRANSFER_ENCODING};
use http::{Response, StatusCode};
use serde::Deserialize;
use serde_json::Value;

use crate::http_server::{Body, full, json_response};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Output<'a> {
    status_code: Value,
    headers: Option<BTreeMap<String, Value>>,
    cookies: Option<Vec<String>>,
    #[serde(borrow)]
    body: Option<Cow<'a, str>>,
    is_base64_encoded: Option<bool>,
}

/// Whether an object has a `statusCode` at all.
#[derive(Deserialize)]
struct Probe {
    #[serde(rename = "statusCode")]
    status_code: Option<serde::de::IgnoredAny>,
}

/// Makes the answer. Output that has no `statusCode` is itself the body of a 200; the error says what is malformed.
pub fn from_output(payload: &Bytes) -> Result<Response<Body>, String> {
    let is_object = payload.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{');
    let output: Output = match serde_json::from_slice(payload) {
        Ok(output) => output,
        Err(error) => {
            let has_status = is_object && serde_json::from_slice::<Probe>(payload).is_ok_and(|probe| probe.status_code.is_some());
            if has_status {
                return Err(format!("its output is not an answer in payload format 2.0: {error}"));
            }
            if payload.is_empty() || serde_json::from_slice::<serde::de::IgnoredAny>(payload).is_err() {
                return Err("its output is not JSON".into());
            }
            return Ok(json_response(StatusCode::OK, payload.clone()));
        }
    };
    let status = match &output.status_code {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    };
    let status = status.and_then(|code| u16::try_from(code).ok()).filter(|code| (200..600).contains(code));
    let status = status.and_then(|code| StatusCode::from_u16(code).ok());
    let status = status.ok_or_else(|| format!("its statusCode {} is none", output.status_code))?;
    let body: Bytes = match (output.body, output.is_base64_encoded) {
        (None, _) => Bytes::new(),
        (Some(body), Some(true)) => base64::engine::general_purpose::STANDARD
            .decode(body.as_bytes())
            .map_err(|error| format!("its body is not base64: {error}"))?
            .into(),
        (Some(body), _) => body.into_owned().into(),
    };
    let mut response = Response::new(full(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    for (name, value) in output.headers.unwrap_or_default() {
        let name: HeaderName = name.parse().map_err(|_| format!("its header {name:?} has no proper name"))?;
        if [CONTENT_LENGTH, TRANSFER_ENCODING, CONNECTION].contains(&name) {
            continue;
        }
        let text = match value {
            Value::String(text) => text,
            Value::Null => continue,
            Value::Bool(_) | Value::Number(_) => value.to_string(),
            Value::Array(_) | Value::Object(_) => return Err(format!("its header {name} is no text")),
        };
        headers.insert(name.clone(), HeaderValue::from_str(&text).map_err(|_| format!("its header {name} has a bad value"))?);
    }
    for cookie in output.cookies.unwrap_or_default() {
        headers.append(SET_COOKIE, HeaderValue::from_str(&cookie).map_err(|_| "a cookie of it is malformed".to_owned())?);
    }
    if !headers.contains_key(CONTENT_TYPE) {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain;charset=utf-8"));
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use http_body_util::BodyExt;

    use super::*;

    async fn body(response: Response<Body>) -> Bytes {
        response.into_body().collect().await.unwrap().to_bytes()
    }

    #[tokio::test]
    async fn output_without_a_status_is_the_body() {
        let response = from_output(&Bytes::from_static(b"{\"a\":1}")).unwrap();
        assert_eq!((response.status(), &response.headers()[CONTENT_TYPE]), (StatusCode::OK, &HeaderValue::from_static("application/json")));
        assert_eq!(body(response).await, "{\"a\":1}");
        let list = from_output(&Bytes::from_static(b"[1]")).unwrap();
        assert_eq!(body(list).await, "[1]");
    }

    #[tokio::test]
    async fn status_headers_cookies_and_binary_bodies_are_honoured() {
        let output = br#"{"statusCode":201,"headers":{"X-A":1,"Content-Type":"image/png"},"cookies":["a=1","b=2"],"body":"AP8=","isBase64Encoded":true}"#;
        let response = from_output(&Bytes::from_static(output)).unwrap();
        assert_eq!(response.status(), StatusCode::CREATED);
        assert_eq!(response.headers()["x-a"], "1");
        assert_eq!(response.headers().get_all(SET_COOKIE).iter().count(), 2);
        assert_eq!(body(response).await, &[0, 255][..]);
    }

    #[test]
    fn malformed_output_is_told() {
        for output in [
            &b"not json"[..],
            b"",
            br#"{"statusCode":"abc"}"#,
            br#"{"statusCode":200,"body":{"a":1}}"#,
            br#"{"statusCode":200,"body":"*","isBase64Encoded":true}"#,
            br#"{"statusCode":200,"headers":{"a b":"c"}}"#,
            br#"{"statusCode":99}"#,
        ] {
            assert!(from_output(&Bytes::from_static(output)).is_err(), "{}", String::from_utf8_lossy(output));
        }
    }
}
