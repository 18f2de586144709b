//! A request as a handler sees it.

use std::collections::HashMap;

use bytes::Bytes;
use http::{HeaderMap, Method};
use serde::de::DeserializeOwned;

use crate::error::FieldProblem;
use crate::identity::Caller;
use crate::{Error, ErrorKind, Result};

/// A request to a route, freed of how Lambda carries it.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// The path as sent, percent-encoded.
    pub path: String,
    /// The headers.
    pub headers: HeaderMap,
    /// The values of the route's path parameters, percent-decoded.
    pub path_parameters: HashMap<String, String>,
    /// The query's pairs in their order, percent-decoded.
    pub query: Vec<(String, String)>,
    /// The whole body.
    pub body: Bytes,
    /// The gateway's id of the request; errors carry it, so that a caller's report leads to the log.
    pub request_id: String,
    /// Where the caller reached the platform, for example `http://localhost:8000`; no slash at the end.
    pub base_url: String,
    /// The address that the request came from.
    pub client_address: String,
    /// Who sent it; known before the handler is called.
    pub caller: Caller,
}

impl Request {
    /// The value of a path parameter.
    ///
    /// # Errors
    /// `Internal` when the route has no such parameter: the route table and the handler disagree.
    pub fn path_parameter(&self, name: &str) -> Result<&str> {
        self.path_parameters
            .get(name)
            .map(String::as_str)
            .ok_or_else(|| Error::broken(format!("{} {} has no path parameter {name}", self.method, self.path)))
    }

    /// The value of a header, where it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The first value of a query parameter.
    pub fn query_parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The first value of a query parameter as a number, or `default` where it is absent.
    ///
    /// # Errors
    /// `Unprocessable` when it is not such a number.
    pub fn query_number<T: std::str::FromStr>(&self, name: &str, default: T) -> Result<T> {
        match self.query_parameter(name) {
            None => Ok(default),
            Some(text) => text.parse().map_err(|_| {
                let message = format!("must be a whole number, not {text:?}");
                Error::new(ErrorKind::Unprocessable, format!("{name}: {message}")).with_fields(vec![FieldProblem {
                    location: vec!["query".into(), name.into()],
                    message,
                    kind: "int_parsing",
                }])
            }),
        }
    }

    /// The token of an `Authorization: Bearer …` header.
    pub fn bearer_token(&self) -> Option<&str> {
        let (scheme, token) = self.header("authorization")?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    }

    /// The body read as JSON.
    ///
    /// # Errors
    /// `BadRequest` when it is empty or not JSON, with line and column; `Unprocessable` when a field is missing or of
    /// another type, with its path.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        if self.body.iter().all(u8::is_ascii_whitespace) {
            return Err(Error::bad_request("the body is empty; send a JSON object with Content-Type: application/json"));
        }
        let mut deserializer = serde_json::Deserializer::from_slice(&self.body);
        let value: T = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| json_error(&error))?;
        deserializer.end().map_err(|error| Error::bad_request(format!("the body is not valid JSON: {error}")))?;
        Ok(value)
    }
}

fn json_error(error: &serde_path_to_error::Error<serde_json::Error>) -> Error {
    use serde_json::error::Category;
    match error.inner().classify() {
        Category::Data => {
            let path = error.path().to_string();
            let message = in_json_words(&without_position(&error.inner().to_string()));
            if let Some(error) = unknown_field(&path, &message) {
                return error;
            }
            let missing = message.strip_prefix("missing field `").and_then(|rest| rest.split('`').next());
            let (path, kind) = match (missing, path.as_str()) {
                (Some(field), ".") => (field.to_owned(), "missing"),
                (Some(field), outer) => (format!("{outer}.{field}"), "missing"),
                (None, _) => (path, "type_error"),
            };
            let problem = FieldProblem {
                location: std::iter::once("body").chain(path.split('.').filter(|part| !part.is_empty())).map(str::to_owned).collect(),
                message: message.clone(),
                kind,
            };
            let where_ = if path == "." { "the body".to_owned() } else { path };
            Error::new(ErrorKind::Unprocessable, format!("{where_}: {message}")).with_fields(vec![problem])
        }
        Category::Io | Category::Syntax | Category::Eof => Error::bad_request(format!("the body is not valid JSON: {}", error.inner())),
    }
}

