//! The front of the HTTP API: takes requests on the public port, as API Gateway does, and has functions answer them.

mod callers;
pub mod cors;
pub mod event;
pub mod response;
mod routes;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use http::header::{HeaderName, HeaderValue, ORIGIN};
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use serde_json::json;

pub use callers::Callers;
pub(crate) use routes::decode;
pub use routes::{Routes, route_shape};

use crate::console::{Console, RequestLine};
use crate::http_server::{Body, BodyError, json_response, read_public_body};
use crate::lambda::{Lambda, Qualified, REQUEST_LIMIT};
use crate::template::{Cors, Template};
use event::EventContext;

/// The longest body that an HTTP API takes: 10 MB.
pub const BODY_LIMIT: usize = 10 * 1024 * 1024;

/// The HTTP API of a template.
#[derive(Debug)]
pub struct Gateway {
    routes: Routes,
    /// What the functions that have routes say of themselves.
    descriptions: HashMap<String, String>,
    cors: Option<Cors>,
    callers: Callers,
    lambda: Arc<Lambda>,
    console: Console,
}

impl Gateway {
    /// The front for a template's routes.
    pub fn new(template: &Template, callers: Callers, lambda: Arc<Lambda>, console: Console) -> Result<Self, String> {
        let mut routes = Routes::default();
        for function in &template.functions {
            for route in &function.routes {
                routes.add(&route.method, &route.path, &function.name, route.timeout)?;
            }
        }
        let cors = template.api.as_ref().and_then(|api| api.cors.clone());
        let described = template.functions.iter().filter(|function| !function.routes.is_empty() && !function.description.is_empty());
        let descriptions = described.map(|function| (function.name.clone(), function.description.clone())).collect();
        Ok(Self { routes, descriptions, cors, callers, lambda, console })
    }

    /// The answer to a body that is too large. Beside API Gateway's own message it gives what the function says of itself, which
    /// may tell how to send so much.
    fn too_large(&self, function: &str) -> Response<Body> {
        let mut body = json!({ "message": "Request Entity Too Large" });
        if let Some(description) = self.descriptions.get(function) {
            body["detail"] = description.as_str().into();
        }
        json_response(StatusCode::PAYLOAD_TOO_LARGE, body.to_string())
    }

    /// Answers a request.
    pub async fn handle(&self, request: Request<Incoming>, peer: SocketAddr) -> Response<Body> {
        let start = Instant::now();
        let method = request.method().to_string();
        let path = request.uri().path_and_query().map(ToString::to_string).unwrap_or_default();
        let origin = request.headers().get(ORIGIN).cloned();
        let request_id = request_id();
        let mut function = None;
        let mut response = match self.cors.as_ref().and_then(|cors| cors::preflight(cors, request.method(), request.headers())) {
            Some(preflight) => preflight,
            None => {
                let mut response = self.route(request, peer, &request_id, &mut function).await;
                if let Some(cors) = &self.cors {
                    cors::apply(cors, origin.as_ref(), response.headers_mut());
                }
                response
            }
        };
        if let Ok(value) = HeaderValue::from_str(&request_id) {
            response.headers_mut().insert(HeaderName::from_static("apigw-requestid"), value);
        }
        let status = response.status().as_u16();
        self.console.request(RequestLine { method, path, status, elapsed: start.elapsed(), function });
        response
    }

    async fn route(&self, request: Request<Incoming>, peer: SocketAddr, request_id: &str, function: &mut Option<String>) -> Response<Body> {
        let (parts, body) = request.into_parts();
        let foreign = self.callers.refuse_host(&parts.headers).or_else(|| self.callers.refuse_origin(&parts.headers, self.cors.as_ref()));
        if let Some(reason) = foreign {
            return message(StatusCode::FORBIDDEN, &reason);
        }
        let Some(found) = self.routes.find(parts.method.as_str(), parts.uri.path()) else {
            return message(StatusCode::NOT_FOUND, "Not Found");
        };
        let target = found.target;
        *function = Some(target.function.clone());
        let body = match read_public_body(&parts.headers, body, BODY_LIMIT).await {
            Ok(body) => body,
            Err(BodyError::TooLarge) => return self.too_large(&target.function),
            Err(BodyError::Broken) => return message(StatusCode::BAD_REQUEST, "Bad Request"),
        };
        let context = EventContext {
            route_key: &target.route_key,
            api_id: "laptop",
            path_parameters: found.parameters,
            request_id,
            decoded_path: true,
            peer,
        };
        let payload = match event::build(&parts, &body, &context) {
            Ok(payload) => payload,
            Err(error) => {
                self.console.problem(format!("an event could not be written: {error}"));
                return message(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error");
            }
        };
        drop(body);
        if payload.len() > REQUEST_LIMIT {
            return self.too_large(&target.function);
        }
        let invocation = self.lambda.invoke(&Qualified::latest(&target.function), payload);
        let output = match tokio::time::timeout(target.timeout, invocation).await {
            Err(_) => return message(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable"),
            Ok(Err(error)) if error.status == 429 => {
                let mut response = message(StatusCode::TOO_MANY_REQUESTS, "Too Many Requests");
                response.headers_mut().insert(http::header::RETRY_AFTER, HeaderValue::from_static("1"));
                return response;
            }
            Ok(Err(error)) => {
                self.console.problem(format!("{} did not run: {error}", target.function));
                return message(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable");
            }
            Ok(Ok(output)) => output,
        };
        if output.function_error.is_some() {
            return failed(&target.function, &output.request_id);
        }
        match response::from_output(&output.payload) {
            Ok(response) => response,
            Err(problem) => {
                self.console.problem(format!("{} answered wrongly: {problem} (request {})", target.function, output.request_id));
                failed(&target.function, &output.request_id)
            }
        }
    }
}

/// An answer with API Gateway's message body.
fn message(status: StatusCode, text: &str) -> Response<Body> {
    json_response(status, json!({ "message": text }).to_string())
}

/// A function that failed: told apart from a fault of the cloud, with what finds its log.
pub(crate) fn failed(function: &str, request_id: &str) -> Response<Body> {
    let body = json!({
        "message": format!("The function {function} failed; its log says why, under request id {request_id}."),
        "requestId": request_id,
    });
    json_response(StatusCode::BAD_GATEWAY, body.to_string())
}

/// A request id like API Gateway's: 15 letters and digits and an equals sign.
fn request_id() -> String {
    use base64::Engine;
    let bytes: [u8; 11] = rand::random();
    base64::engine::general_purpose::URL_SAFE.encode(bytes)
}
