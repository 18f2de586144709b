//! The internal port: every AWS API that functions call, told apart by the service that a request was signed for.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use futures::future::BoxFuture;
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use serde_json::{Value, json};

use crate::aws_error::AwsError;
use crate::console::Console;
use crate::gateway::decode;
use crate::http_server::{Body, BodyError, full, json_response, read_public_body};
use crate::lambda::Lambda;
use crate::lambda::control::render_error;
use crate::object_storage::ObjectStorage;
use crate::rights::{Guard, Rights, required};
use crate::table_storage::TableStorage;

/// The longest body of a call in JSON: an image layer's part of 20 MB, in base64.
const JSON_LIMIT: usize = 40 * 1024 * 1024;

/// A service whose calls are JSON under an `X-Amz-Target`.
pub trait JsonService: Send + Sync + 'static {
    /// Answers an operation.
    fn handle(&self, operation: &str, body: Bytes) -> BoxFuture<'static, Result<Value, AwsError>>;
}

/// Something that answers unsigned `GET`s under a path: downloads whose address is the secret.
pub trait Downloads: Send + Sync + 'static {
    /// The answer for a path that starts with `/downloads/`, if there is one.
    fn get(&self, path: &str, range: Option<&str>) -> BoxFuture<'static, Option<Response<Body>>>;
}

/// The AWS APIs of the cloud.
pub struct AwsApi {
    /// The region in ARNs.
    pub region: String,
    /// Who calls, and what they may do.
    pub rights: Arc<Rights>,
    /// DynamoDB.
    pub tables: Arc<TableStorage>,
    /// S3.
    pub objects: ObjectStorage,
    /// Lambda.
    pub lambda: Arc<Lambda>,
    /// Services in JSON, by the name they are signed for (`states`, `ecr`, `codebuild`, …).
    pub json: Vec<(&'static str, Arc<dyn JsonService>)>,
    /// Downloads of image layers.
    pub downloads: Option<Arc<dyn Downloads>>,
    /// The screen.
    pub console: Console,
}

impl AwsApi {
    /// Answers a request.
    pub async fn handle(self: Arc<Self>, request: Request<Incoming>, _peer: SocketAddr) -> Response<Body> {
        let path = request.uri().path();
        if let Some(downloads) = &self.downloads
            && request.method() == Method::GET
            && path.starts_with("/downloads/")
        {
            let range = request.headers().get(header::RANGE).and_then(|value| value.to_str().ok());
            let found = downloads.get(path, range).await;
            return found.unwrap_or_else(|| json_response(StatusCode::NOT_FOUND, "{\"message\":\"Not Found\"}"));
        }
        let Some(scope) = Scope::of(&request) else {
            return unsigned();
        };
        if scope.service == "s3" {
            // It checks the whole signature and the rights itself.
            return self.objects.handle(request).await;
        }
        let Some(caller) = self.rights.caller(&scope.access_key) else {
            let error = AwsError::new(403, "UnrecognizedClientException", "The security token included in the request is invalid.");
            return if scope.service == "lambda" { render_error(&error) } else { json_error(&error, None) };
        };
        let guard = Guard::new(Arc::clone(&self.rights), caller);
        if scope.service == "lambda" {
            return self.lambda.handle(request, &guard).await;
        }
        let (parts, body) = request.into_parts();
        let body = match read_public_body(&parts.headers, body, JSON_LIMIT).await {
            Ok(body) => body,
            Err(BodyError::TooLarge) => {
                return json_error(&AwsError::new(413, "RequestEntityTooLarge", "The request is too large."), None);
            }
            Err(BodyError::Broken) => {
                return json_error(&AwsError::new(400, "SerializationException", "The request did not arrive whole."), None);
            }
        };
        let needed = || required::of(&scope.service, &self.region, operation(&parts), &body).unwrap_or_default();
        if let Err(refused) = guard.check(needed) {
            return json_error(&refused.error(400), parts.headers.get(header::CONTENT_TYPE).cloned());
        }
        if scope.service == "dynamodb" {
            return match self.tables.handle(&parts, body).await {
                Ok(response) => response,
                Err(error) => {
                    self.console.problem(format!("a call of DynamoDB failed: {error}"));
                    json_error(&AwsError::new(500, "InternalServerError", "Internal server error"), None)
                }
            };
        }
        self.json(&scope.service, &parts, body).await
    }

