//! The interpreter's loop: a branch goes from state to state, and every step is on disk before the next begins.

use std::sync::Arc;

use futures::future::BoxFuture;
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;

use super::LOG_TARGET;
use super::clock::after;
use super::definition::{Choice, Graph, Kind, Next, State, Wait};
use super::error::{DATA_LIMIT_EXCEEDED, NO_CHOICE_MATCHED, QUERY_EVALUATION, RUNTIME, StateError, within_limit};
use super::execution::Execution;
use super::expression::{Scope, Template, type_name};
use super::record::{BranchRecord, Outcome, Progress};
use super::retry;
use super::store::{NewEvent, StoreError};

/// Why a branch did not come to its output.
#[derive(Debug)]
pub(super) enum Halt {
    /// An error that nothing caught.
    Failed(StateError),
    /// It was told to stop: the execution is stopping, or a sibling failed.
    Aborted,
    /// The store failed; what is on disk is resumed at the next start.
    Suspended(StoreError),
}

impl From<StateError> for Halt {
    fn from(error: StateError) -> Self {
        Self::Failed(error)
    }
}

impl From<StoreError> for Halt {
    fn from(error: StoreError) -> Self {
        Self::Suspended(error)
    }
}

/// The iteration of a Map state that a branch is.
#[derive(Debug, Clone)]
pub(super) struct Iteration {
    /// The Map state's name.
    pub map: String,
    /// Which item.
    pub index: usize,
    /// The item.
    pub value: Value,
}

/// The main line of an execution, a branch of a Parallel state, or an iteration of a Map state.
pub(super) struct Branch {
    pub execution: Arc<Execution>,
    pub path: String,
    pub cancel: CancellationToken,
    pub record: BranchRecord,
    /// The iteration that this branch is, or is inside of.
    iteration: Option<Iteration>,
    /// Whether it is the iteration itself.
    is_iteration: bool,
    graph: Arc<Graph>,
    /// The variables of the scopes around this one.
    outer: Arc<Map<String, Value>>,
    pending: Vec<NewEvent>,
    /// The last event of the branch around this one: what its first event follows.
    parent_event: i64,
}

/// How a state is left.
struct Exit {
    next: Option<String>,
    output: Value,
    assigned: Map<String, Value>,
    /// Whether a catcher leads out of it.
    caught: bool,
}

impl Branch {
    /// The main line of an execution.
    pub fn main(execution: Arc<Execution>, graph: Arc<Graph>, input: Value) -> Self {
        let cancel = execution.cancel.clone();
        // The execution's first event is its start.
        Self::load(execution, graph, "0".to_owned(), input, 1, Arc::default(), None, cancel)
    }

    /// A branch below this one, at a place in its order.
    pub fn child(&self, index: usize, graph: Arc<Graph>, input: Value, iteration: Option<Iteration>, cancel: CancellationToken) -> Self {
        let is_iteration = iteration.is_some();
        let iteration = iteration.or_else(|| self.iteration.clone());
        let path = self.child_path(index);
        let outer = Arc::new(self.variables());
        let branch = Self::load(Arc::clone(&self.execution), graph, path, input, self.record.last_event, outer, iteration, cancel);
        Self { is_iteration, ..branch }
    }

    /// The path of the branch at a place in this one's order.
    pub fn child_path(&self, index: usize) -> String {
        format!("{}/{index}", self.path)
    }

    #[allow(clippy::too_many_arguments, reason = "the one place that puts a branch together")]
    fn load(
        execution: Arc<Execution>,
        graph: Arc<Graph>,
        path: String,
        input: Value,
        parent_event: i64,
        outer: Arc<Map<String, Value>>,
        iteration: Option<Iteration>,
        cancel: CancellationToken,
    ) -> Self {
        let record = execution.take_record(&path).unwrap_or_else(|| BranchRecord {
            state: String::new(),
            input,
            variables: Map::new(),
            entered: Timestamp::UNIX_EPOCH,
            last_event: parent_event,
            retries: Vec::new(),
            progress: Progress::Entered,
            outcome: None,
        });
        Self { execution, path, cancel, record, iteration, is_iteration: false, graph, outer, pending: Vec::new(), parent_event }
    }

