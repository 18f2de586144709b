//! The Runtime API: how one execution environment gets its invocations and gives its answers.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::RESPONSE_LIMIT;
use crate::http_server::{Body, BodyError, json_response, read_body, serve};

/// An invocation on its way to a process.
#[derive(Debug)]
pub struct Delivery {
    /// The request's id.
    pub request_id: String,
    /// The event.
    pub payload: Bytes,
    /// When it must be done, in milliseconds since 1970.
    pub deadline: i64,
    /// What was called.
    pub arn: String,
    /// Where the outcome goes.
    pub outcome: oneshot::Sender<Outcome>,
}

/// How an invocation ended in its process.
#[derive(Debug)]
pub enum Outcome {
    /// With an answer.
    Response(Bytes),
    /// With an error that the process told.
    Error(Bytes),
    /// With an answer of more than [`RESPONSE_LIMIT`] bytes.
    TooLarge,
    /// The process ended first; how, in Lambda's words.
    Exited(String),
    /// The process ended before it saw the invocation, which is given back.
    NotDelivered(Bytes),
}

/// The Runtime API of one environment.
#[derive(Debug)]
pub struct RuntimeApi {
    /// Told once: that the process is ready, or the error with which its start failed.
    ready: Mutex<Option<oneshot::Sender<Result<(), Bytes>>>>,
    deliveries: tokio::sync::Mutex<mpsc::Receiver<Delivery>>,
    current: Mutex<Option<(String, oneshot::Sender<Outcome>)>>,
    closed: CancellationToken,
}

impl RuntimeApi {
    /// An API that takes its invocations from `deliveries`.
    pub fn new(ready: oneshot::Sender<Result<(), Bytes>>, deliveries: mpsc::Receiver<Delivery>) -> Arc<Self> {
        Arc::new(Self {
            ready: Mutex::new(Some(ready)),
            deliveries: tokio::sync::Mutex::new(deliveries),
            current: Mutex::new(None),
            closed: CancellationToken::new(),
        })
    }

    /// Serves the process until `stop` is cancelled.
    pub async fn serve(self: Arc<Self>, listener: TcpListener, stop: CancellationToken) {
        serve(listener, stop, move |request, peer| Arc::clone(&self).handle(request, peer)).await;
    }

    /// Ends what is on its way: the process is gone. `reason` is how, in Lambda's words.
    pub async fn close(&self, reason: &str) {
        self.tell_ready(Err(Bytes::from(json!({ "errorType": "Runtime.ExitError", "errorMessage": reason }).to_string())));
        if let Some((_, outcome)) = self.take_current() {
            let _ = outcome.send(Outcome::Exited(reason.to_owned()));
        }
        self.closed.cancel();
        let mut deliveries = self.deliveries.lock().await;
        deliveries.close();
        while let Some(delivery) = deliveries.recv().await {
            let _ = delivery.outcome.send(Outcome::NotDelivered(delivery.payload));
        }
    }

    async fn handle(self: Arc<Self>, request: Request<Incoming>, _: SocketAddr) -> Response<Body> {
        let (parts, mut body) = request.into_parts();
        let path = parts.uri.path();
        let Some(rest) = path.strip_prefix("/2018-06-01/runtime/") else {
            return problem(StatusCode::NOT_FOUND, "InvalidPath", "the Runtime API has no such path");
        };
        match (&parts.method, rest) {
            (&Method::GET, "invocation/next") => self.next().await,
            (&Method::POST, "init/error") => {
                let error = read_body(&mut body, RESPONSE_LIMIT).await.unwrap_or_default();
                self.tell_ready(Err(error));
                accepted()
            }
            (&Method::POST, _) => {
                let Some((id, kind)) = rest.strip_prefix("invocation/").and_then(|rest| rest.split_once('/')) else {
                    return problem(StatusCode::NOT_FOUND, "InvalidPath", "the Runtime API has no such path");
                };
                self.answer(id, kind, body).await
            }
            _ => problem(StatusCode::NOT_FOUND, "InvalidPath", "the Runtime API has no such path"),
        }
    }

    async fn next(&self) -> Response<Body> {
        self.tell_ready(Ok(()));
        // A process that asks for more without having answered gave the invocation up.
        if let Some((_, outcome)) = self.take_current() {
            let _ = outcome.send(Outcome::Exited("Runtime asked for the next invocation without an answer".into()));
        }
        let delivery = tokio::select! {
            biased;
            () = self.closed.cancelled() => None,
            delivery = async { self.deliveries.lock().await.recv().await } => delivery,
        };
        let Some(delivery) = delivery else {
            return problem(StatusCode::GONE, "Runtime.Shutdown", "this environment is ending");
        };
        let mut response = json_response(StatusCode::OK, delivery.payload);
        let headers = response.headers_mut();
        let trace = format!("Root=1-{:08x}-{};Sampled=0", delivery.deadline / 1000, crate::account::random_hex(12));
        for (name, value) in [
            ("lambda-runtime-aws-request-id", delivery.request_id.clone()),
            ("lambda-runtime-deadline-ms", delivery.deadline.to_string()),
            ("lambda-runtime-invoked-function-arn", delivery.arn),
            ("lambda-runtime-trace-id", trace),
        ] {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(name, value);
            }
        }
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = Some((delivery.request_id, delivery.outcome));
        response
    }

    async fn answer(&self, id: &str, kind: &str, mut body: Incoming) -> Response<Body> {
        let outcome = match (kind, read_body(&mut body, RESPONSE_LIMIT).await) {
            ("response", Ok(body)) => Outcome::Response(body),
            ("error", Ok(body)) => Outcome::Error(body),
            ("response" | "error", Err(BodyError::TooLarge)) => Outcome::TooLarge,
            ("response" | "error", Err(BodyError::Broken)) => {
                return problem(StatusCode::BAD_REQUEST, "BrokenBody", "the answer did not arrive whole");
            }
            _ => return problem(StatusCode::NOT_FOUND, "InvalidPath", "the Runtime API has no such path"),
        };
        let too_large = matches!(outcome, Outcome::TooLarge);
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        match current.take() {
            Some((running, sender)) if running == id => {
                drop(current);
                // Nobody waits any longer once the time was over.
                let _ = sender.send(outcome);
            }
            other => {
                *current = other;
                return problem(StatusCode::BAD_REQUEST, "InvalidRequestID", "no invocation with this id is running");
            }
        }
        if too_large {
            return problem(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge", "the answer is larger than 6 MB");
        }
        accepted()
    }

    fn tell_ready(&self, ready: Result<(), Bytes>) {
        if let Some(sender) = self.ready.lock().unwrap_or_else(PoisonError::into_inner).take() {
            let _ = sender.send(ready);
        }
    }

    fn take_current(&self) -> Option<(String, oneshot::Sender<Outcome>)> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

fn accepted() -> Response<Body> {
    json_response(StatusCode::ACCEPTED, Bytes::from_static(b"{\"status\":\"OK\"}"))
}

fn problem(status: StatusCode, kind: &str, message: &str) -> Response<Body> {
    let body: Value = json!({ "errorType": kind, "errorMessage": message });
    json_response(status, body.to_string())
}
