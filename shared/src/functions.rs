//! What an API crate is made of, and how one binary is many Lambda functions.
//!
//! An API crate lists its routes and tasks in a [`FunctionSet`]; its binary calls [`main`], which picks the one that
//! the function's `Handler` property names (Lambda passes it as `_HANDLER`). One set, many functions: each with its own
//! permissions, memory and timeout in `template.yaml`.

use std::future::Future;
use std::pin::Pin;

use http::Method;
use lambda_http::RequestExt as _;
use serde_json::Value;
use tracing::Instrument as _;

use crate::domain::rate_limit::{RateLimit, Standing};
use crate::http::error_style::ErrorStyle;
use crate::identity::{Access, Caller, caller};
use crate::{Error, Platform, Request, Response, Result, Timestamp};

/// What a handler returns before it is awaited.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'a>>;

/// One API route: one Lambda function behind API Gateway.
#[derive(Clone, Copy)]
pub struct Route {
    /// The HTTP method.
    pub method: &'static Method,
    /// The path as in `template.yaml`, with `{parameters}`.
    pub path: &'static str,
    /// The function's `Handler` property.
    pub handler: &'static str,
    /// What answers a request.
    pub answer: for<'a> fn(&'a Platform, Request) -> Answer<'a, Response>,
    /// What it asks of its callers, where that differs from the other routes of its set.
    pub access: Option<Access>,
    /// How often a caller may ask.
    pub limit: Option<&'static RateLimit>,
}

impl Route {
    /// The same route with another access than the rest of its set.
    pub const fn access(mut self, access: Access) -> Self {
        self.access = Some(access);
        self
    }

    /// The same route with a limit on how often a caller may ask.
    pub const fn limited(mut self, limit: &'static RateLimit) -> Self {
        self.limit = Some(limit);
        self
    }
}

/// One task of a state machine, schedule or subscription: one Lambda function that takes an event and returns a value.
#[derive(Clone, Copy)]
pub struct Task {
    /// The function's `Handler` property.
    pub handler: &'static str,
    /// What does the work.
    pub perform: for<'a> fn(&'a Platform, Value) -> Answer<'a, Value>,
}

/// All functions that one binary holds.
#[derive(Clone, Copy)]
pub struct FunctionSet {
    /// The binary's name: the last folder of the functions' `CodeUri`.
    pub name: &'static str,
    /// The routes.
    pub routes: &'static [Route],
    /// The tasks.
    pub tasks: &'static [Task],
    /// What its routes ask of their callers, where a route says nothing else.
    pub access: Access,
    /// How its document writes errors.
    pub error_style: ErrorStyle,
}

/// A [`Route`] whose handler is `module::handle` and whose handler name is the module's, or the one given after `as`.
#[macro_export]
macro_rules! route {
    ($method:ident $path:expr => $($module:ident)::+ as $handler:literal) => {
        $crate::Route {
            method: &$crate::functions::Methods::$method,
            path: $path,
            handler: $handler,
            answer: |platform, request| ::std::boxed::Box::pin($($module)::+::handle(platform, request)),
            access: ::std::option::Option::None,
            limit: ::std::option::Option::None,
        }
    };
    ($method:ident $path:literal => $($module:ident)::+) => {
        $crate::Route {
            method: &$crate::functions::Methods::$method,
            path: $path,
            handler: $crate::functions::last_segment(stringify!($($module)::+)),
            answer: |platform, request| ::std::boxed::Box::pin($($module)::+::handle(platform, request)),
            access: ::std::option::Option::None,
            limit: ::std::option::Option::None,
        }
    };
}

/// A [`Task`] whose work is `module::perform` and whose handler name is the module's. The event is read into the type
/// that `perform` takes, and what it returns is written as JSON.
#[macro_export]
macro_rules! task {
    ($($module:ident)::+) => {
        $crate::Task {
            handler: $crate::functions::last_segment(stringify!($($module)::+)),
            perform: |platform, event| ::std::boxed::Box::pin(async move {
                let event = $crate::functions::read_event(event)?;
                let output = $($module)::+::perform(platform, event).await?;
                $crate::functions::write_output(&output)
            }),
        }
    };
}

