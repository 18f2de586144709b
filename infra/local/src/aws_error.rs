//! The error that an AWS API answers with: a status, a code and a message.

/// An error of an AWS operation, as its API would answer it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct AwsError {
    /// The HTTP status: 4xx for the caller's mistakes, 5xx for a fault of the service.
    pub status: u16,
    /// The exception's name in the service's model, for example `ResourceNotFoundException`.
    pub code: String,
    /// What was wrong, for a person.
    pub message: String,
}

impl AwsError {
    /// An error with the given HTTP status, exception name and message.
    pub fn new(status: u16, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { status, code: code.into(), message: message.into() }
    }

    /// The answer to a call that the laptop cloud does not implement: it names the service and the operation.
    pub fn not_implemented(service: &str, operation: &str) -> Self {
        Self::new(
            501,
            "UnsupportedOperation",
            format!("The laptop cloud does not implement {service} {operation}; it has only what this template's functions call."),
        )
    }
}
