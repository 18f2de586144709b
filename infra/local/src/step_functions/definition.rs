//! A state machine's definition, as the interpreter runs it. [`Definition::load`] reads Amazon States Language.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use super::expression::Template;
use super::{parse, validate};

/// A definition that passed every check.
#[derive(Debug, Clone)]
pub struct Definition {
    /// The states, from the one the execution begins in.
    pub graph: Arc<Graph>,
    /// The longest duration of an execution, in seconds.
    pub timeout_seconds: Option<u64>,
    /// The text that it was read from, kept with every execution that runs it.
    pub text: String,
}

/// States and the one to begin in: of the whole machine, of a branch, or of a Map's processor.
#[derive(Debug, Clone, Default)]
pub struct Graph {
    /// The first state's name.
    pub start_at: String,
    /// Every state by name.
    pub states: BTreeMap<String, Arc<State>>,
}

/// One state.
#[derive(Debug, Clone)]
pub struct State {
    /// What it does.
    pub kind: Kind,
    /// Variables to set when it ends well: always an object.
    pub assign: Option<Template>,
    /// What it passes on, where that is not its result.
    pub output: Option<Template>,
    /// Where it leads.
    pub next: Next,
    /// What to do about errors: of Task, Parallel and Map.
    pub retry: Vec<Retrier>,
    /// Where to go on errors that are not retried: of Task, Parallel and Map.
    pub catch: Vec<Catcher>,
}

/// Where a state leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// To another state.
    State(String),
    /// To the end of the execution, branch or iteration.
    End,
    /// It depends (Choice), or nowhere (Succeed, Fail).
    None,
}

/// The kinds of state with their own fields.
#[derive(Debug, Clone)]
pub enum Kind {
    /// Calls a service.
    Task(Task),
    /// Takes the first rule whose condition holds.
    Choice(Choice),
    /// Passes its input on, or its `Output`.
    Pass,
    /// Waits for a time.
    Wait(Wait),
    /// Ends well.
    Succeed,
    /// Ends with an error.
    Fail {
        /// The error's name.
        error: Option<Template>,
        /// The error's cause.
        cause: Option<Template>,
    },
    /// Runs several branches at once.
    Parallel {
        /// The branches, in the order of their results.
        branches: Vec<Arc<Graph>>,
        /// What each branch gets, where that is not the state's input.
        arguments: Option<Template>,
    },
    /// Runs the same states for each item.
    Map(Map),
}

impl Kind {
    /// The value of `Type`, which is also the stem of the history events' names.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Task(_) => "Task",
            Self::Choice(_) => "Choice",
            Self::Pass => "Pass",
            Self::Wait(_) => "Wait",
            Self::Succeed => "Succeed",
            Self::Fail { .. } => "Fail",
            Self::Parallel { .. } => "Parallel",
            Self::Map(_) => "Map",
        }
    }
}

/// A call of a service.
#[derive(Debug, Clone)]
pub struct Task {
    /// Which.
    pub resource: Resource,
    /// The call's arguments: always an object once evaluated.
    pub arguments: Template,
    /// How long it may take, in seconds.
    pub timeout_seconds: Option<Template>,
}

/// The service integrations that exist here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resource {
    /// Invokes a function and waits for its answer.
    LambdaInvoke,
    /// Starts an execution and waits for its end; the output arrives parsed.
    StartExecutionSync,
    /// Starts a build and waits for its end.
    StartBuildSync,
}

impl Resource {
    /// Every integration.
    pub const ALL: [Self; 3] = [Self::LambdaInvoke, Self::StartExecutionSync, Self::StartBuildSync];

