//! How a training script ended, as the training program saw it, and what that means in a person's words.

use serde::{Deserialize, Serialize};

/// What became of a script.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ended", rename_all = "snake_case")]
pub enum TrainingOutcome {
    /// It ended by itself with exit code 0.
    Succeeded,
    /// It ended by itself with another exit code.
    Exited {
        /// The exit code.
        code: i32,
        /// The last line of its traceback, for example `ModuleNotFoundError: No module named 'xgboost'`.
        exception: Option<String>,
    },
    /// It ran past its time and was stopped with everything it had started.
    TimedOut {
        /// The time it had, in seconds.
        seconds: u32,
    },
    /// It used more memory than there is.
    OutOfMemory {
        /// The memory that there is, in megabytes.
        limit_mb: u64,
    },
    /// A signal ended it.
    Killed {
        /// The signal's number.
        signal: i32,
    },
    /// Its requirements could not be resolved or installed.
    RequirementsFailed {
        /// The resolver's explanation.
        reason: String,
    },
    /// Somebody asked to cancel the job.
    Cancelled,
    /// The training program could not do its part.
    NotRun {
        /// Why.
        reason: String,
    },
}

impl TrainingOutcome {
    /// Why the job failed; `None` when the script succeeded.
    pub fn error(&self) -> Option<String> {
        Some(match self {
            TrainingOutcome::Succeeded => return None,
            TrainingOutcome::Exited { exception: Some(exception), .. } => exception.clone(),
            TrainingOutcome::Exited { code, exception: None } => {
                format!("The script ended with exit code {code}; the end of its output says more")
            }
            TrainingOutcome::TimedOut { seconds } => {
                format!("Timeout exceeded: the script ran longer than {seconds} seconds and was stopped; raise \"timeout\" (at most 3600)")
            }
            TrainingOutcome::OutOfMemory { limit_mb } => {
                format!("Out of memory: the script used more than the {limit_mb} MB that a training has and was stopped")
            }
            TrainingOutcome::Killed { signal: 9 } => {
                "The script was killed (signal 9), most likely because it ran out of memory".to_owned()
            }
            TrainingOutcome::Killed { signal } => format!("The script was ended by signal {signal}"),
            TrainingOutcome::RequirementsFailed { reason } => format!("The requirements cannot be installed: {reason}"),
            TrainingOutcome::Cancelled => "Cancelled by request".to_owned(),
            TrainingOutcome::NotRun { reason } => format!("The script could not be run: {reason}"),
        })
    }
}
