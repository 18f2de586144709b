//! One build: how it stands, and how its commands are run.

use std::sync::Arc;

use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;

use super::process::{BuildCommand, StartProcess};
use super::{LOG_TARGET, Project};
use crate::step_functions::clock::{Clock, after, epoch_seconds};

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

impl Build {
    /// A build that begins; the time is in milliseconds since 1970.
    pub(super) fn new(id: String, arn: String, project: &str, number: u64, started: i64) -> Self {
        Self { id, arn, project: project.to_owned(), number, status: BuildStatus::InProgress, started, ended: None, reason: None }
    }

    /// Whether it ended.
    pub fn complete(&self) -> bool {
        self.ended.is_some()
    }

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

/// A build to run.
pub(super) struct Run {
    pub project: Project,
    pub build: Build,
    pub region: String,
    /// Variables of the start.
    pub overrides: Vec<(String, String)>,
    /// Cancelled when the build is to stop.
    pub stop: CancellationToken,
}

impl Run {
    /// Runs the commands one after the other; gives the build as it ended, or `None` when the service closed.
    pub async fn run(self, processes: Arc<dyn StartProcess>, clock: Arc<dyn Clock>, closing: CancellationToken) -> Option<Build> {
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