    /// The number of this branch's last event.
    pub fn last_event(&self) -> i64 {
        self.record.last_event.max(self.parent_event)
    }

    /// Runs from where the branch stands to its end; gives its output.
    pub fn run(&mut self) -> BoxFuture<'_, Result<Value, Halt>> {
        Box::pin(self.run_states())
    }

    async fn run_states(&mut self) -> Result<Value, Halt> {
        match self.record.outcome.clone() {
            Some(Outcome::Succeeded(output)) => return Ok(output),
            Some(Outcome::Failed(error)) => return Err(Halt::Failed(error)),
            None => {}
        }
        if self.record.state.is_empty() {
            if self.cancel.is_cancelled() {
                return Err(Halt::Aborted);
            }
            self.iteration_event("Started", None);
            let (start, input) = (self.graph.start_at.clone(), self.record.input.clone());
            self.enter(start, input, false).await?;
        }
        loop {
            let Some(state) = self.graph.states.get(&self.record.state).cloned() else {
                let error = StateError::runtime(format!("The state '{}' does not exist.", self.record.state));
                return self.fail(error).await;
            };
            let exit = match self.attempt(&state).await {
                Ok(exit) => exit,
                Err(Halt::Failed(error)) => match self.recover(&state, error).await? {
                    Recovery::Retry => continue,
                    Recovery::Catch(exit) => exit,
                    Recovery::Fail(error) => return self.fail(error).await,
                },
                Err(Halt::Aborted) => return self.abort(&state).await,
                Err(suspended) => return Err(suspended),
            };
            if let Some(output) = self.leave(&state, exit).await? {
                return Ok(output);
            }
        }
    }

    /// One attempt at the current state, after the wait for its retry where there is one.
    async fn attempt(&mut self, state: &State) -> Result<Exit, Halt> {
        let begun = !matches!(self.record.progress, Progress::Entered | Progress::Waiting { .. } | Progress::Retrying { .. });
        if self.cancel.is_cancelled() && !begun {
            // What has begun something outside is entered once more, to end that too.
            return Err(Halt::Aborted);
        }
        if let Progress::Retrying { until } = self.record.progress {
            self.sleep_until(until).await?;
            self.record.progress = Progress::Entered;
        }
        match &state.kind {
            Kind::Pass | Kind::Succeed => Ok(self.conclude(state, None)?),
            Kind::Fail { error, cause } => Err(Halt::Failed(self.failure(error.as_ref(), cause.as_ref())?)),
            Kind::Choice(choice) => Ok(self.choose(state, choice)?),
            Kind::Wait(wait) => {
                self.wait(wait).await?;
                Ok(self.conclude(state, None)?)
            }
            Kind::Task(task) => {
                let result = self.task(task).await?;
                Ok(self.conclude(state, Some(result))?)
            }
            Kind::Parallel { branches, arguments } => {
                let results = self.parallel(branches, arguments.as_ref()).await?;
                Ok(self.conclude(state, Some(results))?)
            }
            Kind::Map(map) => {
                let results = self.map(map).await?;
                Ok(self.conclude(state, Some(results))?)
            }
        }
    }

    fn failure(&self, error: Option<&Template>, cause: Option<&Template>) -> Result<StateError, StateError> {
        let scope = self.scope(&[]);
        let text = |template: Option<&Template>, field: &str| {
            template.map(|template| template.evaluate_as(&scope, field, "string", |value| value.as_str().map(str::to_owned))).transpose()
        };
        Ok(StateError { error: text(error, "Error")?, cause: text(cause, "Cause")? })
    }

    async fn wait(&mut self, wait: &Wait) -> Result<(), Halt> {
        let until = if let Progress::Waiting { until } = self.record.progress {
            until
        } else {
            let scope = self.scope(&[]);
            let until = match wait {
                Wait::Seconds(seconds) => {
                    let seconds = seconds.evaluate_as(&scope, "Seconds", "number from 0 to 99999999", |value| {
                        value.as_f64().filter(|seconds| (0.0..=99_999_999.0).contains(seconds))
                    })?;
                    after(self.now(), seconds)
                }
                Wait::Timestamp(time) => {
                    time.evaluate_as(&scope, "Timestamp", "RFC 3339 timestamp", |value| value.as_str()?.parse::<Timestamp>().ok())?
                }
            };
            self.record.progress = Progress::Waiting { until };
            self.commit(false).await?;
            until
        };
        self.sleep_until(until).await
    }

    fn choose(&self, state: &State, choice: &Choice) -> Result<Exit, StateError> {
        let scope = self.scope(&[]);
        for (index, rule) in choice.rules.iter().enumerate() {
            let field = |name: &str| format!("Choices[{index}]/{name}");
            if rule.condition.evaluate_as(&scope, &field("Condition"), "boolean", Value::as_bool)? {
                let names = (field("Assign"), field("Output"));
                let (assigned, output) = outcome(&scope, rule.assign.as_ref(), rule.output.as_ref(), (&names.0, &names.1))?;
                return Ok(Exit {
                    next: Some(rule.next.clone()),
                    output: output.unwrap_or_else(|| self.record.input.clone()),
                    assigned,
                    caught: false,
                });
            }
        }
        let Some(default) = &choice.default else {
            return Err(StateError::new(NO_CHOICE_MATCHED, "No rule of the Choice state matched, and it has no Default."));
        };
        Ok(Exit { next: Some(default.clone()), ..self.conclude(state, None)? })
    }

    /// Evaluates `Assign` and `Output`; what is passed on without `Output` is the result, or else the input.
    fn conclude(&self, state: &State, result: Option<Value>) -> Result<Exit, StateError> {
        let default = match &result {
            Some(result) => {
                within_limit(result, "The state's result")?;
                result.clone()
            }
            None => self.record.input.clone(),
        };
        let extras: Vec<_> = result.map(|result| ("result", result)).into_iter().collect();
        let (assigned, output) = outcome(&self.scope(&extras), state.assign.as_ref(), state.output.as_ref(), ("Assign", "Output"))?;
        let next = if let Next::State(next) = &state.next { Some(next.clone()) } else { None };
        Ok(Exit { next, output: output.unwrap_or(default), assigned, caught: false })
    }

    /// What an error of the current state leads to.
    async fn recover(&mut self, state: &State, error: StateError) -> Result<Recovery, Halt> {
        let error = self.explained(error);
        if matches!(state.kind, Kind::Parallel { .. } | Kind::Map(_)) {
            self.event(&format!("{}StateFailed", state.kind.name()), None);
        }
        if error.error.as_deref() == Some(QUERY_EVALUATION) {
            let mut details = error.details();
            details["state"] = json!(self.record.state);
            self.event("EvaluationFailed", Some(("evaluationFailedEventDetails", details)));
        }
        if let Some((index, retrier)) = retry::find(&state.retry, &self.record.retries, &error) {
            self.record.retries.resize(state.retry.len(), 0);
            self.record.retries[index] += 1;
            let until = after(self.now(), retry::delay_seconds(retrier, self.record.retries[index]));
            self.record.progress = Progress::Retrying { until };
            self.log("retrying", Some(&error));
            self.commit(true).await?;
            return Ok(Recovery::Retry);
        }
        let catcher = state.catch.iter().find(|catcher| catcher.error_equals.iter().any(|pattern| error.matches(pattern)));
        let Some(catcher) = catcher else {
            self.log("failed", Some(&error));
            return Ok(Recovery::Fail(error));
        };
        let document = error.document();
        let scope = self.scope(&[("errorOutput", document.clone())]);
        match outcome(&scope, catcher.assign.as_ref(), catcher.output.as_ref(), ("Catch/Assign", "Catch/Output")) {
            Ok((assigned, output)) => {
                self.log("caught", Some(&error));
                Ok(Recovery::Catch(Exit { next: Some(catcher.next.clone()), output: output.unwrap_or(document), assigned, caught: true }))
            }
            Err(second) => Ok(Recovery::Fail(self.explained(second))),
        }
    }

    /// The error with the state's name in its cause, where the interpreter itself raised it here.
    fn explained(&self, mut error: StateError) -> StateError {
        const INTRODUCTION: &str = "An error occurred while executing the state '";
        let ours = matches!(error.error.as_deref(), Some(QUERY_EVALUATION | DATA_LIMIT_EXCEEDED | NO_CHOICE_MATCHED | RUNTIME));
        if let Some(cause) = &mut error.cause
            && ours
            && !cause.starts_with(INTRODUCTION)
        {
            *cause = format!("{INTRODUCTION}{}'. {cause}", self.record.state);
        }
        error
    }

    /// Enters a state.
    async fn enter(&mut self, name: String, input: Value, clear_children: bool) -> Result<(), Halt> {
        let kind = self.graph.states.get(&name).map_or("Unknown", |state| state.kind.name());
        self.record.state = name;
        self.record.input = input;
        self.record.entered = self.now();
        self.record.retries.clear();
        self.record.progress = Progress::Entered;
        let details = json!({
            "name": self.record.state,
            "input": self.record.input.to_string(),
            "inputDetails": {"truncated": false},
        });
        self.event(&format!("{kind}StateEntered"), Some(("stateEnteredEventDetails", details)));
        self.log("entered", None);
        self.commit(clear_children).await
    }

    /// Leaves the current state; gives the output where that was the last one.
    async fn leave(&mut self, state: &State, exit: Exit) -> Result<Option<Value>, Halt> {
        let mut details = json!({
            "name": self.record.state,
            "output": exit.output.to_string(),
            "outputDetails": {"truncated": false},
        });
        if !exit.assigned.is_empty() {
            let assigned = exit.assigned.iter().map(|(name, value)| (name.clone(), Value::String(value.to_string()))).collect();
            details["assignedVariables"] = Value::Object(assigned);
            details["assignedVariablesDetails"] = json!({"truncated": false});
        }
        if matches!(state.kind, Kind::Parallel { .. } | Kind::Map(_)) && !exit.caught {
            self.event(&format!("{}StateSucceeded", state.kind.name()), None);
        }
        self.event(&format!("{}StateExited", state.kind.name()), Some(("stateExitedEventDetails", details)));
        self.log("left", None);
        self.record.variables.extend(exit.assigned);
        match exit.next {
            Some(next) => {
                let most_events = self.execution.service.most_events;
                if self.last_event() >= most_events {
                    let cause = format!("The execution reached the maximum number of history events ({most_events}).");
                    return self.fail(StateError::runtime(cause)).await.map(Some);
                }
                self.enter(next, exit.output, true).await?;
                Ok(None)
            }
            None => {
                self.iteration_event("Succeeded", None);
                self.record.progress = Progress::Entered;
                self.record.outcome = Some(Outcome::Succeeded(exit.output.clone()));
                self.commit(true).await?;
                Ok(Some(exit.output))
            }
        }
    }

    async fn fail(&mut self, error: StateError) -> Result<Value, Halt> {
        self.iteration_event("Failed", Some(&error));
        self.record.outcome = Some(Outcome::Failed(error.clone()));
        self.commit(true).await?;
        Err(Halt::Failed(error))
    }

    async fn abort(&mut self, state: &State) -> Result<Value, Halt> {
        if matches!(state.kind, Kind::Task(_) | Kind::Wait(_) | Kind::Parallel { .. } | Kind::Map(_)) {
            self.event(&format!("{}StateAborted", state.kind.name()), None);
        }
        self.iteration_event("Aborted", None);
        self.log("aborted", None);
        self.commit(false).await?;
        Err(Halt::Aborted)
    }

    /// The time of day.
    pub fn now(&self) -> Timestamp {
        self.execution.service.clock.now()
    }

    /// Waits, unless and until the branch is told to stop.
    pub async fn sleep_until(&self, until: Timestamp) -> Result<(), Halt> {
        let sleep = self.execution.service.clock.sleep_until(until);
        tokio::select! {
            biased;
            () = self.cancel.cancelled() => Err(Halt::Aborted),
            () = sleep => Ok(()),
        }
    }

    /// Every variable that is visible in this branch.
    fn variables(&self) -> Map<String, Value> {
        let mut variables = self.outer.as_ref().clone();
        variables.extend(self.record.variables.clone());
        variables
    }

    /// What expressions of the current state can name, with further members of `$states`.
    pub fn scope(&self, extras: &[(&str, Value)]) -> Scope {
        let mut context = self.execution.context();
        context.insert(
            "State".to_owned(),
            json!({
                "EnteredTime": format!("{:.3}", self.record.entered),
                "Name": self.record.state,
                "RetryCount": self.record.retries.iter().sum::<u32>(),
            }),
        );
        if let Some(iteration) = &self.iteration {
            context.insert("Map".to_owned(), iteration.context());
        }
        let mut states = Map::new();
        states.insert("input".to_owned(), self.record.input.clone());
        states.insert("context".to_owned(), Value::Object(context));
        states.extend(extras.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
        Scope { states, variables: self.variables() }
    }

    /// Notes an event, which [`Branch::commit`] writes.
    pub fn event(&mut self, kind: &str, details: Option<(&'static str, Value)>) {
        let time = self.now().as_millisecond();
        self.pending.push(NewEvent { kind: kind.to_owned(), time, details });
    }

    fn iteration_event(&mut self, what: &str, error: Option<&StateError>) {
        let Some(iteration) = self.iteration.as_ref().filter(|_| self.is_iteration) else { return };
        let member = match what {
            "Started" => "mapIterationStartedEventDetails",
            "Succeeded" => "mapIterationSucceededEventDetails",
            "Failed" => "mapIterationFailedEventDetails",
            _ => "mapIterationAbortedEventDetails",
        };
        let mut details = json!({"name": iteration.map, "index": iteration.index});
        if let (Some(error), Value::Object(details)) = (error, &mut details)
            && let Value::Object(error) = error.details()
        {
            details.extend(error);
        }
        self.event(&format!("MapIteration{what}"), Some((member, details)));
    }

    /// Puts the branch's record and its new events on disk.
    pub async fn commit(&mut self, clear_children: bool) -> Result<(), Halt> {
        if clear_children {
            self.execution.forget_children(&self.path);
        }
        let (store, row) = (&self.execution.service.store, self.execution.row());
        let events = std::mem::take(&mut self.pending);
        self.record.last_event = store.save_branch(row, self.path.clone(), self.record.clone(), events, clear_children).await?;
        Ok(())
    }

    /// Tells the log what the current state came to.
    fn log(&self, change: &'static str, error: Option<&StateError>) {
        let iteration = self.iteration.as_ref().map(|iteration| iteration.index);
        let duration_ms = (change != "entered").then(|| self.now().as_millisecond() - self.record.entered.as_millisecond());
        tracing::info!(
            target: LOG_TARGET,
            execution = self.execution.name(),
            machine = self.execution.machine_name(),
            state = self.record.state,
            change,
            iteration,
            duration_ms,
            error = error.and_then(|error| error.error.as_deref()),
            cause = error.and_then(|error| error.cause.as_deref()),
            "state {change}"
        );
    }
}

impl Iteration {
    /// `$states.context.Map`.
    pub fn context(&self) -> Value {
        json!({"Item": {"Index": self.index, "Value": self.value}})
    }
}

enum Recovery {
    Retry,
    Catch(Exit),
    Fail(StateError),
}

/// Evaluates an `Assign` and an `Output`, neither of which sees what the other does; `fields` names them in errors.
fn outcome(
    scope: &Scope,
    assign: Option<&Template>,
    output: Option<&Template>,
    fields: (&str, &str),
) -> Result<(Map<String, Value>, Option<Value>), StateError> {
    let assigned = match assign.map(|assign| assign.evaluate(scope, fields.0)).transpose()? {
        None => Map::new(),
        Some(Value::Object(assigned)) => assigned,
        Some(other) => return Err(StateError::query(format!("The field '{}' must be an object, not {}.", fields.0, type_name(&other)))),
    };
    for (name, value) in &assigned {
        within_limit(value, &format!("The variable '{name}'"))?;
    }
    let output = output.map(|output| output.evaluate(scope, fields.1)).transpose()?;
    if let Some(output) = &output {
        within_limit(output, "The state's output")?;
    }
    Ok((assigned, output))
}
