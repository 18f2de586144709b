//! One execution, from its start (or its resumption) to its end.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;

use super::LOG_TARGET;
use super::clock::after;
use super::definition::Definition;
use super::error::{StateError, TIMEOUT};
use super::record::BranchRecord;
use super::run::{Branch, Halt};
use super::service::Service;
use super::store::{End, NewEvent, Status, StoreError, StoredExecution};
use crate::rights::{Needed, Refused};

/// Why an execution is to stop before its states do.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Stop {
    /// What it becomes: aborted or timed out.
    pub status: Status,
    /// The error to show.
    pub error: Option<String>,
    /// The cause to show.
    pub cause: Option<String>,
}

impl Stop {
    /// The request as it is stored.
    pub fn to_text(&self) -> String {
        json!(self).to_string()
    }
}

/// An execution that runs in this process.
pub(super) struct Execution {
    pub service: Arc<Service>,
    pub arn: String,
    pub cancel: CancellationToken,
    pub stop: Arc<Mutex<Option<Stop>>>,
    stored: StoredExecution,
    definition: Result<Arc<Definition>, String>,
    role_arn: String,
    input: Value,
    started: Timestamp,
    resumed: bool,
    /// Branches of a former process that have not been taken up yet, or why they could not be read.
    left_behind: Mutex<Result<HashMap<String, BranchRecord>, String>>,
}

impl Execution {
    /// Refuses what the state machine's role may not do.
    pub fn may(&self, needed: &[Needed]) -> Result<(), Refused> {
        let name = self.stored.machine.rsplit(':').next().unwrap_or_default();
        self.service.integrations.rights.check_as(name, &self.role_arn, needed)
    }

    /// An execution over its stored record. A definition that can no longer be read makes it fail with that reason.
    pub fn new(
        service: Arc<Service>,
        stored: StoredExecution,
        definition: Result<Arc<Definition>, String>,
        role_arn: String,
        resumed: bool,
    ) -> Self {
        Self {
            service,
            arn: stored.arn.clone(),
            cancel: CancellationToken::new(),
            stop: Arc::default(),
            input: serde_json::from_str(&stored.input).unwrap_or(Value::Null),
            started: Timestamp::from_millisecond(stored.started).unwrap_or_default(),
            stored,
            definition,
            role_arn,
            resumed,
            left_behind: Mutex::new(Ok(HashMap::new())),
        }
    }

    /// Takes up the branches of a former process, or notes why they cannot be read.
    pub fn restore(&self, branches: Result<Vec<(String, BranchRecord)>, StoreError>) {
        *self.left_behind() = branches.map(|branches| branches.into_iter().collect()).map_err(|error| error.to_string());
    }

    fn left_behind(&self) -> MutexGuard<'_, Result<HashMap<String, BranchRecord>, String>> {
        self.left_behind.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The record of a branch that a former process left behind, for the one that goes on with it.
    pub fn take_record(&self, path: &str) -> Option<BranchRecord> {
        self.left_behind().as_mut().ok()?.remove(path)
    }

    /// Whether a former process left a branch behind of which `test` holds.
    pub fn has_record(&self, path: &str, test: impl Fn(&BranchRecord) -> bool) -> bool {
        self.left_behind().as_ref().is_ok_and(|records| records.get(path).is_some_and(test))
    }

    /// Forgets the branches below one, which start anew.
    pub fn forget_children(&self, path: &str) {
        let prefix = format!("{path}/");
        if let Ok(records) = self.left_behind().as_mut() {
            records.retain(|path, _| !path.starts_with(&prefix));
        }
    }

    /// The number of the execution's row in the store.
    pub fn row(&self) -> i64 {
        self.stored.id
    }

    /// The execution's name, for log lines.
    pub fn name(&self) -> &str {
        &self.stored.name
    }

    /// The state machine's name.
    pub fn machine_name(&self) -> &str {
        self.stored.machine.rsplit(':').next().unwrap_or_default()
    }

    /// `$states.context` without what the state adds to it.
    pub fn context(&self) -> Map<String, Value> {
        let context = json!({
            "Execution": {
                "Id": self.arn,
                "Input": self.input,
                "Name": self.stored.name,
                "RoleArn": self.role_arn,
                "StartTime": format!("{:.3}", self.started),
                "RedriveCount": 0,
            },
            "StateMachine": {"Id": self.stored.machine, "Name": self.machine_name()},
        });
        match context {
            Value::Object(context) => context,
            _ => Map::new(),
        }
    }