    /// The `Resource` field's text.
    pub fn arn(self) -> &'static str {
        match self {
            Self::LambdaInvoke => "arn:aws:states:::lambda:invoke",
            Self::StartExecutionSync => "arn:aws:states:::states:startExecution.sync:2",
            Self::StartBuildSync => "arn:aws:states:::codebuild:startBuild.sync",
        }
    }

    /// `resourceType` and `resource` of the history's task events.
    pub fn event_names(self) -> (&'static str, &'static str) {
        match self {
            Self::LambdaInvoke => ("lambda", "invoke"),
            Self::StartExecutionSync => ("states", "startExecution.sync:2"),
            Self::StartBuildSync => ("codebuild", "startBuild.sync"),
        }
    }

    /// The arguments that are understood; the first is required.
    pub fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::LambdaInvoke => &["FunctionName", "Payload", "Qualifier"],
            Self::StartExecutionSync => &["StateMachineArn", "Input", "Name"],
            Self::StartBuildSync => &["ProjectName", "EnvironmentVariablesOverride"],
        }
    }
}

/// The rules of a Choice state.
#[derive(Debug, Clone)]
pub struct Choice {
    /// In order: the first that holds is taken.
    pub rules: Vec<Rule>,
    /// Where to go when none holds.
    pub default: Option<String>,
}

/// One rule of a Choice state.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Must give a boolean.
    pub condition: Template,
    /// Where it leads.
    pub next: String,
    /// Variables to set.
    pub assign: Option<Template>,
    /// What to pass on in place of the state's input.
    pub output: Option<Template>,
}

/// How long a Wait state waits.
#[derive(Debug, Clone)]
pub enum Wait {
    /// For a number of seconds.
    Seconds(Template),
    /// Until a time, as RFC 3339 text.
    Timestamp(Template),
}

/// The fields of a Map state.
#[derive(Debug, Clone)]
pub struct Map {
    /// What runs for each item.
    pub processor: Arc<Graph>,
    /// The items, where they are not the state's input.
    pub items: Option<Template>,
    /// What an iteration gets, where that is not the item.
    pub item_selector: Option<Template>,
    /// How many run at once; 0 is the service's own limit.
    pub max_concurrency: Option<Template>,
}

/// The most iterations of an inline Map that Step Functions runs at once.
pub const INLINE_MAP_CONCURRENCY: usize = 40;

/// One entry of `Retry`.
#[derive(Debug, Clone, PartialEq)]
pub struct Retrier {
    /// The errors that it is for.
    pub error_equals: Vec<String>,
    /// Before the first retry, in seconds.
    pub interval_seconds: f64,
    /// How many retries at most.
    pub max_attempts: u32,
    /// What the interval is multiplied by for each further retry.
    pub backoff_rate: f64,
    /// The longest interval, in seconds.
    pub max_delay_seconds: Option<f64>,
    /// Whether the interval is a random part of what was computed (`JitterStrategy` `FULL`).
    pub full_jitter: bool,
}

/// One entry of `Catch`.
#[derive(Debug, Clone)]
pub struct Catcher {
    /// The errors that it is for.
    pub error_equals: Vec<String>,
    /// Where it leads.
    pub next: String,
    /// Variables to set.
    pub assign: Option<Template>,
    /// What to pass on in place of the error document.
    pub output: Option<Template>,
}

/// Everything that is wrong with a definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems(pub Vec<String>);

impl fmt::Display for Problems {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0.join("\n"))
    }
}

impl std::error::Error for Problems {}

/// The largest definition, in bytes of its text: Step Functions' 1 MiB.
const LARGEST_DEFINITION: usize = 1024 * 1024;

impl Definition {
    /// Reads and checks a definition; all problems are found at once, each with the state that has it.
    pub fn load(text: &str) -> Result<Self, Problems> {
        if text.len() > LARGEST_DEFINITION {
            return Err(Problems(vec![format!("The definition has {} bytes; the maximum is {LARGEST_DEFINITION}.", text.len())]));
        }
        let document: Value =
            serde_json::from_str(text).map_err(|error| Problems(vec![format!("The definition is not valid JSON: {error}.")]))?;
        let mut problems = Vec::new();
        let mut definition = parse::definition(&document, &mut problems);
        definition.text = text.to_owned();
        validate::check(&definition, &mut problems);
        if problems.is_empty() { Ok(definition) } else { Err(Problems(problems)) }
    }
}
