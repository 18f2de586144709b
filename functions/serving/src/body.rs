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
    if request.body.len() > LONGEST_BODY {
        let message = format!("the body has {} bytes; at most {LONGEST_BODY} are accepted", request.body.len());
        return Err(Error::new(ErrorKind::PayloadTooLarge, message));
    }
    request.json()
}
