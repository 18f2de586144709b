//! How an error is answered.

use serde::Serialize;
use utoipa::ToSchema;

/// An error: what was wrong, where, and what to do.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DeploymentsProblem, example = json!({ "detail": "Deployment d0e1f2a3-b4c5-6789-0123-def456789012 not found" }))]
pub struct Problem {
    /// For a person to read; with status 422 a list of `loc`, `msg` and `type`, one for each field that is wrong.
    #[schema(value_type = Object)]
    pub detail: serde_json::Value,
}
