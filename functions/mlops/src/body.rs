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
    let strict = request.json();
    let Err(refusal) = &strict else { return strict };
    // The document's own upload puts a file between the quotes of a JSON text with a shell, line ends and all.
    match escape_control_characters(&request.body) {
        Some(body) if refusal.kind() == ErrorKind::BadRequest => {
            Request { body: body.into(), ..request.clone() }.json().map_err(|error| match error.kind() {
                ErrorKind::BadRequest => Error::bad_request(format!(
                    "{}; a script with double quotes cannot be put between quotes by a shell: send script_content as base64, or use examples/upload_training_script.py",
                    error.public_message()
                )),
                _ => error,
            })
        }
        _ => strict,
    }
}

/// The body with the control characters that stand in its texts escaped, as JSON wants them; `None` where none do.
fn escape_control_characters(body: &[u8]) -> Option<Vec<u8>> {
    let (mut escaped, mut in_text, mut after_backslash, mut changed) = (Vec::with_capacity(body.len()), false, false, false);
    for &byte in body {
        if in_text && byte < 0x20 && !after_backslash {
            escaped.extend(format!("\\u{byte:04x}").bytes());
            changed = true;
            continue;
        }
        match byte {
            b'"' if !after_backslash => in_text = !in_text,
            _ => {}
        }
        after_backslash = in_text && byte == b'\\' && !after_backslash;
        escaped.push(byte);
    }
    changed.then_some(escaped)
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::{Value, json};

    fn request(body: &str) -> Request {
        Request { body: body.to_owned().into(), ..Request::default() }
    }

    #[test]
    fn line_ends_that_a_shell_put_into_a_text_are_understood() {
        let body: Value = read(&request("{\n  \"script_content\": \"import os\n\tprint('a\\\\n')\n\"\n}")).unwrap();
        assert_eq!(body, json!({ "script_content": "import os\n\tprint('a\\n')\n" }));
    }

    #[test]
    fn quotes_that_a_shell_put_into_a_text_are_told_what_to_do() {
        let error = read::<Value>(&request("{\"script_content\": \"import os\nprint(\"a\")\n\"}")).unwrap_err();
        assert!(error.public_message().contains("base64"), "{error}");
        let error = read::<Value>(&request("{\"a\": 1,}")).unwrap_err();
        assert!(!error.public_message().contains("base64"), "{error}");
    }
}
