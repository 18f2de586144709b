//! Responses that handlers give.

use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;

use crate::{Error, Result};

/// A response with its whole body.
pub type Response = http::Response<Bytes>;

/// A JSON response.
///
/// # Errors
/// `Internal` when the value cannot be written as JSON.
pub fn json<T: Serialize + ?Sized>(status: StatusCode, value: &T) -> Result<Response> {
    let body = serde_json::to_vec(value).map_err(|error| Error::internal("writing the response", error))?;
    Ok(with_type(status, "application/json", body))
}

/// 200 with a JSON body.
///
/// # Errors
/// As [`json`].
pub fn ok<T: Serialize + ?Sized>(value: &T) -> Result<Response> {
    json(StatusCode::OK, value)
}

/// A response of the given content type.
pub fn with_type(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// 204, nothing to say.
pub fn no_content() -> Response {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

/// A redirect, 302, 307 or 308.
///
/// # Errors
/// `Internal` when the location cannot stand in a header.
pub fn redirect(status: StatusCode, location: &str) -> Result<Response> {
    let value = HeaderValue::from_str(location).map_err(|error| Error::internal("writing the Location header", error))?;
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = status;
    response.headers_mut().insert(header::LOCATION, value);
    Ok(response)
}
