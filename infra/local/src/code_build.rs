//! CodeBuild: runs the `build` phase of a project's inline buildspec as processes of this machine.
//!
//! A project here is what a long job needs that does not fit into a function: variables, a time limit, and a buildspec
//! whose `build` commands start a program. On AWS, its `install` and `pre_build` phases fetch that program; the laptop
//! has it already, so these phases are not run. Each `build` command must be one program with its arguments: there is
//! no shell, so operators, variables and patterns are refused when the template is read, and so are other phases.
//!
//! Builds live in this process: one that was running when the process ended is unknown afterwards, and who waited for
//! it starts it again.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures::future::BoxFuture;
use saphyr::{LoadableYamlNode, Yaml};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::aws_error::AwsError;
use crate::step_functions::clock::{Clock, after, epoch_seconds};

/// The `tracing` target of the lines about builds and of their output.
pub const LOG_TARGET: &str = "code_build";
/// CodeBuild's own time limit where a project names none, in minutes.
const DEFAULT_TIMEOUT_MINUTES: u64 = 60;
/// The longest time limit, in minutes: CodeBuild's 36 hours.
const LONGEST_TIMEOUT_MINUTES: u64 = 2160;
/// The most builds that run at once; a further start is `AccountLimitExceededException`.
const MOST_RUNNING: usize = 60;
/// The most builds that are remembered after their end.
const MOST_REMEMBERED: usize = 1000;
/// The most ids in one request.
const MOST_IDS: usize = 100;

/// A project of the template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    /// Its name.
    pub name: String,
    /// The variables of its builds.
    pub environment: BTreeMap<String, String>,
    /// The time limit of a build, in minutes.
    pub timeout_minutes: u64,
    /// The commands of the `build` phase: a program and its arguments each.
    pub commands: Vec<Vec<String>>,
}

/// A process that a build needs.
pub struct BuildCommand {
    /// The project's name.
    pub project: String,
    /// The build's id, for the log.
    pub build_id: String,
    /// The program as the buildspec names it, for example `./bootstrap`.
    pub program: String,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// The project's variables, those of the start, and CodeBuild's own; not the machine's.
    pub environment: BTreeMap<String, String>,
    /// Takes each line that the process writes.
    pub output: Arc<dyn Fn(&str) + Send + Sync>,
}

/// Starts the processes of builds: the seam to the machine.
pub trait StartProcess: Send + Sync + 'static {
    /// Starts a process; an error says why it could not be started.
    fn start(&self, command: BuildCommand) -> BoxFuture<'static, Result<Box<dyn BuildProcess>, String>>;
}

/// A process of a build.
pub trait BuildProcess: Send {
    /// Waits for its end; gives its exit code, or `None` when a signal ended it. Can be called again.
    fn wait(&mut self) -> BoxFuture<'_, Result<Option<i32>, String>>;

    /// Ends it and everything that it started, and waits until that is done.
    fn kill(&mut self) -> BoxFuture<'_, ()>;
}

/// What a start asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildRequest {
    /// The project's name or ARN.
    pub project: String,
    /// Variables in addition to the project's, or in their place.
    pub environment: Vec<(String, String)>,
}

/// How a build stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Build {
    /// `project:uuid`.
    pub id: String,
    arn: String,
    project: String,
    number: u64,
    status: BuildStatus,
    started: i64,
    ended: Option<i64>,
    reason: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum BuildStatus {
    InProgress,
    Succeeded,
    Failed,
    TimedOut,
    Stopped,
}

impl BuildStatus {
    fn as_str(self) -> &'static str {
        match self {
            Self::InProgress => "IN_PROGRESS",
            Self::Succeeded => "SUCCEEDED",
            Self::Failed => "FAILED",
            Self::TimedOut => "TIMED_OUT",
            Self::Stopped => "STOPPED",
        }
    }
}

/// The CodeBuild service.
pub struct CodeBuild {
    region: String,
    account: String,
    projects: BTreeMap<String, Project>,
    processes: Arc<dyn StartProcess>,
    clock: Arc<dyn Clock>,
    builds: Mutex<Builds>,
    closing: CancellationToken,
    tasks: TaskTracker,
}

