//! Runs a job's script. As a Lambda function this is a task; as the command `bootstrap train` with `JOB_ID` and `TICKET`
//! in the environment it is the same for a build project, where longer scripts run. It uses nothing of AWS.

use serde::{Deserialize, Serialize};
use shared::{Platform, Result, config};

use super::JobEvent;
use crate::training::program::{self, Machine};

/// What the task is given.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TrainEvent {
    /// The job.
    pub job_id: String,
    /// What `begin_training` gave for it.
    pub ticket: String,
}

/// Runs the script and delivers its outcome, whatever it is.
///
/// # Errors
/// `Unauthorized` when the ticket was used before or another attempt has begun: this one is over; `Unavailable` when
/// the platform does not answer.
pub async fn perform(platform: &Platform, event: TrainEvent) -> Result<JobEvent> {
    let api_url = platform.config.get(config::API_URL)?;
    program::run(&api_url, &event.job_id, &event.ticket, Machine::from_environment()).await?;
    Ok(JobEvent { job_id: event.job_id })
}

/// The same as a program of its own.
///
/// # Errors
/// As [`perform`], and when a variable is missing.
pub fn command() -> Result<(), lambda_runtime::Error> {
    shared::functions::start_logging();
    let variable = |name: &str| std::env::var(name).map_err(|_| format!("the environment variable {name} is not set"));
    let (job_id, ticket) = (variable("JOB_ID")?, variable("TICKET")?);
    let api_url = variable(config::API_URL.name)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(program::run(&api_url, &job_id, &ticket, Machine::from_environment()))?;
    Ok(())
}
