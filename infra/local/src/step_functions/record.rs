//! Where a branch of an execution stands: what is on disk of it, and enough to go on from there.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::error::StateError;

/// The main line of an execution, a branch of a Parallel state, or an iteration of a Map state.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct BranchRecord {
    /// The state it is in, or ended in.
    pub state: String,
    /// That state's input.
    pub input: Value,
    /// The variables of this branch's own scope.
    pub variables: Map<String, Value>,
    /// When the state was entered.
    pub entered: Timestamp,
    /// The branch's last history event.
    pub last_event: i64,
    /// How often each entry of the state's `Retry` was used.
    pub retries: Vec<u32>,
    /// What the state has begun and must go on with.
    pub progress: Progress,
    /// How the branch ended.
    pub outcome: Option<Outcome>,
}

/// What a state has begun.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Progress {
    /// Nothing: it runs from its beginning (again, after a crash).
    Entered,
    /// A Wait state waits.
    Waiting {
        /// Until when.
        until: Timestamp,
    },
    /// A failed attempt waits for its retry.
    Retrying {
        /// Until when.
        until: Timestamp,
    },
    /// A nested execution runs, or is just about to.
    Child {
        /// The child's ARN.
        arn: String,
        /// The state machine's ARN.
        machine: String,
        /// The child's name.
        name: String,
        /// The child's input.
        input: Value,
        /// When the task's time is over.
        deadline: Option<Timestamp>,
    },
    /// A build runs.
    Build {
        /// Its id.
        id: String,
        /// When the task's time is over.
        deadline: Option<Timestamp>,
    },
    /// The branches of a Parallel state run.
    Branches {
        /// What each of them got.
        input: Value,
    },
    /// The iterations of a Map state run.
    Items {
        /// The items.
        items: Vec<Value>,
        /// How many run at once.
        concurrency: usize,
    },
}

/// How a branch ended.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "type", content = "value", rename_all = "snake_case")]
pub enum Outcome {
    /// With an output.
    Succeeded(Value),
    /// With an error that nothing caught.
    Failed(StateError),
}
