//! Function URLs: each has a port of its own on `localhost`.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use http::header::{HeaderValue, ORIGIN, RETRY_AFTER};
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use serde_json::json;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::model::{Function, LATEST};
use super::{Lambda, Qualified, REQUEST_LIMIT};
use crate::console::RequestLine;
use crate::gateway::event::{self, EventContext};
use crate::gateway::{cors, response};
use crate::http_server::{Body, BodyError, json_response, read_public_body, serve};
use crate::template::Cors;

/// How often a port that another program has is tried again.
const BIND_INTERVAL: Duration = Duration::from_secs(1);

/// The addresses that are served, by function and qualifier.
#[derive(Debug, Default)]
pub struct Urls(Mutex<HashMap<(String, String), CancellationToken>>);

impl Lambda {
    /// Takes a free port for a new function URL.
    pub(super) fn take_url_port() -> io::Result<std::net::TcpListener> {
        let mut last = io::Error::other("no port between 20000 and 31999 is free");
        for _ in 0..200 {
            let port = rand::random_range(20_000..32_000u16);
            match std::net::TcpListener::bind(("127.0.0.1", port)) {
                Ok(listener) => return Ok(listener),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// Serves the URLs that a function had before the cloud started.
    pub(super) async fn serve_urls(self: &Arc<Self>, function: &Function) {
        for (qualifier, url) in &function.urls {
            let (name, qualifier, port) = (function.name.clone(), qualifier.clone(), url.port);
            match TcpListener::bind(("127.0.0.1", port)).await {
                Ok(listener) => self.serve_url(&name, &qualifier, listener),
                Err(error) => {
                    self.console
                        .problem(format!("http://localhost:{port}/ of {name} is not served yet, another program has the port: {error}"));
                    let lambda = Arc::clone(self);
                    let stop = self.stop.clone();
                    tokio::spawn(async move {
                        loop {
                            tokio::select! {
                                () = tokio::time::sleep(BIND_INTERVAL) => {}
                                () = stop.cancelled() => return,
                            }
                            if lambda.function(&name).is_none_or(|function| !function.urls.contains_key(&qualifier)) {
                                return;
                            }
                            if let Ok(listener) = TcpListener::bind(("127.0.0.1", port)).await {
                                lambda.console.notice(format!("http://localhost:{port}/ of {name} is served again"));
                                return lambda.serve_url(&name, &qualifier, listener);
                            }
                        }
                    });
                }
            }
        }
    }

    /// Serves a function URL on a listener.
    pub(super) fn serve_url(self: &Arc<Self>, name: &str, qualifier: &str, listener: TcpListener) {
        let stop = self.stop.child_token();
        let key = (name.to_owned(), qualifier.to_owned());
        self.urls.0.lock().unwrap_or_else(PoisonError::into_inner).insert(key, stop.clone());
        let (name, qualifier) = (Arc::<str>::from(name), Arc::<str>::from(qualifier));
        let lambda = Arc::downgrade(self);
        let handler = move |request: Request<Incoming>, peer| {
            let (lambda, name, qualifier) = (lambda.upgrade(), Arc::clone(&name), Arc::clone(&qualifier));
            async move {
                match lambda {
                    Some(lambda) => lambda.answer_url(&name, &qualifier, request, peer).await,
                    None => message(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable"),
                }
            }
        };
        if let Ok(port) = listener.local_addr().map(|address| address.port()) {
            // Browsers and some clients try IPv6 first. Where it is not to be had, they come back to IPv4.
            let (handler, stop) = (handler.clone(), stop.clone());
            tokio::spawn(async move {
                if let Ok(listener) = TcpListener::bind(("::1", port)).await {
                    serve(listener, stop, handler).await;
                }
            });
        }
        tokio::spawn(serve(listener, stop, handler));
    }

    /// Ends serving a function URL.
    pub(super) fn close_url(&self, name: &str, qualifier: &str) {
        let key = (name.to_owned(), qualifier.to_owned());
        if let Some(stop) = self.urls.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&key) {
            stop.cancel();
        }
    }

    async fn answer_url(self: &Arc<Self>, name: &str, qualifier: &str, request: Request<Incoming>, peer: SocketAddr) -> Response<Body> {
        let start = Instant::now();
        let Some(function) = self.function(name) else { return message(StatusCode::NOT_FOUND, "Not Found") };
        let Some(url) = function.urls.get(qualifier) else { return message(StatusCode::NOT_FOUND, "Not Found") };
        let method = request.method().to_string();
        let path = request.uri().path_and_query().map(ToString::to_string).unwrap_or_default();
        let origin = request.headers().get(ORIGIN).cloned();
        let cors: Option<Cors> = url.cors.as_ref().map(Cors::from);
        let preflight = cors.as_ref().and_then(|cors| cors::preflight(cors, request.method(), request.headers()));
        let response = match preflight {
            Some(response) => response,
            None => {
                let mut response = if let Some(reason) = self.callers.refuse_host(request.headers()) {
                    message(StatusCode::FORBIDDEN, &reason)
                } else if url.auth_type != "NONE" {
                    message(StatusCode::FORBIDDEN, "Forbidden")
                } else if !is_public(&function, qualifier) {
                    self.console
                        .problem(format!("{name}'s URL is forbidden, as on AWS: no permission lets * call lambda:InvokeFunctionUrl"));
                    message(StatusCode::FORBIDDEN, "Forbidden")
                } else {
                    self.invoke_url(name, qualifier, url.port, request, peer).await
                };
                if let Some(cors) = &cors {
                    cors::apply(cors, origin.as_ref(), response.headers_mut());
                }
                response
            }
        };
        let status = response.status().as_u16();
        self.console.request(RequestLine { method, path, status, elapsed: start.elapsed(), function: Some(name.to_owned()) });
        response
    }

    async fn invoke_url(
        self: &Arc<Self>,
        name: &str,
        qualifier: &str,
        port: u16,
        request: Request<Incoming>,
        peer: SocketAddr,
    ) -> Response<Body> {
        let (parts, body) = request.into_parts();
        let body = match read_public_body(&parts.headers, body, REQUEST_LIMIT).await {
            Ok(body) => body,
            Err(BodyError::TooLarge) => return message(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large"),
            Err(BodyError::Broken) => return message(StatusCode::BAD_REQUEST, "Bad Request"),
        };
        let request_id = uuid::Uuid::now_v7().to_string();
        let context = EventContext {
            route_key: "$default",
            api_id: &format!("localhost-{port}"),
            path_parameters: Vec::new(),
            request_id: &request_id,
            decoded_path: false,
            peer,
        };
        let payload = match event::build(&parts, &body, &context) {
            Ok(payload) if payload.len() <= REQUEST_LIMIT => payload,
            Ok(_) => return message(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large"),
            Err(_) => return message(StatusCode::BAD_REQUEST, "Bad Request"),
        };
        drop(body);
        let qualifier = (qualifier != LATEST).then(|| qualifier.to_owned());
        let invocation = self.invoke(&Qualified { name: name.to_owned(), qualifier }, payload).await;
        match invocation {
            Err(error) if error.status == 429 => {
                let mut response = message(StatusCode::TOO_MANY_REQUESTS, "Rate Exceeded.");
                response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
                response
            }
            Err(error) => {
                self.console.problem(format!("{name} did not run: {error}"));
                message(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable")
            }
            Ok(output) if output.function_error.is_some() => crate::gateway::failed(name, &output.request_id),
            Ok(output) => match response::from_output(&output.payload) {
                Ok(mut response) => {
                    if let Ok(value) = HeaderValue::from_str(&output.request_id) {
                        response.headers_mut().insert("x-amzn-requestid", value);
                    }
                    response
                }
                Err(problem) => {
                    self.console.problem(format!("{name} answered wrongly: {problem} (request {})", output.request_id));
                    crate::gateway::failed(name, &output.request_id)
                }
            },
        }
    }
}

/// Whether the resource policy lets everybody call the URL, as AWS asks of one without authentication.
fn is_public(function: &Function, qualifier: &str) -> bool {
    function.permissions.get(qualifier).into_iter().flatten().any(|statement| {
        let principal = &statement["Principal"];
        let everybody = principal == "*" || principal["AWS"] == "*";
        everybody && matches!(statement["Action"].as_str(), Some("lambda:InvokeFunctionUrl" | "lambda:*"))
    })
}

fn message(status: StatusCode, text: &str) -> Response<Body> {
    json_response(status, json!({ "Message": text }).to_string())
}