#[derive(Default)]
struct Builds {
    started: u64,
    /// By the order of their start.
    entries: BTreeMap<u64, Entry>,
}

struct Entry {
    build: watch::Receiver<Build>,
    stop: CancellationToken,
}

fn invalid(message: impl Into<String>) -> AwsError {
    AwsError::new(400, "InvalidInputException", message)
}

impl Project {
    /// Reads an `AWS::CodeBuild::Project` from its resolved CloudFormation properties; the error says what is refused.
    pub fn read(name: &str, properties: &Value) -> Result<Self, String> {
        let refuse = |message: String| format!("build project {name}: {message}");
        let properties = properties.as_object().ok_or_else(|| refuse("its properties must be an object".to_owned()))?;
        const KNOWN: [&str; 14] = [
            "Name", "Description", "ServiceRole", "Artifacts", "Environment", "Source", "TimeoutInMinutes",
            "QueuedTimeoutInMinutes", "LogsConfig", "Tags", "ConcurrentBuildLimit", "Cache", "EncryptionKey", "AutoRetryLimit",
        ];
        if let Some(unknown) = properties.keys().find(|property| !KNOWN.contains(&property.as_str())) {
            return Err(refuse(format!("the laptop cloud does not know its property {unknown}")));
        }
        let at = |path: &[&str]| path.iter().try_fold(properties.get(path[0])?, |value, name| if *name == path[0] { Some(value) } else { value.get(name) });
        for (path, only) in [(["Source", "Type"], "NO_SOURCE"), (["Artifacts", "Type"], "NO_ARTIFACTS")] {
            let found = at(&path).and_then(Value::as_str).unwrap_or("nothing");
            if found != only {
                return Err(refuse(format!("{} must be {only}, not {found}", path.join("."))));
            }
        }
        let timeout_minutes = match properties.get("TimeoutInMinutes") {
            None => DEFAULT_TIMEOUT_MINUTES,
            Some(minutes) => number(minutes)
                .filter(|minutes| (5..=LONGEST_TIMEOUT_MINUTES).contains(minutes))
                .ok_or_else(|| refuse(format!("TimeoutInMinutes must be a whole number from 5 to {LONGEST_TIMEOUT_MINUTES}")))?,
        };
        let variables = at(&["Environment", "EnvironmentVariables"]).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let environment = variables
            .iter()
            .map(|variable| variable_of(variable, ["Name", "Value", "Type"]))
            .collect::<Result<BTreeMap<_, _>, _>>()
            .map_err(|error| refuse(error.message))?;
        let build_spec = at(&["Source", "BuildSpec"]).and_then(Value::as_str).ok_or_else(|| refuse("Source.BuildSpec is missing".to_owned()))?;
        let commands = read_build_spec(build_spec).map_err(refuse)?;
        Ok(Self { name: name.to_owned(), environment, timeout_minutes, commands })
    }
}

fn number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

/// One environment variable, whose members have the given names.
fn variable_of(variable: &Value, names: [&str; 3]) -> Result<(String, String), AwsError> {
    let member = |name: &str| variable.get(name).and_then(Value::as_str);
    let name = member(names[0]).ok_or_else(|| invalid("an environment variable has no name"))?;
    let valid = |(index, character): (usize, char)| character == '_' || character.is_ascii_alphabetic() || (index > 0 && character.is_ascii_digit());
    if name.is_empty() || !name.chars().enumerate().all(valid) || name.starts_with("CODEBUILD_") {
        return Err(invalid(format!("'{name}' cannot be an environment variable's name: letters, digits and '_', not a digit first, not CODEBUILD_")));
    }
    match variable.get(names[2]).map(Value::as_str) {
        None | Some(Some("PLAINTEXT")) => {}
        Some(_) => return Err(invalid(format!("the environment variable {name} must have the type PLAINTEXT, the only one here"))),
    }
    let value = match variable.get(names[1]) {
        Some(Value::String(value)) => value.clone(),
        Some(value @ (Value::Number(_) | Value::Bool(_))) => value.to_string(),
        _ => return Err(invalid(format!("the environment variable {name} must have a value that is a string"))),
    };
    if value.contains('\0') {
        return Err(invalid(format!("the environment variable {name} must not contain a NUL character")));
    }
    Ok((name.to_owned(), value))
}

