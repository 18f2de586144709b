//! How an error is answered.

use serde::Serialize;
use utoipa::ToSchema;

/// An error: what was wrong, where, and what to do.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({ "detail": "Model my_model version 999 not found" }))]
pub struct Problem {
    /// For a person to read.
    pub detail: String,
    /// The request's id, by which the log has the cause; only for errors of the server.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub request_id: Option<String>,
}
