//! The service as a whole: which executions run, how they are started, stopped, waited for and resumed.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::clock::{Clock, after};
use super::definition::Definition;
use super::execution::{Execution, Stop};
use super::store::{Created, NewEvent, Status, Store, StoreError, StoredExecution};
use super::{Integrations, LOG_TARGET, Machines, Options, StateMachine, api, state_machine_arn};
use crate::aws_error::AwsError;

/// How often executions that ended long ago are looked for.
const PRUNE_INTERVAL_SECONDS: f64 = 3600.0;
/// How many of them are removed in one transaction.
const PRUNE_BATCH: usize = 500;

/// The Step Functions service of one data folder. Dropping it leaves its executions to be resumed.
pub struct StepFunctions {
    pub(super) service: Arc<Service>,
}

/// What executions share.
pub(super) struct Service {
    pub store: Store,
    pub clock: Arc<dyn Clock>,
    pub region: String,
    pub account: String,
    pub machines: Machines,
    pub integrations: Integrations,
    /// Started with the service's opening, for `creationDate`.
    pub opened: i64,
    /// The most history events of one execution.
    pub most_events: i64,
    keep_finished_ms: i64,
    most_running: usize,
    running: Mutex<HashMap<String, Running>>,
    closing: CancellationToken,
    tasks: TaskTracker,
}

/// An execution that runs in this process.
struct Running {
    cancel: CancellationToken,
    stop: Arc<Mutex<Option<Stop>>>,
    ended: watch::Receiver<bool>,
}

/// A request to start an execution that passed the checks of its parts.
pub(super) struct Start {
    pub machine_arn: String,
    pub name: String,
    pub input: Value,
    /// The task that starts it, if one does.
    pub parent: Option<String>,
}

/// How an execution that was waited for stands.
pub(super) enum Ended {
    /// It ended.
    Yes(Box<StoredExecution>),
    /// There is none of that ARN.
    Unknown,
    /// Its records could not be written; it goes on after the next start.
    Suspended,
}

impl StepFunctions {
    /// Opens the folder's executions; nothing runs before [`StepFunctions::resume`] or a start.
    pub fn open(options: Options, machines: Vec<StateMachine>, integrations: Integrations) -> Result<Self, StoreError> {
        let store = Store::open(&options.folder)?;
        let machines =
            machines.into_iter().map(|machine| (state_machine_arn(&options.region, &options.account, &machine.name), machine)).collect();
        let service = Service {
            store,
            opened: options.clock.now().as_millisecond(),
            clock: options.clock,
            region: options.region,
            account: options.account,
            machines,
            integrations,
            keep_finished_ms: i64::try_from(options.keep_finished.as_millis()).unwrap_or(i64::MAX),
            most_running: options.most_running,
            most_events: options.most_events,
            running: Mutex::default(),
            closing: CancellationToken::new(),
            tasks: TaskTracker::new(),
        };
        Ok(Self { service: Arc::new(service) })
    }

    /// Goes on with the executions that a former process left running; gives how many. Functions must be callable.
    pub async fn resume(&self) -> Result<usize, StoreError> {
        let service = &self.service;
        let resumable = service.store.running().await?;
        let count = resumable.len();
        let mut executions = Vec::with_capacity(count);
        for (stored, branches) in resumable {
            if service.running().contains_key(&stored.arn) {
                continue;
            }
            executions.push((service.register(stored, true), branches));
        }
        // All are registered before the first runs, so that a parent finds its child.
        for ((execution, ended), branches) in executions {
            execution.restore(branches);
            service.spawn(execution, ended);
        }
        let pruner = Arc::clone(service);
        service.spawn_until_closed(async move {
            loop {
                pruner.prune().await;
                let next = after(pruner.clock.now(), PRUNE_INTERVAL_SECONDS);
                pruner.clock.sleep_until(next).await;
            }
        });
        Ok(count)
    }

    /// Answers an operation of the API, for example `StartExecution`, with its JSON body.
    pub async fn handle(&self, operation: &str, body: Bytes) -> Result<Value, AwsError> {
        api::handle(&self.service, operation, &body).await
    }

    /// Leaves every execution where it stands, to be resumed; returns once nothing of them runs in this process.
    ///
    /// To be called before the functions and the builds end: what they make of their end would be a task's failure.
    pub async fn close(&self) {
        self.service.closing.cancel();
        self.service.tasks.close();
        self.service.tasks.wait().await;
    }
}

impl Drop for StepFunctions {
    fn drop(&mut self) {
        self.service.closing.cancel();
    }
}

