//! The whole of the training program, from a ticket to an outcome.

use std::os::unix::process::ExitStatusExt as _;
use std::time::Duration;

use shared::domain::outcome::TrainingOutcome;
use shared::domain::script;
use shared::{Error, ErrorKind, Result};
use tokio::process::Command;

use super::capture::Capture;
use super::environment::{Environment, Failure, Maker};
use super::exception;
use super::interpreter::{Interpreter, cannot_run};
use super::output::{self, Delivery, JobOutput};
use super::platform_api::PlatformApi;
use super::profile;
use super::protocol::Claim;
use super::supervise::{self, Ending, Limits};
use super::syntax;
use super::variables;
use super::work_folder::WorkFolder;

/// For how long the outcome is delivered.
const OUTCOME_PATIENCE: Duration = Duration::from_secs(90);
/// How long an installation may take where nothing else ends it.
const INSTALL_TIME: Duration = Duration::from_secs(900);
/// A Lambda function ends after 900 seconds. What is left of them when the script has its time and this program has
/// begun, delivered and cleaned up, is for the installation.
const LAMBDA_TIME: Duration = Duration::from_secs(900 - 30);
const SHORTEST_INSTALL_TIME: Duration = Duration::from_secs(60);
/// The memory that this program itself needs, in megabytes.
const OWN_MEMORY_MB: u64 = 64;
/// How many processes a script may have at once. Lambda itself allows 1024 processes and threads.
const MOST_PROCESSES: usize = 512;

/// What the machine allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Machine {
    /// True in a Lambda function, which ends after 900 seconds.
    pub is_function: bool,
    /// The memory of the function in megabytes; `None` where there is no such bound.
    pub memory_mb: Option<u64>,
}

impl Machine {
    /// As the environment tells.
    pub fn from_environment() -> Self {
        Self {
            is_function: std::env::var_os("AWS_LAMBDA_FUNCTION_NAME").is_some(),
            memory_mb: std::env::var("AWS_LAMBDA_FUNCTION_MEMORY_SIZE").ok().and_then(|text| text.parse().ok()),
        }
    }

    fn install_time(self, script_seconds: u32) -> Duration {
        if !self.is_function {
            return INSTALL_TIME;
        }
        LAMBDA_TIME.saturating_sub(Duration::from_secs(u64::from(script_seconds))).max(SHORTEST_INSTALL_TIME)
    }

    fn script_memory_mb(self) -> Option<u64> {
        self.memory_mb.map(|memory| memory.saturating_sub(OWN_MEMORY_MB).max(OWN_MEMORY_MB))
    }
}

/// Runs the script of the job for which `ticket` is good, and reports to the platform at `api_url`. Returns when the
/// outcome is delivered, whatever it is.
///
/// # Errors
/// `Unauthorized` when the ticket was used before or another attempt has begun; `Unavailable` when the platform does not
/// answer.
pub async fn run(api_url: &str, job_id: &str, ticket: &str, machine: Machine) -> Result<()> {
    let api_url = api_url.trim_end_matches('/');
    if !shared::id::is_id(job_id) {
        return Err(Error::bad_request(format!("{job_id:?} is not the id of a job")));
    }
    let mut api = PlatformApi::new(api_url, job_id)?;
    let claim = api.claim(ticket).await?;
    let script = api.script(&claim.script_url).await?;
    let mut files = Vec::with_capacity(claim.files.len());
    for file in &claim.files {
        files.push((file.name.clone(), api.file(&file.url).await?));
    }
    let (output, delivery) = output::deliver(api.clone(), claim.attempt);
    tracing::info!(job_id, attempt = claim.attempt, "the training begins");
    let training = Training { api_url, claim: &claim, script: &script, files: &files, machine, output, delivery: &delivery };
    let outcome = training.outcome().await;
    delivery.finish().await;
    tracing::info!(job_id, ?outcome, "the training has ended");
    match api.outcome(&outcome, OUTCOME_PATIENCE).await {
        // An outcome that was received although its answer was lost.
        Err(error) if error.kind() == ErrorKind::Conflict => {
            tracing::warn!(%error, "the outcome is known already");
            Ok(())
        }
        other => other,
    }
}

struct Training<'a> {
    api_url: &'a str,
    claim: &'a Claim,
    script: &'a [u8],
    files: &'a [(String, Vec<u8>)],
    machine: Machine,
    output: JobOutput,
    delivery: &'a Delivery,
}

