//! How each document writes an error. Handlers return [`Error`]; the style of their API turns it into a response.

use http::StatusCode;
use serde_json::{Value, json};

use crate::error::FieldProblem;
use crate::http::response::{Response, with_type};
use crate::{Error, ErrorKind};

/// Turns an error into a response; the text is the request's id.
pub type ErrorStyle = fn(&Error, &str) -> Response;

fn status(code: u16) -> StatusCode {
    StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// `{"detail": "…"}`, the shape of the MLOps documents. Their table of codes has no 422: a wrong field is a 400.
pub fn detail(error: &Error, request_id: &str) -> Response {
    let code = if error.kind() == ErrorKind::Unprocessable { 400 } else { error.status() };
    let mut body = json!({ "detail": error.public_message() });
    if error.kind() == ErrorKind::Internal {
        body["request_id"] = json!(request_id);
    }
    with_type(status(code), "application/json", body.to_string())
}

/// `{"detail": "…"}`, and for fields that are not what they must be a 422 whose `detail` is the list of all of them:
/// `{"loc": ["body", "name"], "msg": "field required", "type": "value_error.missing"}`. The shape of the ML development and
/// the Deployments documents.
pub fn validation_list(error: &Error, request_id: &str) -> Response {
    let code = if error.kind() == ErrorKind::AlreadyExists { 400 } else { error.status() };
    if error.kind() != ErrorKind::Unprocessable {
        let mut body = json!({ "detail": error.public_message() });
        if error.kind() == ErrorKind::Internal {
            body["request_id"] = json!(request_id);
        }
        return with_type(status(code), "application/json", body.to_string());
    }
    let told = |problem: &FieldProblem| {
        let (message, kind) = match problem.kind {
            "missing" | "value_error.missing" => ("field required", "value_error.missing"),
            "extra_forbidden" => (problem.message.as_str(), "value_error.extra"),
            "int_parsing" => ("value is not a valid integer", "type_error.integer"),
            kind => (problem.message.as_str(), kind),
        };
        json!({ "loc": location(&problem.location), "msg": message, "type": kind })
    };
    let mut faults: Vec<Value> = error.fields().iter().map(told).collect();
    if faults.is_empty() {
        faults.push(json!({ "loc": ["body"], "msg": error.public_message(), "type": "value_error" }));
    }
    with_type(status(code), "application/json", json!({ "detail": faults }).to_string())
}

/// A place in a list is a number.
fn location(path: &[String]) -> Vec<Value> {
    let parts = path.iter().flat_map(|part| part.split(['[', ']'])).filter(|part| !part.is_empty() && *part != ".");
    parts.map(|part| part.parse::<u32>().map_or_else(|_| json!(part), |at| json!(at))).collect()
}

/// `{"error_code": "…", "message": "…"}`, MLflow's REST shape, with its codes and statuses.
pub fn mlflow(error: &Error, request_id: &str) -> Response {
    let (code, name) = match error.kind() {
        ErrorKind::BadRequest | ErrorKind::Unprocessable => (400, "INVALID_PARAMETER_VALUE"),
        ErrorKind::ModelRefused => (400, "INVALID_STATE"),
        ErrorKind::Unauthorized => (401, "UNAUTHENTICATED"),
        ErrorKind::Forbidden => (403, "PERMISSION_DENIED"),
        ErrorKind::NotFound | ErrorKind::Gone => (404, "RESOURCE_DOES_NOT_EXIST"),
        ErrorKind::Conflict => (409, "RESOURCE_CONFLICT"),
        ErrorKind::AlreadyExists => (400, "RESOURCE_ALREADY_EXISTS"),
        ErrorKind::PayloadTooLarge => (413, "INVALID_PARAMETER_VALUE"),
        ErrorKind::TooManyRequests => (429, "REQUEST_LIMIT_EXCEEDED"),
        ErrorKind::NotImplemented => (501, "NOT_IMPLEMENTED"),
        ErrorKind::Unavailable => (503, "TEMPORARILY_UNAVAILABLE"),
        ErrorKind::Internal | ErrorKind::ModelFailed => (500, "INTERNAL_ERROR"),
    };
    let message = match error.kind() {
        ErrorKind::Internal => format!("{} (request id {request_id})", error.public_message()),
        _ => error.public_message().to_owned(),
    };
    with_type(status(code), "application/json", json!({ "error_code": name, "message": message }).to_string())
}

/// `{"error": {"code", "message", "details"}, "request_id"}`, the shape of the ServeML document, with its table of codes.
pub fn serveml(error: &Error, request_id: &str) -> Response {
    let (code, name) = match error.kind() {
        ErrorKind::BadRequest | ErrorKind::Conflict | ErrorKind::AlreadyExists => (400, "INVALID_INPUT"),
        ErrorKind::PayloadTooLarge => (413, "INVALID_INPUT"),
        ErrorKind::Unprocessable => (422, "VALIDATION_ERROR"),
        ErrorKind::Unauthorized => (401, "UNAUTHORIZED"),
        ErrorKind::Forbidden => (403, "FORBIDDEN"),
        ErrorKind::NotFound | ErrorKind::Gone => (404, "NOT_FOUND"),
        ErrorKind::TooManyRequests => (429, "RATE_LIMITED"),
        ErrorKind::ModelRefused => (400, "DEPLOYMENT_FAILED"),
        ErrorKind::ModelFailed => (500, "PREDICTION_ERROR"),
        ErrorKind::NotImplemented => (501, "SERVICE_ERROR"),
        ErrorKind::Unavailable => (503, "SERVICE_ERROR"),
        ErrorKind::Internal => (500, "SERVICE_ERROR"),
    };
    let details = error.fields().first().map_or_else(
        || json!({}),
        |problem| {
            let path: Vec<&str> = problem.location.iter().map(String::as_str).collect();
            // The document names the field alone; where it stands is plain from the route.
            let field = path.split_first().map(|(_, field)| field.join(".")).filter(|field| !field.is_empty());
            json!({ "field": field, "reason": problem.message })
        },
    );
    let body = json!({
        "error": { "code": name, "message": error.public_message(), "details": details },
        "request_id": format!("req-{request_id}"),
    });
    with_type(status(code), "application/json", body.to_string())
}