/// The commands of a buildspec's `build` phase.
fn read_build_spec(text: &str) -> Result<Vec<Vec<String>>, String> {
    let documents = Yaml::load_from_str(text).map_err(|error| format!("the buildspec is not valid YAML: {error}"))?;
    let document = documents.first().ok_or("the buildspec is empty")?;
    only_keys(document, &["version", "env", "phases"], "the buildspec")?;
    let version = document.as_mapping_get("version").and_then(|version| version.as_floating_point()).unwrap_or_default();
    if version != 0.2 {
        return Err("the buildspec's version must be 0.2".to_owned());
    }
    if let Some(env) = document.as_mapping_get("env") {
        only_keys(env, &["shell"], "the buildspec's env")?;
    }
    let phases = document.as_mapping_get("phases").ok_or("the buildspec has no phases")?;
    only_keys(phases, &["install", "pre_build", "build"], "the buildspec's phases")?;
    let build = phases.as_mapping_get("build").ok_or("the buildspec has no build phase")?;
    only_keys(build, &["commands", "on-failure"], "the buildspec's build phase")?;
    let commands = build.as_mapping_get("commands").and_then(|commands| commands.as_sequence()).ok_or("the buildspec's build phase has no commands")?;
    if commands.is_empty() {
        return Err("the buildspec's build phase has no commands".to_owned());
    }
    commands
        .iter()
        .map(|command| {
            let command = command.as_str().ok_or("a build command must be text")?;
            let words = split_command(command)?;
            if words.is_empty() { Err("a build command is empty".to_owned()) } else { Ok(words) }
        })
        .collect()
}

fn only_keys(node: &Yaml<'_>, known: &[&str], what: &str) -> Result<(), String> {
    let mapping = node.as_mapping().ok_or_else(|| format!("{what} must be a mapping"))?;
    for key in mapping.keys() {
        let key = key.as_str().unwrap_or("(not text)");
        if !known.contains(&key) {
            return Err(format!("{what} has '{key}', which the laptop cloud does not run; known are {}", known.join(", ")));
        }
    }
    Ok(())
}

/// The words of a command; what only a shell could do is refused.
fn split_command(command: &str) -> Result<Vec<String>, String> {
    let refuse = |character: char| {
        format!("the build command '{command}' has '{character}': each command must be one program with its arguments, without a shell")
    };
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for character in command.trim().chars() {
        match (quote, character) {
            (Some(open), close) if open == close => quote = None,
            (Some('"'), '$' | '`' | '\\') => return Err(refuse(character)),
            (Some(_), other) => word.get_or_insert_default().push(other),
            (None, '\'' | '"') => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            (None, ' ' | '\t') => words.extend(word.take()),
            (None, '|' | '&' | ';' | '<' | '>' | '(' | ')' | '$' | '`' | '\\' | '*' | '?' | '[' | ']' | '{' | '}' | '~' | '#' | '!' | '\n') => {
                return Err(refuse(character));
            }
            (None, other) => word.get_or_insert_default().push(other),
        }
    }
    if let Some(open) = quote {
        return Err(format!("the build command '{command}' has a {open} that is not closed"));
    }
    words.extend(word);
    match words.first() {
        Some(first) if first.contains('=') => Err(refuse('=')),
        _ => Ok(words),
    }
}

impl BuildRequest {
    /// Reads the arguments of a state machine's task (`ProjectName`, `EnvironmentVariablesOverride`).
    pub fn from_arguments(arguments: &Map<String, Value>) -> Result<Self, AwsError> {
        Self::read(arguments, ["ProjectName", "EnvironmentVariablesOverride"], ["Name", "Value", "Type"])
    }

