//! Lambda's own API, as far as it is used: functions from images, versions, aliases, URLs, limits, invocations.

mod aliases;
mod concurrency;
mod functions;
mod invocations;
mod permissions;
mod urls;
mod versions;

use std::collections::BTreeMap;
use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use serde_json::{Value, json};

use super::model::{Function, State, Update};
use super::{Lambda, Qualified};
use crate::aws_error::AwsError;
use crate::gateway::decode;
use crate::http_server::{Body, BodyError, full, json_response, read_public_body};
use crate::rights::{Guard, required};

/// The longest body of a control call.
const BODY_LIMIT: usize = 1024 * 1024;

/// A control call, taken apart.
pub(super) struct Call {
    method: Method,
    /// The path behind the date, decoded.
    segments: Vec<String>,
    query: BTreeMap<String, String>,
    body: Value,
}

/// The answer to a control call: status and body.
pub(super) type Answer = Result<(u16, Value), AwsError>;

impl Call {
    fn qualifier(&self) -> Option<&str> {
        self.query.get("Qualifier").map(String::as_str)
    }

    /// The function that the path names, with the query's qualifier.
    fn target(&self) -> Result<Qualified, AwsError> {
        let name = self.segments.get(1).map(String::as_str).unwrap_or_default();
        Qualified::parse(name, self.qualifier())
    }

    /// A text of the body.
    fn text(&self, name: &str) -> Option<&str> {
        self.body.get(name).and_then(Value::as_str)
    }

    /// A text that must be in the body.
    fn required(&self, name: &str) -> Result<&str, AwsError> {
        self.text(name).ok_or_else(|| invalid(format!("1 validation error detected: {name} must not be null")))
    }

    /// A whole number of the body within bounds.
    fn number(&self, name: &str, minimum: u64, maximum: u64) -> Result<Option<u32>, AwsError> {
        match self.body.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => match value.as_u64().filter(|number| (minimum..=maximum).contains(number)) {
                Some(number) => Ok(Some(number as u32)),
                None => Err(invalid(format!("{name} must be a whole number from {minimum} to {maximum}, not {value}"))),
            },
        }
    }
}

impl Lambda {
    /// Answers a call of Lambda's API, if its caller may make it.
    pub async fn handle(self: &Arc<Self>, request: Request<Incoming>, guard: &Guard) -> Response<Body> {
        let (parts, body) = request.into_parts();
        let path = parts.uri.path().trim_matches('/').to_owned();
        let segments: Vec<String> = path.split('/').skip(1).map(|segment| decode(segment).into_owned()).collect();
        let query = parts.uri.query().map(parse_query).unwrap_or_default();
        let needed = |body: &Value| {
            let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
            required::lambda::of(self.region(), parts.method.as_str(), &segments, &query, body)
        };
        if parts.method == Method::POST && segments.len() == 3 && segments[2] == "invocations" {
            if let Err(refused) = guard.check(|| needed(&Value::Null)) {
                return render_error(&refused.error(403));
            }
            return self.handle_invocation(&segments[1], &query, &parts.headers, body).await;
        }
        let body = match read_public_body(&parts.headers, body, BODY_LIMIT).await {
            Ok(bytes) if bytes.is_empty() => Value::Null,
            Ok(bytes) => match serde_json::from_slice(&bytes) {
                Ok(value) => value,
                Err(error) => {
                    let message = format!("Could not parse request body into json: {error}");
                    return render_error(&AwsError::new(400, "SerializationException", message));
                }
            },
            Err(BodyError::TooLarge) => {
                return render_error(&AwsError::new(413, "RequestTooLargeException", "The request is too large."));
            }
            Err(BodyError::Broken) => {
                return render_error(&invalid("The request did not arrive whole."));
            }
        };
        if let Err(refused) = guard.check(|| needed(&body)) {
            return render_error(&refused.error(403));
        }
        let call = Call { method: parts.method, segments, query, body };
        let lambda = Arc::clone(self);
        // Changes are written to disk before they are answered.
        let answer = tokio::task::spawn_blocking(move || lambda.dispatch(&call)).await;
        match answer {
            Ok(Ok((status, Value::Null))) => {
                let mut response = Response::new(full(""));
                *response.status_mut() = StatusCode::from_u16(status).unwrap_or_default();
                with_request_id(response)
            }
            Ok(Ok((status, value))) => with_request_id(json_response(StatusCode::from_u16(status).unwrap_or_default(), value.to_string())),
            Ok(Err(error)) => render_error(&error),
            Err(error) => {
                self.console.problem(format!("a call of Lambda's API failed: {error}"));
                render_error(&AwsError::new(500, "ServiceException", "The laptop cloud failed; its screen says why."))
            }
        }
    }