impl Training<'_> {
    async fn outcome(&self) -> TrainingOutcome {
        match self.train().await {
            Ok(outcome) => outcome,
            Err(Failure::Cancelled) => TrainingOutcome::Cancelled,
            Err(Failure::Requirements(reason)) => TrainingOutcome::RequirementsFailed { reason },
            Err(Failure::Machine(reason)) => TrainingOutcome::NotRun { reason },
        }
    }

    async fn train(&self) -> Result<TrainingOutcome, Failure> {
        let unfit = |doing: &str, error: std::io::Error| Failure::Machine(format!("{doing}: {error}"));
        // The platform has checked the name; a file outside the folder must not depend on that.
        script::check_name(&self.claim.script_name).map_err(|error| Failure::Machine(error.public_message().to_owned()))?;
        let work = WorkFolder::new().map_err(|error| unfit("no work folder can be made", error))?;
        std::fs::write(work.path().join(&self.claim.script_name), self.script)
            .map_err(|error| unfit("the script cannot be written", error))?;
        for (name, content) in self.files {
            // As with the script's own name: what leads out of the folder must not depend on the platform's checks.
            let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.')) && !name.starts_with('.');
            if !plain {
                return Err(Failure::Machine(format!("{name:?} is no file's name")));
            }
            std::fs::write(work.path().join(name), content).map_err(|error| unfit("a file beside the script cannot be written", error))?;
        }
        let python = Interpreter::find().await.map_err(Failure::Machine)?;
        if let Some(outcome) = self.syntax_error(&python, &work).await {
            return Ok(outcome);
        }
        let maker = Maker {
            python,
            time: self.machine.install_time(self.claim.timeout_seconds),
            output: self.output.clone(),
            cancelled: self.delivery.cancelled.clone(),
        };
        let environment = maker.environment(&self.claim.requirements).await?;
        self.output.write("Running training...\n");
        self.run_script(&environment, &work).await
    }

    async fn syntax_error(&self, python: &Interpreter, work: &WorkFolder) -> Option<TrainingOutcome> {
        let mut capture = Capture::silent();
        let cancelled = self.delivery.cancelled.clone();
        if !syntax::has_error(python, work.path(), &self.claim.script_name, cancelled, &mut capture).await {
            return None;
        }
        let said = capture.finish();
        self.output.write(&said);
        Some(TrainingOutcome::Exited { code: 1, exception: exception::explain(&said, 1) })
    }

    async fn run_script(&self, environment: &Environment, work: &WorkFolder) -> Result<TrainingOutcome, Failure> {
        let temporary = work.temporary();
        let mut variables = variables::of_script(self.claim, environment, work.path(), &temporary, self.api_url, std::env::vars_os());
        profile::begin_with(&mut variables, &temporary);
        let mut command = Command::new(environment.python());
        command.arg("-u").arg(&self.claim.script_name).current_dir(work.path()).env_clear().envs(variables);
        let memory_mb = self.machine.script_memory_mb();
        let seconds = self.claim.timeout_seconds;
        let limits = Limits {
            time: Duration::from_secs(u64::from(seconds)),
            memory: memory_mb.map(|memory| memory * 1024 * 1024),
            processes: MOST_PROCESSES,
        };
        let mut capture = Capture::to_log(self.output.clone());
        let ending = supervise::run(command, limits, self.delivery.cancelled.clone(), &mut capture).await;
        let ending = ending.map_err(|error| Failure::Machine(cannot_run(&environment.python(), &error)))?;
        let said = capture.finish();
        Ok(match ending {
            Ending::Exited(status) => match (status.code(), status.signal()) {
                (Some(0), _) => TrainingOutcome::Succeeded,
                (Some(code), _) => TrainingOutcome::Exited { code, exception: exception::explain(&said, code) },
                (None, signal) => TrainingOutcome::Killed { signal: signal.unwrap_or_default() },
            },
            Ending::TimedOut => TrainingOutcome::TimedOut { seconds },
            Ending::OutOfMemory => TrainingOutcome::OutOfMemory { limit_mb: memory_mb.unwrap_or_default() },
            Ending::TooManyProcesses => {
                let exception = format!("Too many processes: the script had more than {MOST_PROCESSES} at once and was stopped");
                TrainingOutcome::Exited { code: 1, exception: Some(exception) }
            }
            Ending::Cancelled => TrainingOutcome::Cancelled,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_installation_leaves_the_script_its_time() {
        let function = Machine { is_function: true, memory_mb: Some(2048) };
        assert_eq!(function.install_time(300), Duration::from_secs(570));
        assert_eq!(function.install_time(780), Duration::from_secs(90));
        assert_eq!(Machine { is_function: false, memory_mb: None }.install_time(3600), INSTALL_TIME);
    }

    #[test]
    fn the_program_keeps_some_memory_for_itself() {
        assert_eq!(Machine { is_function: true, memory_mb: Some(2048) }.script_memory_mb(), Some(1984));
        assert_eq!(Machine { is_function: false, memory_mb: None }.script_memory_mb(), None);
    }
}
