//! What several routes do to their request bodies.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use shared::{Error, ErrorKind, Request, Result};

/// The longest body that a route takes, in bytes: a script of 1 MiB in base64 and everything beside it.
pub const LONGEST_BODY: usize = 3 * 1024 * 1024;

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

/// A model version, which the documents write as text; a number is understood too.
///
/// # Errors
/// When it is neither.
pub fn version<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "a model version is text, for example \"1\"")]
    enum Version {
        Text(String),
        Number(u64),
    }
    Ok(Option::<Version>::deserialize(deserializer)?.map(|version| match version {
        Version::Text(text) => text,
        Version::Number(number) => number.to_string(),
    }))
}
