//! Errors as this API shows them.

use serde::Serialize;
use utoipa::ToSchema;

/// What went wrong.
#[derive(Debug, Serialize, ToSchema)]
pub struct Problem {
    /// What was wrong, and what to do.
    #[schema(example = "Recipe not found")]
    pub detail: String,
}

/// All fields that are not what they must be.
#[derive(Debug, Serialize, ToSchema)]
pub struct ValidationProblem {
    /// One entry for each of them.
    pub detail: Vec<Fault>,
}

/// A field that is not what it must be.
#[derive(Debug, Serialize, ToSchema)]
pub struct Fault {
    /// Where it is, outermost first; a place in a list is a number.
    #[schema(example = json!(["body", "name"]), value_type = Vec<Object>)]
    pub loc: Vec<serde_json::Value>,
    /// What is wrong.
    #[schema(example = "field required")]
    pub msg: String,
    /// What kind of fault it is.
    #[serde(rename = "type")]
    #[schema(example = "value_error.missing")]
    pub kind: String,
}