/// The methods that routes use, under names that [`route!`] can take.
pub struct Methods;

#[allow(missing_docs)]
impl Methods {
    pub const GET: Method = Method::GET;
    pub const POST: Method = Method::POST;
    pub const PUT: Method = Method::PUT;
    pub const PATCH: Method = Method::PATCH;
    pub const DELETE: Method = Method::DELETE;
}

/// The part of a Rust path behind its last `::`, without spaces.
pub const fn last_segment(path: &'static str) -> &'static str {
    let bytes = path.as_bytes();
    let mut start = bytes.len();
    while start > 0 && bytes[start - 1] != b':' && bytes[start - 1] != b' ' {
        start -= 1;
    }
    path.split_at(start).1
}

/// A task's event as its own type.
///
/// # Errors
/// `BadRequest` when the event does not fit: the state machine and the task disagree.
pub fn read_event<T: serde::de::DeserializeOwned>(event: Value) -> Result<T> {
    serde_json::from_value(event).map_err(|error| Error::bad_request(format!("the event does not fit the task: {error}")))
}

/// A task's output as JSON.
///
/// # Errors
/// `Internal` when it cannot be written.
pub fn write_output<T: serde::Serialize>(output: &T) -> Result<Value> {
    serde_json::to_value(output).map_err(|error| Error::internal("writing the task's output", error))
}

/// Runs the function that `_HANDLER` names, until Lambda ends it. A binary's `main` is this call.
///
/// # Errors
/// When the handler is not in the set (the message lists those that are), or when Lambda's runtime API fails.
pub fn main(set: FunctionSet) -> Result<(), lambda_runtime::Error> {
    start_logging();
    let handler = std::env::var("_HANDLER").unwrap_or_default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    if let Some(route) = set.routes.iter().find(|route| route.handler == handler) {
        return runtime.block_on(serve_route(set, *route));
    }
    if let Some(task) = set.tasks.iter().find(|task| task.handler == handler) {
        return runtime.block_on(serve_task(*task));
    }
    let known: Vec<_> = set.routes.iter().map(|route| route.handler).chain(set.tasks.iter().map(|task| task.handler)).collect();
    Err(format!("{} has no handler {handler:?}; it has {}", set.name, known.join(", ")).into())
}

async fn serve_route(set: FunctionSet, route: Route) -> Result<(), lambda_runtime::Error> {
    let platform = &Platform::from_environment().await;
    lambda_http::run(lambda_http::service_fn(move |request: lambda_http::Request| async move {
        Ok::<_, std::convert::Infallible>(into_lambda(answer(platform, set, route, from_lambda(request)).await))
    }))
    .await
}

/// Answers one request by a route of a set: finds out who asks, counts the request where the route has a limit, and
/// renders errors in the API's style. Tests of a crate call this as Lambda would.
pub async fn answer(platform: &Platform, set: FunctionSet, route: Route, request: Request) -> Response {
    let request_id = request.request_id.clone();
    let span = tracing::info_span!("request", request_id, handler = route.handler);
    let mut standing = None;
    let admitted = admit(platform, set, route, request, &mut standing).instrument(span.clone()).await;
    platform.announce_events().instrument(span.clone()).await;
    let mut response = match admitted {
        Ok(response) => response,
        Err(error) => {
            let _entered = span.enter();
            if error.status() >= 500 {
                tracing::error!(error = %error, "the request failed");
            } else {
                tracing::info!(error = %error, "the request was refused");
            }
            (set.error_style)(&error, &request_id)
        }
    };
    // Whoever is told that something is not available right now is told when to ask again.
    if response.status() == http::StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().entry(http::header::RETRY_AFTER).or_insert(http::HeaderValue::from_static("5"));
    }
    if let Some(standing) = standing {
        rate_limit_headers(&standing, response.headers_mut());
    }
    response
}