impl Service {
    fn running(&self) -> MutexGuard<'_, HashMap<String, Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn spawn_until_closed(&self, work: impl Future<Output = ()> + Send + 'static) {
        let closing = self.closing.clone();
        self.tasks.spawn(async move { closing.run_until_cancelled_owned(work).await });
    }

    /// Starts an execution; one that runs already with the same name and input is the answer to a repeated start.
    pub async fn start(self: &Arc<Self>, start: Start) -> Result<StoredExecution, AwsError> {
        let machine = self.machines.get(&start.machine_arn).ok_or_else(|| {
            AwsError::new(400, "StateMachineDoesNotExist", format!("State Machine Does Not Exist: '{}'", start.machine_arn))
        })?;
        let now = self.clock.now().as_millisecond();
        let input = start.input.to_string();
        let stored = StoredExecution {
            id: 0,
            arn: self.execution_arn(&machine.name, &start.name),
            machine: start.machine_arn,
            name: start.name,
            status: Status::Running,
            definition: machine.definition.text.clone(),
            input: input.clone(),
            output: None,
            error: None,
            cause: None,
            started: now,
            stopped: None,
            parent: start.parent.clone(),
            stop: None,
        };
        let event = NewEvent {
            kind: "ExecutionStarted".to_owned(),
            time: now,
            details: Some((
                "executionStartedEventDetails",
                json!({"input": input, "inputDetails": {"truncated": false}, "roleArn": machine.role_arn}),
            )),
        };
        match self.store.create(stored, event, self.most_running).await? {
            Created::New(stored) => {
                let (execution, ended) = self.register(stored.as_ref().clone(), false);
                self.spawn(execution, ended);
                Ok(*stored)
            }
            Created::Existing(existing) => {
                let ours = start.parent.is_some() && existing.parent == start.parent;
                let repeated = existing.status == Status::Running
                    && serde_json::from_str::<Value>(&existing.input).is_ok_and(|existing| existing == start.input);
                if ours || repeated {
                    return Ok(*existing);
                }
                Err(AwsError::new(400, "ExecutionAlreadyExists", format!("Execution Already Exists: '{}'", existing.arn)))
            }
            Created::TooMany => Err(AwsError::new(
                400,
                "ExecutionLimitExceeded",
                format!("{} executions run already, which is the most at once; wait for some to end.", self.most_running),
            )),
        }
    }

    /// The ARN of an execution of a state machine.
    pub fn execution_arn(&self, machine: &str, name: &str) -> String {
        format!("arn:aws:states:{}:{}:execution:{machine}:{name}", self.region, self.account)
    }

    fn register(self: &Arc<Self>, stored: StoredExecution, resumed: bool) -> (Arc<Execution>, watch::Sender<bool>) {
        let (ended, watch) = watch::channel(false);
        let known = self.machines.get(&stored.machine);
        let definition = match known {
            Some(machine) if machine.definition.text == stored.definition => Ok(Arc::clone(&machine.definition)),
            _ => Definition::load(&stored.definition).map(Arc::new).map_err(|problems| problems.to_string()),
        };
        let role_arn = known.map(|machine| machine.role_arn.clone()).unwrap_or_default();
        let execution = Arc::new(Execution::new(Arc::clone(self), stored, definition, role_arn, resumed));
        let running = Running { cancel: execution.cancel.clone(), stop: Arc::clone(&execution.stop), ended: watch };
        self.running().insert(execution.arn.clone(), running);
        (execution, ended)
    }

    fn spawn(self: &Arc<Self>, execution: Arc<Execution>, ended: watch::Sender<bool>) {
        let service = Arc::clone(self);
        self.spawn_until_closed(async move {
            let finished = execution.drive().await;
            service.running().remove(&execution.arn);
            ended.send_replace(finished);
        });
    }

    /// Waits until an execution has ended.
    pub async fn ended(&self, arn: &str) -> Result<Ended, StoreError> {
        let watch = self.running().get(arn).map(|running| running.ended.clone());
        if let Some(mut watch) = watch {
            // An error means that the execution's task is gone without a word: what the store says holds.
            let _ = watch.wait_for(|ended| *ended).await;
        }
        Ok(match self.store.get(arn).await? {
            None => Ended::Unknown,
            Some(stored) if stored.status == Status::Running => Ended::Suspended,
            Some(stored) => Ended::Yes(Box::new(stored)),
        })
    }

    /// Stops an execution that runs, and waits until it has; gives how it stands then, or `None` where there is none.
    pub async fn stop(&self, arn: &str, stop: Stop) -> Result<Option<StoredExecution>, StoreError> {
        let Some(stored) = self.store.get(arn).await? else { return Ok(None) };
        if stored.status != Status::Running {
            return Ok(Some(stored));
        }
        // On disk first, then looked for: an execution that is just starting reads the request after it is registered.
        self.store.request_stop(stored.id, stop.to_text()).await?;
        let token = self.running().get(arn).map(|running| {
            running.stop.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(stop);
            running.cancel.clone()
        });
        let Some(token) = token else { return Ok(self.store.get(arn).await?.or(Some(stored))) };
        token.cancel();
        match self.ended(arn).await? {
            Ended::Yes(ended) => Ok(Some(*ended)),
            Ended::Unknown | Ended::Suspended => Ok(Some(stored)),
        }
    }

    async fn prune(&self) {
        let before = self.clock.now().as_millisecond().saturating_sub(self.keep_finished_ms);
        loop {
            match self.store.prune(before, PRUNE_BATCH).await {
                Ok(PRUNE_BATCH) => {}
                Ok(_) => return,
                Err(error) => {
                    tracing::warn!(target: LOG_TARGET, %error, "old executions could not be removed");
                    return;
                }
            }
        }
    }
}

impl From<StoreError> for AwsError {
    fn from(error: StoreError) -> Self {
        tracing::error!(target: LOG_TARGET, %error, "an operation failed");
        Self::new(500, "InternalServerError", "The executions in the data folder cannot be read or written; the log has the reason.")
    }
}