    fn read(members: &Map<String, Value>, names: [&str; 2], variable_names: [&str; 3]) -> Result<Self, AwsError> {
        if let Some(unknown) = members.keys().find(|name| !names.contains(&name.as_str())) {
            return Err(invalid(format!("{unknown} is not understood here; known are {}", names.join(", "))));
        }
        let project = members.get(names[0]).and_then(Value::as_str).ok_or_else(|| invalid(format!("{} is missing", names[0])))?;
        let environment = match members.get(names[1]) {
            None => Vec::new(),
            Some(Value::Array(variables)) => {
                variables.iter().map(|variable| variable_of(variable, variable_names)).collect::<Result<_, _>>()?
            }
            Some(_) => return Err(invalid(format!("{} must be a list", names[1]))),
        };
        Ok(Self { project: project.to_owned(), environment })
    }
}

impl Build {
    /// Whether it ended well.
    pub fn succeeded(&self) -> bool {
        self.status == BuildStatus::Succeeded
    }

    /// The build as a document: for a state machine with capital names and milliseconds, else as the API gives it.
    pub fn document(&self, for_state_machine: bool) -> Value {
        let time = |milliseconds: i64| if for_state_machine { json!(milliseconds) } else { epoch_seconds(milliseconds) };
        let mut phase = json!({"phaseType": "BUILD", "startTime": time(self.started)});
        let mut document = json!({
            "id": self.id,
            "arn": self.arn,
            "projectName": self.project,
            "buildNumber": self.number,
            "buildStatus": self.status.as_str(),
            "buildComplete": self.ended.is_some(),
            "currentPhase": if self.ended.is_some() { "COMPLETED" } else { "BUILD" },
            "startTime": time(self.started),
        });
        if let Some(ended) = self.ended {
            document["endTime"] = time(ended);
            phase["endTime"] = time(ended);
            phase["phaseStatus"] = json!(self.status.as_str());
        }
        if let Some(reason) = &self.reason {
            phase["contexts"] = json!([{"statusCode": "COMMAND_EXECUTION_ERROR", "message": reason}]);
        }
        document["phases"] = json!([phase]);
        if for_state_machine { capitalised(document) } else { document }
    }
}

fn capitalised(value: Value) -> Value {
    match value {
        Value::Object(members) => members
            .into_iter()
            .map(|(name, member)| (format!("{}{}", name[..1].to_uppercase(), &name[1..]), capitalised(member)))
            .collect::<Map<_, _>>()
            .into(),
        Value::Array(items) => items.into_iter().map(capitalised).collect(),
        other => other,
    }
}

#[derive(Deserialize)]
struct Ids {
    ids: Vec<String>,
}

#[derive(Deserialize)]
struct OneId {
    id: String,
}