async fn admit(
    platform: &Platform,
    set: FunctionSet,
    route: Route,
    mut request: Request,
    standing: &mut Option<Standing>,
) -> Result<Response> {
    request.caller = caller::of(platform, route.access.unwrap_or(set.access), &request).await?;
    if let Some(limit) = route.limit {
        // Whoever has no name yet is told apart by address.
        let who = request.caller.user_id().map_or_else(|| format!("address#{}", request.client_address), |id| format!("user#{id}"));
        let counted = platform.store()?.count_request(limit, &who, Timestamp::now()).await?;
        *standing = Some(counted);
        if counted.exceeded {
            return Err(Error::new(
                crate::ErrorKind::TooManyRequests,
                format!(
                    "{} requests in {} seconds are the most; X-RateLimit-Reset says when the next may come.",
                    limit.requests, limit.window_seconds
                ),
            ));
        }
    }
    (route.answer)(platform, request).await
}

fn rate_limit_headers(standing: &Standing, headers: &mut http::HeaderMap) {
    headers.insert("x-ratelimit-limit", standing.limit.into());
    headers.insert("x-ratelimit-remaining", standing.remaining.into());
    headers.insert("x-ratelimit-reset", standing.reset.into());
    if standing.exceeded {
        headers.insert(http::header::RETRY_AFTER, (standing.reset - Timestamp::now().seconds()).max(1).into());
    }
}

async fn serve_task(task: Task) -> Result<(), lambda_runtime::Error> {
    let platform = &Platform::from_environment().await;
    lambda_runtime::run(lambda_runtime::service_fn(move |event: lambda_runtime::LambdaEvent<Value>| async move {
        let span = tracing::info_span!("task", request_id = event.context.request_id, handler = task.handler);
        let performed = (task.perform)(platform, event.payload).instrument(span.clone()).await;
        platform.announce_events().instrument(span).await;
        performed.map_err(|error| {
            tracing::error!(error = %error, handler = task.handler, "the task failed");
            diagnostic(&error)
        })
    }))
    .await
}

/// What a failed task tells its state machine: the error's kind as `errorType`, and what a person may read.
fn diagnostic(error: &Error) -> lambda_runtime::Diagnostic {
    lambda_runtime::Diagnostic { error_type: format!("{:?}", error.kind()), error_message: error.public_message().to_owned() }
}

fn from_lambda(request: lambda_http::Request) -> Request {
    use lambda_http::request::RequestContext;
    let path_parameters = request.path_parameters().iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let query = request.query_string_parameters().iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let (request_id, domain, client_address) = match request.request_context_ref() {
        Some(RequestContext::ApiGatewayV2(context)) => (
            context.request_id.clone().unwrap_or_default(),
            context.domain_name.clone().unwrap_or_default(),
            context.http.source_ip.clone().unwrap_or_default(),
        ),
        _ => Default::default(),
    };
    let (parts, body) = request.into_parts();
    let scheme = parts.headers.get("x-forwarded-proto").and_then(|value| value.to_str().ok()).unwrap_or("https");
    let host = parts.headers.get(http::header::HOST).and_then(|value| value.to_str().ok()).unwrap_or(&domain);
    Request {
        base_url: format!("{scheme}://{host}"),
        path: parts.uri.path().to_owned(),
        method: parts.method,
        headers: parts.headers,
        path_parameters,
        query,
        body: match body {
            lambda_http::Body::Text(text) => text.into(),
            lambda_http::Body::Binary(bytes) => bytes.into(),
            _ => bytes::Bytes::new(),
        },
        request_id,
        client_address,
        caller: Caller::Anyone,
    }
}

fn into_lambda(response: Response) -> lambda_http::Response<lambda_http::Body> {
    response.map(|body| match String::from_utf8(body.into()) {
        Ok(text) => lambda_http::Body::Text(text),
        Err(not_text) => lambda_http::Body::Binary(not_text.into_bytes()),
    })
}

/// Structured lines for CloudWatch; `RUST_LOG` chooses what is logged.
pub fn start_logging() {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    let subscriber =
        tracing_subscriber::fmt().json().flatten_event(true).with_current_span(true).with_span_list(false).with_env_filter(filter);
    // A second call (a test, a program within a program) keeps the first subscriber.
    let _ = subscriber.try_init();
}

#[cfg(test)]
mod tests {
    use super::last_segment;

    #[test]
    fn a_handler_is_named_after_its_module() {
        assert_eq!(last_segment("routes :: training_upload"), "training_upload");
        assert_eq!(last_segment("deploy"), "deploy");
    }
}
