//! `Invoke`.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine;
use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode};
use hyper::body::Incoming;

use super::{invalid, render_error, set_header, with_request_id};
use crate::aws_error::AwsError;
use crate::http_server::{Body, BodyError, full, json_response, read_public_body};
use crate::lambda::{Lambda, Qualified, REQUEST_LIMIT};

/// The longest event of an asynchronous invocation: 1 MB.
const EVENT_LIMIT: usize = 1024 * 1024;

impl Lambda {
    pub(super) async fn handle_invocation(
        self: &Arc<Self>,
        name: &str,
        query: &BTreeMap<String, String>,
        headers: &HeaderMap,
        body: Incoming,
    ) -> Response<Body> {
        match self.invocation(name, query, headers, body).await {
            Ok(response) => response,
            Err(error) => render_error(&error),
        }
    }

    async fn invocation(
        self: &Arc<Self>,
        name: &str,
        query: &BTreeMap<String, String>,
        headers: &HeaderMap,
        body: Incoming,
    ) -> Result<Response<Body>, AwsError> {
        let target = Qualified::parse(name, query.get("Qualifier").map(String::as_str))?;
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let kind = header("x-amz-invocation-type").unwrap_or("RequestResponse");
        let limit = if kind == "Event" { EVENT_LIMIT } else { REQUEST_LIMIT };
        let payload = match read_public_body(headers, body, limit).await {
            Ok(payload) if payload.is_empty() => Bytes::from_static(b"{}"),
            Ok(payload) => payload,
            Err(BodyError::TooLarge) => {
                let message = format!("Request must be smaller than {limit} bytes for the InvokeFunction operation");
                return Err(AwsError::new(413, "RequestTooLargeException", message));
            }
            Err(BodyError::Broken) => return Err(invalid("The request did not arrive whole.")),
        };
        if let Err(error) = serde_json::from_slice::<serde::de::IgnoredAny>(&payload) {
            let message = format!("Could not parse request body into json: {error}");
            return Err(AwsError::new(400, "InvalidRequestContentException", message));
        }
        match kind {
            "RequestResponse" => {
                let invocation = self.invoke(&target, payload).await?;
                let mut response = json_response(StatusCode::OK, invocation.payload);
                let headers = response.headers_mut();
                set_header(headers, "x-amzn-requestid", &invocation.request_id);
                set_header(headers, "x-amz-executed-version", &invocation.executed_version);
                if let Some(error) = invocation.function_error {
                    set_header(headers, "x-amz-function-error", error);
                }
                if header("x-amz-log-type") == Some("Tail") {
                    let tail = base64::engine::general_purpose::STANDARD.encode(&invocation.log_tail);
                    set_header(headers, "x-amz-log-result", &tail);
                }
                Ok(response)
            }
            "Event" => {
                self.queue(&target, payload).await?;
                Ok(empty(StatusCode::ACCEPTED))
            }
            "DryRun" => {
                let function = self.find(&target)?;
                if function.choose_version(target.label()).and_then(|label| function.version(label)).is_none() {
                    return Err(self.not_found(&target));
                }
                Ok(empty(StatusCode::NO_CONTENT))
            }
            other => Err(invalid(format!("{other} is not an invocation type"))),
        }
    }
}

fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(full(""));
    *response.status_mut() = status;
    with_request_id(response)
}
