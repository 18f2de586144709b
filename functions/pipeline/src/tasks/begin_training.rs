//! Begins an attempt at a job's training: gives it a ticket, and says where it runs.

use serde::{Deserialize, Serialize};
use shared::{Error, Platform, Result, token};

use super::JobEvent;

/// How often a training is begun. A second time is for a machine that was lost, not for a script that failed.
const MOST_ATTEMPTS: u32 = 3;
/// Up to this time a script runs in a Lambda function, which ends after 900 seconds and has to install and report
/// within them.
const LONGEST_IN_FUNCTION: u32 = 780;

/// Where a script runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Runner {
    /// The Lambda function `train`.
    Lambda,
    /// The build project, which may take an hour and more.
    BuildProject,
}

/// An attempt that has begun.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Attempt {
    /// The job.
    pub job_id: String,
    /// What the training program exchanges for its token; good once.
    pub ticket: String,
    /// Which attempt it is, from 1.
    pub attempt: u32,
    /// Where it runs.
    pub runner: Runner,
}

/// Begins an attempt; what an earlier one has of ticket and token is void from here on.
///
/// # Errors
/// `Conflict` when the job has ended, is cancelled, or was begun too often.
pub async fn perform(platform: &Platform, event: JobEvent) -> Result<Attempt> {
    let job = super::job(platform, &event.job_id).await?;
    let script = job.script.as_ref().ok_or_else(|| Error::conflict(format!("Job {} has no script to run", job.id)))?;
    let runner = runner(script.timeout_seconds);
    if job.cancel_requested {
        return Err(Error::conflict("Cancelled by request"));
    }
    if job.attempt >= MOST_ATTEMPTS {
        return Err(Error::conflict(format!(
            "The training was begun {} times and the machine that ran it was lost each time; upload it again to try once more",
            job.attempt
        )));
    }
    let store = platform.store()?;
    if let Some(experiment) = &job.experiment_name {
        // Made here and not by the script: two scripts that begin at once would both find it missing and both make it.
        store.ensure_experiment(experiment).await?;
    }
    let ticket = token::new_secret();
    let job = store.begin_attempt(&job.id, &token::hash(&ticket)).await?;
    Ok(Attempt { job_id: job.id, ticket, attempt: job.attempt, runner })
}

fn runner(timeout_seconds: u32) -> Runner {
    if timeout_seconds <= LONGEST_IN_FUNCTION { Runner::Lambda } else { Runner::BuildProject }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_script_runs_where_it_has_the_time() {
        assert_eq!(runner(60), Runner::Lambda);
        assert_eq!(runner(780), Runner::Lambda);
        assert_eq!(runner(781), Runner::BuildProject);
        assert_eq!(serde_json::to_value(runner(3600)).ok(), Some(serde_json::json!("build_project")));
    }
}