    async fn json(&self, service: &str, parts: &Parts, body: Bytes) -> Response<Body> {
        let content_type = parts.headers.get(header::CONTENT_TYPE).cloned();
        let operation = operation(parts);
        let result = match self.json.iter().find(|(name, _)| *name == service) {
            None => Err(AwsError::not_implemented(service, operation)),
            Some((_, handler)) => handler.handle(operation, body).await,
        };
        match result {
            Ok(value) => {
                let mut response = json_response(StatusCode::OK, value.to_string());
                finish(&mut response, content_type);
                response
            }
            Err(error) => {
                if error.status >= 500 {
                    self.console.problem(format!("{service} {operation}: {error}"));
                }
                json_error(&error, content_type)
            }
        }
    }
}

/// The operation that a call of a JSON service names.
fn operation(parts: &Parts) -> &str {
    let target = parts.headers.get("x-amz-target").and_then(|value| value.to_str().ok()).unwrap_or_default();
    target.rsplit('.').next().unwrap_or_default()
}

/// What a request says about its signature.
struct Scope {
    access_key: String,
    service: String,
}

impl Scope {
    fn of<T>(request: &Request<T>) -> Option<Self> {
        let header = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let credential = match header {
            Some(header) => header.split_once("Credential=")?.1.split([',', ' ']).next()?.to_owned(),
            None => {
                let query = request.uri().query()?;
                let value = query.split('&').find_map(|pair| pair.strip_prefix("X-Amz-Credential="))?;
                decode(value).into_owned()
            }
        };
        // KEY/20240501/us-east-1/s3/aws4_request
        let mut parts = credential.split('/');
        let access_key = parts.next()?.to_owned();
        let service = parts.nth(2)?.to_owned();
        Some(Self { access_key, service })
    }
}

fn unsigned() -> Response<Body> {
    let error = AwsError::new(403, "MissingAuthenticationTokenException", "Request is missing Authentication Token");
    json_error(&error, None)
}

/// An error as JSON services write it.
fn json_error(error: &AwsError, content_type: Option<HeaderValue>) -> Response<Body> {
    let body = json!({ "__type": error.code, "message": error.message });
    let mut response = Response::new(full(body.to_string()));
    *response.status_mut() = StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if let Ok(code) = HeaderValue::from_str(&error.code) {
        response.headers_mut().insert(HeaderName::from_static("x-amzn-errortype"), code);
    }
    finish(&mut response, content_type);
    response
}

fn finish(response: &mut Response<Body>, content_type: Option<HeaderValue>) {
    let headers = response.headers_mut();
    let content_type = content_type.unwrap_or(HeaderValue::from_static("application/x-amz-json-1.1"));
    headers.insert(header::CONTENT_TYPE, content_type);
    if let Ok(id) = HeaderValue::from_str(&uuid::Uuid::now_v7().to_string()) {
        headers.insert(HeaderName::from_static("x-amzn-requestid"), id);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_service_is_read_from_a_header_or_a_presigned_address() {
        let header = Request::builder()
            .header(
                "Authorization",
                "AWS4-HMAC-SHA256 Credential=KEY/20240501/us-east-1/states/aws4_request, SignedHeaders=host, Signature=0",
            )
            .body(())
            .unwrap();
        let scope = Scope::of(&header).unwrap();
        assert_eq!((scope.access_key.as_str(), scope.service.as_str()), ("KEY", "states"));
        let address = Request::builder()
            .uri("http://127.0.0.1:1/b/k?X-Amz-Credential=KEY%2F20240501%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=x")
            .body(())
            .unwrap();
        assert_eq!(Scope::of(&address).unwrap().service, "s3");
        assert!(Scope::of(&Request::builder().body(()).unwrap()).is_none());
    }
}
