//! Answers to requests that were answered before, by their Idempotency-Key.

use http::HeaderValue;
use shared::Response;

/// The response, marked as the answer to a request that was answered before.
pub fn mark(mut response: Response) -> Response {
    response.headers_mut().insert("idempotency-replayed", HeaderValue::from_static("true"));
    response
}
