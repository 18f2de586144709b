//! Errors as the document writes them.

use serde::Serialize;
use utoipa::ToSchema;

/// An error. Document: serveml-api, "Error Responses".
#[derive(Debug, Serialize, ToSchema)]
pub struct Problem {
    /// What went wrong.
    pub error: ProblemDetail,
    /// Leads to the request in the log.
    #[schema(example = "req-xyz789")]
    pub request_id: String,
}

/// What went wrong.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProblemDetail {
    /// One of the document's codes.
    #[schema(example = "INVALID_INPUT")]
    pub code: String,
    /// For a person.
    #[schema(example = "The provided input is invalid")]
    pub message: String,
    /// The `field` that is wrong and the `reason`, where one field is.
    #[schema(value_type = Object)]
    pub details: serde_json::Value,
}