    fn dispatch(self: &Arc<Self>, call: &Call) -> Answer {
        let segments: Vec<&str> = call.segments.iter().map(String::as_str).collect();
        let method = call.method.as_str();
        match (method, segments.as_slice()) {
            ("POST", ["functions"]) => self.create_function(call),
            ("GET", ["functions"]) => self.list_functions(call),
            ("GET", ["functions", _]) => self.get_function(call),
            ("DELETE", ["functions", _]) => self.delete_function(call),
            ("GET", ["functions", _, "configuration"]) => self.get_function_configuration(call),
            ("PUT", ["functions", _, "configuration"]) => self.update_function_configuration(call),
            ("PUT", ["functions", _, "code"]) => self.update_function_code(call),
            ("POST", ["functions", _, "versions"]) => self.publish_version(call),
            ("GET", ["functions", _, "versions"]) => self.list_versions(call),
            ("POST", ["functions", _, "aliases"]) => self.create_alias(call),
            ("GET", ["functions", _, "aliases"]) => self.list_aliases(call),
            ("GET", ["functions", _, "aliases", alias]) => self.get_alias(call, alias),
            ("PUT", ["functions", _, "aliases", alias]) => self.update_alias(call, alias),
            ("DELETE", ["functions", _, "aliases", alias]) => self.delete_alias(call, alias),
            ("POST", ["functions", _, "url"]) => self.create_url(call),
            ("GET", ["functions", _, "url"]) => self.get_url(call),
            ("PUT", ["functions", _, "url"]) => self.update_url(call),
            ("DELETE", ["functions", _, "url"]) => self.delete_url(call),
            ("GET", ["functions", _, "urls"]) => self.list_urls(call),
            ("POST", ["functions", _, "policy"]) => self.add_permission(call),
            ("GET", ["functions", _, "policy"]) => self.get_policy(call),
            ("DELETE", ["functions", _, "policy", statement]) => self.remove_permission(call, statement),
            ("PUT", ["functions", _, "concurrency"]) => self.put_concurrency(call),
            ("GET", ["functions", _, "concurrency"]) => self.get_concurrency(call),
            ("DELETE", ["functions", _, "concurrency"]) => self.delete_concurrency(call),
            ("PUT", ["functions", _, "provisioned-concurrency"]) => self.put_provisioned(call),
            ("GET", ["functions", _, "provisioned-concurrency"]) => self.get_provisioned(call),
            ("DELETE", ["functions", _, "provisioned-concurrency"]) => self.delete_provisioned(call),
            ("POST", ["tags", arn]) => self.tag(call, arn),
            ("GET", ["tags", arn]) => self.tags(arn),
            ("DELETE", ["tags", arn]) => self.untag(call, arn),
            _ => Err(AwsError::not_implemented("Lambda", &format!("{method} {}", call.segments.join("/")))),
        }
    }

    /// Changes the function that a call names.
    fn change<Given>(
        &self,
        target: &Qualified,
        change: impl FnOnce(&mut Function) -> Result<Given, AwsError>,
    ) -> Result<(Given, Arc<Function>), AwsError> {
        self.registry.update(&target.name, change)?.ok_or_else(|| self.not_found(target))
    }

    /// The function that a call names.
    fn find(&self, target: &Qualified) -> Result<Arc<Function>, AwsError> {
        self.function(&target.name).ok_or_else(|| self.not_found(target))
    }

    fn not_found(&self, target: &Qualified) -> AwsError {
        super::invocation::not_found(&self.common.region, target)
    }

    fn region(&self) -> &str {
        &self.common.region
    }
}

/// Lambda's `InvalidParameterValueException`.
fn invalid(message: impl Into<String>) -> AwsError {
    AwsError::new(400, "InvalidParameterValueException", message)
}

/// Lambda's `ResourceConflictException`.
fn conflict(message: impl Into<String>) -> AwsError {
    AwsError::new(409, "ResourceConflictException", message)
}

/// Refuses a change while another one is on its way.
fn check_settled(function: &Function, arn: &str) -> Result<(), AwsError> {
    if function.latest.state == State::Pending || function.latest.last_update == Update::InProgress {
        let message = format!("The operation cannot be performed at this time. An update is in progress for resource: {arn}");
        return Err(conflict(message));
    }
    Ok(())
}

/// Refuses a change that was decided on an older state.
fn check_revision(given: Option<&str>, current: &str) -> Result<(), AwsError> {
    match given {
        Some(given) if given != current => Err(AwsError::new(
            412,
            "PreconditionFailedException",
            "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to \
             retrieve the latest Revision Id",
        )),
        _ => Ok(()),
    }
}

fn parse_query(query: &str) -> BTreeMap<String, String> {
    query
        .split('&')
        .filter_map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (!name.is_empty()).then(|| (decode(name).into_owned(), decode(&value.replace('+', " ")).into_owned()))
        })
        .collect()
}

/// An error as REST-JSON APIs write it.
pub(crate) fn render_error(error: &AwsError) -> Response<Body> {
    let kind = if error.status < 500 { "User" } else { "Service" };
    let mut body = json!({ "Type": kind, "Message": error.message, "message": error.message });
    if error.code == "TooManyRequestsException" {
        body["Reason"] = error.message.split(['(', ')']).nth(1).unwrap_or_default().into();
    }
    let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = with_request_id(json_response(status, body.to_string()));
    if let Ok(code) = HeaderValue::from_str(&error.code) {
        response.headers_mut().insert(HeaderName::from_static("x-amzn-errortype"), code);
    }
    response
}

fn with_request_id(mut response: Response<Body>) -> Response<Body> {
    set_header(response.headers_mut(), "x-amzn-requestid", &uuid::Uuid::now_v7().to_string());
    response
}

fn set_header(headers: &mut HeaderMap, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(HeaderName::from_static(name), value);
    }
}