impl CodeBuild {
    /// The service over the template's projects.
    pub fn new(region: &str, account: &str, projects: Vec<Project>, processes: Arc<dyn StartProcess>, clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self {
            region: region.to_owned(),
            account: account.to_owned(),
            projects: projects.into_iter().map(|project| (project.name.clone(), project)).collect(),
            processes,
            clock,
            builds: Mutex::default(),
            closing: CancellationToken::new(),
            tasks: TaskTracker::new(),
        })
    }

    /// Answers an operation of the API, for example `StartBuild`, with its JSON body.
    pub async fn handle(self: &Arc<Self>, operation: &str, body: Bytes) -> Result<Value, AwsError> {
        match operation {
            "StartBuild" => {
                let members: Map<String, Value> = parse(&body)?;
                let request = BuildRequest::read(&members, ["projectName", "environmentVariablesOverride"], ["name", "value", "type"])?;
                Ok(json!({"build": self.start(request)?.document(false)}))
            }
            "BatchGetBuilds" => {
                let Ids { ids } = parse(&body)?;
                if ids.is_empty() || ids.len() > MOST_IDS {
                    return Err(invalid(format!("ids must have 1 to {MOST_IDS} entries")));
                }
                let (found, missing): (Vec<_>, Vec<_>) = ids.into_iter().map(|id| self.get(&id).ok_or(id)).partition(Result::is_ok);
                let builds: Vec<Value> = found.into_iter().flatten().map(|build| build.document(false)).collect();
                let missing: Vec<String> = missing.into_iter().filter_map(Result::err).collect();
                Ok(json!({"builds": builds, "buildsNotFound": missing}))
            }
            "StopBuild" => {
                let OneId { id } = parse(&body)?;
                let build = self.stop(&id).await.ok_or_else(|| AwsError::new(400, "ResourceNotFoundException", format!("Build {id} does not exist")))?;
                Ok(json!({"build": build.document(false)}))
            }
            other => Err(AwsError::not_implemented("CodeBuild", other)),
        }
    }

    fn builds(&self) -> MutexGuard<'_, Builds> {
        self.builds.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a build; it runs on by itself.
    pub fn start(self: &Arc<Self>, request: BuildRequest) -> Result<Build, AwsError> {
        let name = request.project.rsplit(['/', ':']).next().unwrap_or_default();
        let project = self
            .projects
            .get(name)
            .cloned()
            .ok_or_else(|| AwsError::new(400, "ResourceNotFoundException", format!("Project cannot be found: {}", request.project)))?;
        let mut builds = self.builds();
        let running = builds.entries.values().filter(|entry| entry.build.borrow().ended.is_none()).count();
        if running >= MOST_RUNNING {
            return Err(AwsError::new(400, "AccountLimitExceededException", format!("{running} builds run already, which is the most at once")));
        }
        builds.started += 1;
        let number = builds.started;
        let id = format!("{name}:{}", uuid::Uuid::now_v7());
        let build = Build {
            arn: format!("arn:aws:codebuild:{}:{}:build/{id}", self.region, self.account),
            id,
            project: name.to_owned(),
            number,
            status: BuildStatus::InProgress,
            started: self.clock.now().as_millisecond(),
            ended: None,
            reason: None,
        };
        let (sender, receiver) = watch::channel(build.clone());
        let stop = CancellationToken::new();
        builds.entries.insert(number, Entry { build: receiver, stop: stop.clone() });
        let oldest: Vec<u64> = builds
            .entries
            .iter()
            .filter(|(_, entry)| entry.build.borrow().ended.is_some())
            .map(|(number, _)| *number)
            .take(builds.entries.len().saturating_sub(MOST_REMEMBERED))
            .collect();
        for number in oldest {
            builds.entries.remove(&number);
        }
        drop(builds);
        let run = Run { project, build: build.clone(), region: self.region.clone(), overrides: request.environment, stop };
        let (processes, clock, closing) = (Arc::clone(&self.processes), Arc::clone(&self.clock), self.closing.clone());
        self.tasks.spawn(async move {
            if let Some(ended) = run.run(processes, clock, closing).await {
                sender.send_replace(ended);
            }
        });
        Ok(build)
    }

    fn find(&self, id: &str) -> Option<(watch::Receiver<Build>, CancellationToken)> {
        let builds = self.builds();
        let entry = builds.entries.values().rev().find(|entry| entry.build.borrow().id == id)?;
        Some((entry.build.clone(), entry.stop.clone()))
    }

    /// How a build stands; `None` where this process did not start it.
    pub fn get(&self, id: &str) -> Option<Build> {
        self.find(id).map(|(build, _)| build.borrow().clone())
    }

    /// Waits for a build's end; `None` where this process did not start it, or the service closes.
    pub async fn ended(&self, id: &str) -> Option<Build> {
        let (mut build, _) = self.find(id)?;
        let ended = build.wait_for(|build| build.ended.is_some()).await.ok()?;
        Some(ended.clone())
    }

    /// Stops a build and waits until its processes are gone; `None` where this process did not start it.
    pub async fn stop(&self, id: &str) -> Option<Build> {
        let (_, stop) = self.find(id)?;
        stop.cancel();
        self.ended(id).await.or_else(|| self.get(id))
    }

    /// Ends the processes of every build. Who waits for one learns nothing: close the state machines' service first.
    pub async fn close(&self) {
        self.closing.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl Drop for CodeBuild {
    fn drop(&mut self) {
        self.closing.cancel();
    }
}

fn parse<T: serde::de::DeserializeOwned>(body: &[u8]) -> Result<T, AwsError> {
    serde_json::from_slice(body).map_err(|error| invalid(format!("The request's body is not valid: {error}.")))
}

struct Run {
    project: Project,
    build: Build,
    region: String,
    overrides: Vec<(String, String)>,
    stop: CancellationToken,
}

impl Run {
    /// Runs the commands one after the other; gives the build as it ended, or `None` when the service closed.
    async fn run(self, processes: Arc<dyn StartProcess>, clock: Arc<dyn Clock>, closing: CancellationToken) -> Option<Build> {
        let (project, id) = (self.project.name.clone(), self.build.id.clone());
        tracing::info!(target: LOG_TARGET, project, build = id, change = "started", "build started");
        let minutes = self.project.timeout_minutes;
        let deadline = after(clock.now(), minutes as f64 * 60.0);
        let timeout = clock.sleep_until(deadline);
        tokio::pin!(timeout);
        let mut end = (BuildStatus::Succeeded, None);
        for words in &self.project.commands {
            let mut process = match processes.start(self.command(words)).await {
                Ok(process) => process,
                Err(reason) => {
                    end = (BuildStatus::Failed, Some(format!("The command '{}' could not be started: {reason}", words.join(" "))));
                    break;
                }
            };
            let stopped = tokio::select! {
                biased;
                () = closing.cancelled() => None,
                () = self.stop.cancelled() => Some((BuildStatus::Stopped, Some("The build was stopped.".to_owned()))),
                exit = process.wait() => match exit {
                    Ok(Some(0)) => continue,
                    Ok(code) => {
                        let how = code.map_or_else(|| "was killed by a signal".to_owned(), |code| format!("exited with status {code}"));
                        end = (BuildStatus::Failed, Some(format!("Error while executing command: {}. Reason: it {how}.", words.join(" "))));
                        break;
                    }
                    Err(reason) => {
                        end = (BuildStatus::Failed, Some(format!("Error while executing command: {}. Reason: {reason}", words.join(" "))));
                        break;
                    }
                },
                () = &mut timeout => Some((BuildStatus::TimedOut, Some(format!("The build took longer than its {minutes} minutes.")))),
            };
            process.kill().await;
            end = stopped?;
            break;
        }
        let (status, reason) = end;
        let ended = clock.now().as_millisecond();
        tracing::info!(target: LOG_TARGET, project, build = id, change = status.as_str().to_lowercase(),
            duration_ms = ended - self.build.started, cause = reason, "build {}", status.as_str().to_lowercase());
        Some(Build { status, reason, ended: Some(ended), ..self.build })
    }

    fn command(&self, words: &[String]) -> BuildCommand {
        let mut environment = self.project.environment.clone();
        environment.extend(self.overrides.iter().cloned());
        environment.extend([
            ("CI".to_owned(), "true".to_owned()),
            ("AWS_REGION".to_owned(), self.region.clone()),
            ("AWS_DEFAULT_REGION".to_owned(), self.region.clone()),
            ("CODEBUILD_BUILD_ID".to_owned(), self.build.id.clone()),
            ("CODEBUILD_BUILD_ARN".to_owned(), self.build.arn.clone()),
            ("CODEBUILD_BUILD_NUMBER".to_owned(), self.build.number.to_string()),
            ("CODEBUILD_START_TIME".to_owned(), self.build.started.to_string()),
        ]);
        let (project, build) = (self.project.name.clone(), self.build.id.clone());
        BuildCommand {
            project: project.clone(),
            build_id: build.clone(),
            program: words.first().cloned().unwrap_or_default(),
            arguments: words.iter().skip(1).cloned().collect(),
            environment,
            output: Arc::new(move |line| tracing::info!(target: LOG_TARGET, project, build, "{line}")),
        }
    }
}
