//! Step Functions: runs state machines written in Amazon States Language with JSONata, and keeps every step on disk.
//!
//! [`StepFunctions::open`] takes the template's state machines; [`StepFunctions::resume`] goes on with what a former
//! process left behind; [`StepFunctions::handle`] answers the API. A Task that was in flight when the process ended
//! runs again (at least once), a Wait keeps its deadline, a nested execution is attached to, not started anew.
//!
//! Each step is told to `tracing` under the target [`LOG_TARGET`], with the fields `execution`, `machine`, `state` (or
//! none, for the execution itself), `change` (`entered`, `left`, `retrying`, `caught`, `failed`, `aborted`, `started`,
//! `resumed`, `succeeded`, `timed_out`), `duration_ms` where something ended, `error` and `cause` where it failed.
//!
//! Not here: JSONPath, distributed Map, activities and task tokens, Express workflows, versions and aliases, redrive,
//! and every service integration but those of [`definition::Resource`]. A definition that uses them is refused.

mod api;
pub mod clock;
pub mod definition;
pub mod error;
mod execution;
mod expression;
mod functions;
mod parse;
mod record;
mod retry;
mod run;
mod run_child;
mod run_group;
mod run_task;
mod service;
mod store;
#[cfg(test)]
mod tests;
mod validate;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

pub use service::StepFunctions;
pub use store::StoreError;

use self::clock::{Clock, SystemClock};
use self::definition::Definition;
use crate::code_build::CodeBuild;
use crate::invoke::Invoke;
use crate::rights::Rights;

/// The `tracing` target of the lines about executions.
pub const LOG_TARGET: &str = "step_functions";

/// A state machine of the template.
#[derive(Debug, Clone)]
pub struct StateMachine {
    /// Its name.
    pub name: String,
    /// The ARN of the role that it runs as.
    pub role_arn: String,
    /// What it does.
    pub definition: Arc<Definition>,
}

/// How the service is set up.
pub struct Options {
    /// The folder of its files, made if it does not exist.
    pub folder: PathBuf,
    /// The region in ARNs.
    pub region: String,
    /// The account in ARNs.
    pub account: String,
    /// How long an execution that ended is kept.
    pub keep_finished: Duration,
    /// The most executions that run at once; a further start is `ExecutionLimitExceeded`.
    pub most_running: usize,
    /// The most history events of one execution, so that one that loops for ever ends.
    pub most_events: i64,
    /// Where time comes from.
    pub clock: Arc<dyn Clock>,
}

impl Options {
    /// The usual set-up over a folder: ten thousand executions at once, and as on Step Functions 90 days and 25,000
    /// events.
    pub fn new(folder: impl Into<PathBuf>, region: impl Into<String>, account: impl Into<String>) -> Self {
        const DAY: Duration = Duration::from_secs(24 * 60 * 60);
        Self {
            folder: folder.into(),
            region: region.into(),
            account: account.into(),
            keep_finished: DAY * 90,
            most_running: 10_000,
            most_events: 25_000,
            clock: Arc::new(SystemClock),
        }
    }
}

/// What the state machines' tasks call.
pub struct Integrations {
    /// Runs functions.
    pub invoke: Arc<dyn Invoke>,
    /// Runs builds.
    pub builds: Arc<CodeBuild>,
    /// What the state machines' roles may do.
    pub rights: Arc<Rights>,
}

/// The ARN of a state machine.
pub fn state_machine_arn(region: &str, account: &str, name: &str) -> String {
    format!("arn:aws:states:{region}:{account}:stateMachine:{name}")
}

/// The state machines by ARN.
type Machines = BTreeMap<String, StateMachine>;

fn random_uuid() -> String {
    uuid::Builder::from_random_bytes(functions::random_bytes()).into_uuid().to_string()
}
