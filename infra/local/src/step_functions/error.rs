//! Errors inside an execution: the names that a state machine's `Retry` and `Catch` match.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A wildcard for every error that can be retried or caught.
pub const ALL: &str = "States.ALL";
/// A task, or the whole execution, ran past its time.
pub const TIMEOUT: &str = "States.Timeout";
/// A task failed; as a wildcard, every error but `States.Timeout`.
pub const TASK_FAILED: &str = "States.TaskFailed";
/// The execution's role may not do what the task asks.
pub const PERMISSIONS: &str = "States.Permissions";
/// The execution cannot go on: never retried, never caught.
pub const RUNTIME: &str = "States.Runtime";
/// An input, a result, an output or a variable is larger than [`DATA_LIMIT`].
pub const DATA_LIMIT_EXCEEDED: &str = "States.DataLimitExceeded";
/// A JSONata expression failed, gave nothing, or gave the wrong type.
pub const QUERY_EVALUATION: &str = "States.QueryEvaluationError";
/// No rule of a Choice state matched and it has no `Default`.
pub const NO_CHOICE_MATCHED: &str = "States.NoChoiceMatched";

/// Every error name that begins with `States.`, for the check of `ErrorEquals`.
pub const RESERVED: [&str; 16] = [
    ALL,
    TIMEOUT,
    TASK_FAILED,
    PERMISSIONS,
    RUNTIME,
    DATA_LIMIT_EXCEEDED,
    QUERY_EVALUATION,
    NO_CHOICE_MATCHED,
    "States.HeartbeatTimeout",
    "States.ResultPathMatchFailure",
    "States.ParameterPathFailure",
    "States.BranchFailed",
    "States.IntrinsicFailure",
    "States.ExceedToleratedFailureThreshold",
    "States.ItemReaderFailed",
    "States.ResultWriterFailed",
];

/// The largest input, result, output or variable, in bytes of its JSON text: Step Functions' 256 KiB.
pub const DATA_LIMIT: usize = 256 * 1024;

/// An error of a state: a name to match, and the cause for a person (or a JSON document, as some integrations give).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{}: {}", error.as_deref().unwrap_or("(no error name)"), cause.as_deref().unwrap_or("(no cause)"))]
pub struct StateError {
    /// The error's name; only a Fail state may leave it out.
    pub error: Option<String>,
    /// What happened.
    pub cause: Option<String>,
}

impl StateError {
    /// An error with a name and a cause.
    pub fn new(error: impl Into<String>, cause: impl Into<String>) -> Self {
        Self { error: Some(error.into()), cause: Some(cause.into()) }
    }

    /// An error that ends the execution whatever its `Retry` and `Catch` say.
    pub fn runtime(cause: impl Into<String>) -> Self {
        Self::new(RUNTIME, cause)
    }

    /// A JSONata expression that failed.
    pub fn query(cause: impl Into<String>) -> Self {
        Self::new(QUERY_EVALUATION, cause)
    }

    /// Whether an `ErrorEquals` entry matches this error, by Step Functions' rules for its wildcards.
    pub fn matches(&self, pattern: &str) -> bool {
        let name = self.error.as_deref().unwrap_or_default();
        match pattern {
            _ if name == RUNTIME => false,
            ALL => name != DATA_LIMIT_EXCEEDED,
            TASK_FAILED => !matches!(name, TIMEOUT | DATA_LIMIT_EXCEEDED),
            _ => pattern == name,
        }
    }

    /// The document that a catcher sees as `$states.errorOutput`.
    pub fn document(&self) -> Value {
        json!({
            "Error": self.error.clone().unwrap_or_default(),
            "Cause": self.cause.clone().unwrap_or_default(),
        })
    }

    /// `error` and `cause` in the shape of a history event's details; what is absent is left out.
    pub fn details(&self) -> Value {
        let mut details = serde_json::Map::new();
        if let Some(error) = &self.error {
            details.insert("error".to_owned(), Value::String(error.clone()));
        }
        if let Some(cause) = &self.cause {
            details.insert("cause".to_owned(), Value::String(cause.clone()));
        }
        Value::Object(details)
    }
}

/// The deepest nesting of a value: what reads it back from disk refuses deeper ones.
const DEEPEST_VALUE: usize = 100;

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

/// Refuses a value whose JSON text is larger than [`DATA_LIMIT`], or that is nested too deep; `what` names it in the cause.
pub fn within_limit(value: &Value, what: &str) -> Result<(), StateError> {
    let size = value.to_string().len();
    if size <= DATA_LIMIT {
        return match depth(value) {
            0..=DEEPEST_VALUE => Ok(()),
            _ => Err(StateError::new(DATA_LIMIT_EXCEEDED, format!("{what} is nested deeper than {DEEPEST_VALUE} levels."))),
        };
    }
    Err(StateError::new(
        DATA_LIMIT_EXCEEDED,
        format!("{what} has {size} bytes; the maximum is {DATA_LIMIT} bytes (256 KiB). Pass an id or an S3 key in its place."),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_follow_the_documented_exceptions() {
        let failed = StateError::new("MyError", "");
        assert!(failed.matches(ALL) && failed.matches(TASK_FAILED) && failed.matches("MyError"));
        assert!(!failed.matches("Other"));
        let timeout = StateError::new(TIMEOUT, "");
        assert!(timeout.matches(ALL) && timeout.matches(TIMEOUT) && !timeout.matches(TASK_FAILED));
        let large = StateError::new(DATA_LIMIT_EXCEEDED, "");
        assert!(!large.matches(ALL) && large.matches(DATA_LIMIT_EXCEEDED));
        let runtime = StateError::runtime("");
        assert!(!runtime.matches(ALL) && !runtime.matches(RUNTIME));
    }

    #[test]
    fn the_limit_counts_bytes_of_json_text() {
        assert!(within_limit(&Value::String("x".repeat(DATA_LIMIT - 2)), "It").is_ok());
        let error = within_limit(&Value::String("x".repeat(DATA_LIMIT - 1)), "It").expect_err("one byte too many");
        assert_eq!(error.error.as_deref(), Some(DATA_LIMIT_EXCEEDED));
    }
}
