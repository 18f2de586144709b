//! What several routes do to their request bodies.

use serde::de::DeserializeOwned;
use shared::{Error, ErrorKind, Request, Result};

/// The longest JSON body that a route takes, in bytes.
const LONGEST_BODY: usize = 64 * 1024;

/// The body as JSON, if it is not too long.
///
/// # Errors
/// `PayloadTooLarge`, else as [`Request::json`].
pub fn read<T: DeserializeOwned>(request: &Request) -> Result<T> {
    read_up_to(request, LONGEST_BODY)
}

/// The body as JSON, if it has no more than `longest` bytes.
///
/// # Errors
/// `PayloadTooLarge`, else as [`Request::json`].
pub fn read_up_to<T: DeserializeOwned>(request: &Request, longest: usize) -> Result<T> {
    if request.body.len() > longest {
        let message = format!("the body has {} bytes; at most {longest} are accepted", request.body.len());
        return Err(Error::new(ErrorKind::PayloadTooLarge, message));
    }
    request.json()
}
