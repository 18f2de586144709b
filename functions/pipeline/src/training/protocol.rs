//! What the training program and the job routes say to each other, as JSON.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The longest text of one [`LogPost`], in bytes.
pub const LONGEST_TEXT: usize = 64 * 1024;

/// `POST /pipeline/jobs/{job_id}/claim`: what the program has.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Ticket {
    /// The secret that the running attempt was given; good once.
    pub ticket: String,
}

/// The answer: what the program needs.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Claim {
    /// The bearer token for everything that the program and the script ask of the platform.
    pub token: String,
    /// Which attempt at the job this is, from 1.
    pub attempt: u32,
    /// Where the script's text is, readable without credentials for some minutes.
    pub script_url: String,
    /// The script's file name.
    pub script_name: String,
    /// The packages that the script's environment has, MLflow among them.
    pub requirements: Vec<String>,
    /// The user's environment variables.
    pub environment_vars: BTreeMap<String, String>,
    /// After how many seconds the script is stopped.
    pub timeout_seconds: u32,
    /// The experiment under which the script's runs are kept.
    pub experiment_name: String,
    /// The run that is made for the script already, by id.
    #[serde(default)]
    pub run_id: Option<String>,
    /// Files that lie beside the script.
    #[serde(default)]
    pub files: Vec<ScriptFile>,
}

/// A file that lies beside a script.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ScriptFile {
    /// Its name, without any folder.
    pub name: String,
    /// Where its content is, readable without credentials for some minutes.
    pub url: String,
}

/// `POST /pipeline/jobs/{job_id}/logs`: a piece of the script's output. An empty one is a sign of life.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LogPost {
    /// The attempt of the [`Claim`].
    pub attempt: u32,
    /// The piece's place, rising; a piece that was sent before is not written again.
    pub sequence: u64,
    /// The text, at most [`LONGEST_TEXT`] bytes.
    pub text: String,
}

/// The answer to a [`LogPost`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LogAnswer {
    /// True when somebody asked to cancel the job.
    pub cancel: bool,
}