/// The error for a field that the body may not have, from serde's message about it; it names the known field that is
/// nearest, so that a misspelt one is found at once.
fn unknown_field(path: &str, message: &str) -> Option<Error> {
    let (name, rest) = message.strip_prefix("unknown field `")?.split_once('`')?;
    let known: Vec<&str> = rest.split('`').skip(1).step_by(2).collect();
    let shown: String = name.chars().take(80).collect();
    let outer = path.strip_suffix(name).unwrap_or(path).trim_matches('.');
    let path = if outer.is_empty() { shown } else { format!("{outer}.{shown}") };
    let nearest =
        known.iter().map(|known| (edit_distance(name, known), known)).min().filter(|(distance, _)| *distance <= 1 + name.len() / 4);
    let message = match nearest {
        Some((_, nearest)) => format!("is not a known field; did you mean {nearest:?}?"),
        None => format!("is not a known field; known are {}", known.join(", ")),
    };
    let location = std::iter::once("body").chain(path.split('.')).map(str::to_owned).collect();
    let problem = FieldProblem { location, message: message.clone(), kind: "extra_forbidden" };
    Some(Error::new(ErrorKind::Unprocessable, format!("{path}: {message}")).with_fields(vec![problem]))
}

/// How many characters must be added, removed or changed to make one text the other. What is longer than any field's
/// name counts as far away.
fn edit_distance(from: &str, to: &str) -> usize {
    if from.len() > 64 {
        return usize::MAX;
    }
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (line, letter) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = line + 1;
        for (column, other) in to.iter().enumerate() {
            let changed = diagonal + usize::from(letter != *other);
            diagonal = row[column + 1];
            row[column + 1] = changed.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[to.len()]
}

/// What was expected, in the words of JSON and not of the program: `a JSON object`, `a whole number`.
fn in_json_words(message: &str) -> String {
    let Some((found, expected)) = message.rsplit_once(", expected ") else { return message.to_owned() };
    let expected = match expected.split(' ').next().unwrap_or_default() {
        "struct" | "map" => "a JSON object",
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number",
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number that is not negative",
        "f32" | "f64" => "a number",
        "sequence" => "a list",
        _ => expected,
    };
    let found = if found.starts_with("invalid length") { "invalid type: sequence" } else { found };
    format!("{found}, expected {expected}")
}

fn without_position(message: &str) -> String {
    message.rsplit_once(" at line ").map_or(message, |(text, _)| text).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    struct Body {
        #[allow(dead_code)]
        name: String,
        #[allow(dead_code)]
        timeout: Option<u32>,
    }

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Strict {
        #[allow(dead_code)]
        requirements: Option<Vec<String>>,
        #[allow(dead_code)]
        timeout: Option<u32>,
        #[allow(dead_code)]
        inner: Option<Box<Strict>>,
    }

    #[test]
    fn an_unknown_field_is_named_with_the_nearest_known_one() {
        for (body, message) in [
            ("{\"requirments\": []}", "requirements: is not a known field; did you mean \"requirements\"?"),
            ("{\"inner\": {\"time_out\": 1}}", "inner.time_out: is not a known field; did you mean \"timeout\"?"),
            ("{\"gpu\": 1}", "gpu: is not a known field; known are requirements, timeout, inner"),
        ] {
            let error = request(body).json::<Strict>().expect_err(body);
            assert_eq!(error.public_message(), message.replacen("requirements:", "requirments:", 1), "{body}");
            assert_eq!(error.fields()[0].kind, "extra_forbidden");
        }
    }

    fn request(body: &'static str) -> Request {
        Request { body: Bytes::from_static(body.as_bytes()), ..Request::default() }
    }

    #[test]
    fn a_wrong_body_is_told_what_is_wrong_and_where() {
        for (body, kind, text) in [
            ("", ErrorKind::BadRequest, "the body is empty"),
            ("{", ErrorKind::BadRequest, "line 1"),
            ("{\"name\": \"a\"} x", ErrorKind::BadRequest, "trailing"),
            ("{\"timeout\": 3}", ErrorKind::Unprocessable, "name: missing field"),
            ("{\"name\": \"a\", \"timeout\": \"soon\"}", ErrorKind::Unprocessable, "timeout: invalid type"),
            ("[]", ErrorKind::Unprocessable, "the body: invalid type: sequence, expected a JSON object"),
            ("1", ErrorKind::Unprocessable, "the body: invalid type: integer `1`, expected a JSON object"),
            ("{\"name\": \"a\", \"timeout\": -1}", ErrorKind::Unprocessable, "expected a whole number that is not negative"),
        ] {
            let error = request(body).json::<Body>().expect_err(body);
            assert_eq!(error.kind(), kind, "{body}");
            assert!(error.public_message().contains(text), "{body}: {error}");
        }
    }

    #[test]
    fn the_bearer_token_is_read_whatever_the_case() {
        let mut request = Request::default();
        request.headers.insert("authorization", "bearer abc".parse().expect("a header"));
        assert_eq!(request.bearer_token(), Some("abc"));
    }
}
