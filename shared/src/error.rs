//! The one error type of the platform. It has two audiences: the caller reads `message` (and `fields`), the log gets
//! the cause. Each API renders it in its own document's shape; see [`crate::http::error_style`].

use std::fmt;

/// The result of anything that can fail in the platform.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What sort of error it is; decides the HTTP status and each API's own error code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The request itself is wrong: 400.
    BadRequest,
    /// Credentials are missing or wrong: 401.
    Unauthorized,
    /// The caller is known and may not do this: 403.
    Forbidden,
    /// What was asked for does not exist: 404.
    NotFound,
    /// It contradicts what is there: 409.
    Conflict,
    /// It exists already: 409 in most APIs, `RESOURCE_ALREADY_EXISTS` (400) in MLflow's.
    AlreadyExists,
    /// It was here and is not served any more: 410.
    Gone,
    /// The body exceeds a limit: 413.
    PayloadTooLarge,
    /// A field does not hold what it must: 422 in APIs that have one, else 400.
    Unprocessable,
    /// Too many requests: 429.
    TooManyRequests,
    /// The platform does not offer this: 501.
    NotImplemented,
    /// A model cannot be deployed as it is: 400.
    ModelRefused,
    /// A deployed model failed at a prediction: 500. The fault is the model's, and its words are the caller's to read.
    ModelFailed,
    /// Something that the platform depends on is not available right now: 503.
    Unavailable,
    /// A fault of ours: 500. Its cause is logged and never shown.
    Internal,
}

/// One field of a request that does not hold what it must.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct FieldProblem {
    /// Where it is, outermost first, for example `["body", "timeout"]`.
    pub location: Vec<String>,
    /// What is wrong, for a person.
    pub message: String,
    /// A machine-readable kind, for example `value_error`, `missing`, `type_error`.
    pub kind: &'static str,
}

/// An error with what the caller may know and, apart from it, what only the log may.
pub struct Error {
    kind: ErrorKind,
    message: String,
    fields: Vec<FieldProblem>,
    cause: Option<Box<dyn std::error::Error + Send + Sync>>,
    /// Whether the message can quote what the caller sent.
    quotes: bool,
}

impl Error {
    /// An error of the given kind with a message for the caller: what was wrong, where, and what to do.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), fields: Vec::new(), cause: None, quotes: false }
    }

    /// 400: the request is wrong.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::BadRequest, message)
    }

    /// 404: it does not exist.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::NotFound, message)
    }

    /// 409: it contradicts what is there.
    pub fn conflict(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Conflict, message)
    }

    /// 401: credentials are missing or wrong.
    pub fn unauthorized(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Unauthorized, message)
    }

    /// 400 or 422, by API: the named field of the body does not hold what it must.
    pub fn field(field: &str, message: impl Into<String>) -> Self {
        let message = message.into();
        let problem = FieldProblem {
            location: std::iter::once("body").chain(field.split('.')).map(str::to_owned).collect(),
            message: message.clone(),
            kind: "value_error",
        };
        Self { fields: vec![problem], ..Self::new(ErrorKind::Unprocessable, format!("{field}: {message}")) }
    }

    /// 500: a fault of ours. `doing` names what failed for the log; the caller learns nothing of the cause.
    pub fn internal(doing: impl Into<String>, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { cause: Some(cause.into()), ..Self::new(ErrorKind::Internal, doing) }
    }

    /// 500: stored or computed data broke an invariant that `message` names, for the log.
    pub fn broken(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Internal, message)
    }

    /// The same error with the field problems given.
    pub fn with_fields(mut self, fields: Vec<FieldProblem>) -> Self {
        self.fields = fields;
        self
    }

    /// The same error, whose message can quote what the caller sent, personal data among it: the caller reads it, the log does not.
    pub fn quoting_the_request(mut self) -> Self {
        self.quotes = true;
        self
    }

    /// What sort of error it is.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The fields that do not hold what they must; empty unless the kind is `Unprocessable` or `BadRequest`.
    pub fn fields(&self) -> &[FieldProblem] {
        &self.fields
    }

    /// What the caller may read: for a fault of ours, only that there was one.
    pub fn public_message(&self) -> &str {
        match self.kind {
            ErrorKind::Internal => "Internal server error. The request id leads to the cause in the log.",
            _ => &self.message,
        }
    }

    /// The HTTP status of this kind, where an API's document names no other.
    pub fn status(&self) -> u16 {
        match self.kind {
            ErrorKind::BadRequest | ErrorKind::ModelRefused => 400,
            ErrorKind::Unauthorized => 401,
            ErrorKind::Forbidden => 403,
            ErrorKind::NotFound => 404,
            ErrorKind::Conflict | ErrorKind::AlreadyExists => 409,
            ErrorKind::Gone => 410,
            ErrorKind::PayloadTooLarge => 413,
            ErrorKind::Unprocessable => 422,
            ErrorKind::TooManyRequests => 429,
            ErrorKind::NotImplemented => 501,
            ErrorKind::Unavailable => 503,
            ErrorKind::Internal | ErrorKind::ModelFailed => 500,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.quotes {
            return write!(formatter, "{:?}, in words for the caller alone, which can quote the request", self.kind);
        }
        formatter.write_str(&self.message)?;
        let mut source = self.cause.as_deref().map(|cause| cause as &dyn std::error::Error);
        while let Some(cause) = source {
            write!(formatter, ": {cause}")?;
            source = cause.source();
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?}: {self}", self.kind)
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_of_ours_keeps_its_cause_to_the_log() {
        let error = Error::internal("reading the job", std::io::Error::other("secret host name"));
        assert!(error.to_string().contains("secret host name"));
        assert!(!error.public_message().contains("secret"));
    }

    #[test]
    fn what_quotes_the_request_is_the_callers_alone() {
        let error = Error::bad_request("not a number: 'Anna Smith'").quoting_the_request();
        assert!(error.public_message().contains("Anna"));
        assert!(!error.to_string().contains("Anna") && !format!("{error:?}").contains("Anna"));
    }
}