    /// Runs to the end, however it comes; `false` when the store failed and the rest must wait for the next start.
    pub async fn drive(self: &Arc<Self>) -> bool {
        let change = if self.resumed { "resumed" } else { "started" };
        tracing::info!(target: LOG_TARGET, execution = self.name(), machine = self.machine_name(), change, "execution {change}");
        match self.drive_to_end().await {
            Ok(()) => true,
            Err(error) => {
                tracing::error!(target: LOG_TARGET, execution = self.name(), machine = self.machine_name(), %error,
                    "execution suspended until the next start");
                false
            }
        }
    }

    async fn drive_to_end(self: &Arc<Self>) -> Result<(), StoreError> {
        self.take_stop_request().await?;
        let (outcome, last_event) = self.run().await?;
        let now = self.service.clock.now().as_millisecond();
        let mut end = End { status: Status::Succeeded, output: None, error: None, cause: None, stopped: now };
        let (kind, details) = match outcome {
            Ok(output) => {
                let output = output.to_string();
                end.output = Some(output.clone());
                ("Succeeded", ("executionSucceededEventDetails", json!({"output": output, "outputDetails": {"truncated": false}})))
            }
            Err(stop) => {
                end.status = stop.status;
                let details = StateError { error: stop.error.clone(), cause: stop.cause.clone() }.details();
                (end.error, end.cause) = (stop.error, stop.cause);
                match stop.status {
                    Status::Aborted => ("Aborted", ("executionAbortedEventDetails", details)),
                    Status::TimedOut => ("TimedOut", ("executionTimedOutEventDetails", details)),
                    _ => ("Failed", ("executionFailedEventDetails", details)),
                }
            }
        };
        let event = NewEvent { kind: format!("Execution{kind}"), time: now, details: Some(details) };
        self.service.store.finish(self.stored.id, end.clone(), last_event, event).await?;
        let change = end.status.as_str().to_lowercase();
        tracing::info!(
            target: LOG_TARGET,
            execution = self.name(),
            machine = self.machine_name(),
            change,
            duration_ms = now - self.stored.started,
            error = end.error,
            cause = end.cause,
            "execution {change}"
        );
        Ok(())
    }

    async fn take_stop_request(&self) -> Result<(), StoreError> {
        let stored = self.service.store.get(&self.arn).await?;
        if let Some(stop) = stored.and_then(|stored| stored.stop).and_then(|stop| serde_json::from_str(&stop).ok()) {
            self.stop_slot().get_or_insert(stop);
            self.cancel.cancel();
        }
        Ok(())
    }

    fn stop_slot(&self) -> MutexGuard<'_, Option<Stop>> {
        self.stop.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs the main line; gives its output, or why there is none, and its last event.
    async fn run(self: &Arc<Self>) -> Result<(Result<Value, Stop>, i64), StoreError> {
        let failed = |error: StateError| Stop { status: Status::Failed, error: error.error, cause: error.cause };
        let unreadable = self.left_behind().as_ref().err().cloned();
        let definition = match (&self.definition, unreadable) {
            (Ok(definition), None) => Arc::clone(definition),
            (Err(reason), _) => return Ok((Err(failed(StateError::runtime(format!("The definition cannot be run: {reason}")))), 1)),
            (_, Some(reason)) => return Ok((Err(failed(StateError::runtime(format!("The execution cannot be resumed: {reason}")))), 1)),
        };
        let mut branch = Branch::main(Arc::clone(self), Arc::clone(&definition.graph), self.input.clone());
        let outcome = {
            let run = branch.run();
            tokio::pin!(run);
            match definition.timeout_seconds {
                None => run.await,
                Some(seconds) => {
                    let deadline = after(self.started, seconds as f64);
                    tokio::select! {
                        outcome = &mut run => outcome,
                        () = self.service.clock.sleep_until(deadline) => {
                            self.time_out(seconds).await?;
                            run.await
                        }
                    }
                }
            }
        };
        let outcome = match outcome {
            Ok(output) => Ok(output),
            Err(Halt::Failed(error)) => Err(failed(error)),
            Err(Halt::Suspended(error)) => return Err(error),
            Err(Halt::Aborted) => {
                let aborted = Stop { status: Status::Aborted, error: None, cause: None };
                Err(self.stop_slot().clone().unwrap_or(aborted))
            }
        };
        Ok((outcome, branch.last_event()))
    }

    async fn time_out(&self, seconds: u64) -> Result<(), StoreError> {
        let cause = format!("The execution did not end within the state machine's TimeoutSeconds of {seconds}.");
        let stop = Stop { status: Status::TimedOut, error: Some(TIMEOUT.to_owned()), cause: Some(cause) };
        self.service.store.request_stop(self.stored.id, stop.to_text()).await?;
        self.stop_slot().get_or_insert(stop);
        self.cancel.cancel();
        Ok(())
    }
}
