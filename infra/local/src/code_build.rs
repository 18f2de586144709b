//! CodeBuild: runs the `build` phase of a project's inline buildspec as processes of this machine.
//!
//! A project here is what a long job needs that does not fit into a function: variables, a time limit, and a buildspec
//! whose `build` commands start a program. On AWS, its `install` and `pre_build` phases fetch that program; the laptop
//! has it already, so these phases are not run. Each `build` command must be one program with its arguments: there is
//! no shell, so operators, variables and patterns are refused when the template is read, and so are other phases.
//!
//! Builds live in this process: one that was running when the process ended is unknown afterwards, and who waited for
//! it starts it again.

mod build;
mod process;
mod project;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use self::build::Build;
use self::build::Run;
pub use self::process::{BuildCommand, BuildProcess, StartProcess};
pub use self::project::Project;
use self::project::variable_of;
use crate::aws_error::AwsError;
use crate::step_functions::clock::Clock;

/// The `tracing` target of the lines about builds and of their output.
pub const LOG_TARGET: &str = "code_build";
/// The most builds that run at once; a further start is `AccountLimitExceededException`.
const MOST_RUNNING: usize = 60;
/// The most builds that are remembered after their end.
const MOST_REMEMBERED: usize = 1000;
/// The most ids in one request.
const MOST_IDS: usize = 100;

/// What a start asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildRequest {
    /// The project's name or ARN.
    pub project: String,
    /// Variables in addition to the project's, or in their place.
    pub environment: Vec<(String, String)>,
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
                let build = self
                    .stop(&id)
                    .await
                    .ok_or_else(|| AwsError::new(400, "ResourceNotFoundException", format!("Build {id} does not exist")))?;
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
        let running = builds.entries.values().filter(|entry| !entry.build.borrow().complete()).count();
        if running >= MOST_RUNNING {
            return Err(AwsError::new(
                400,
                "AccountLimitExceededException",
                format!("{running} builds run already, which is the most at once"),
            ));
        }
        builds.started += 1;
        let number = builds.started;
        let id = format!("{name}:{}", uuid::Uuid::now_v7());
        let arn = format!("arn:aws:codebuild:{}:{}:build/{id}", self.region, self.account);
        let build = Build::new(id, arn, name, number, self.clock.now().as_millisecond());
        let (sender, receiver) = watch::channel(build.clone());
        let stop = CancellationToken::new();
        builds.entries.insert(number, Entry { build: receiver, stop: stop.clone() });
        let oldest: Vec<u64> = builds
            .entries
            .iter()
            .filter(|(_, entry)| entry.build.borrow().complete())
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
        let ended = build.wait_for(Build::complete).await.ok()?;
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
