//! What the program can be told: options and environment variables, with their defaults.

use clap::Parser;
use std::{net::IpAddr, path::PathBuf};

/// Serves one model over HTTP, or to Lambda where Lambda starts it.
#[derive(Clone, Debug, Parser)]
#[command(name = "model-server", version)]
pub struct Options {
    /// The port to listen on outside Lambda; 0 takes a free one.
    #[arg(long, env = "PORT", default_value_t = 8080)]
    pub port: u16,
    /// The address to listen on outside Lambda.
    #[arg(long, env = "MODEL_SERVER_HOST", default_value = "0.0.0.0")]
    pub host: IpAddr,
    /// The folder with model.json, model/ and python/; by default the one above the program's own folder.
    #[arg(long, env = "MODEL_SERVER_ROOT")]
    pub root: Option<PathBuf>,
    /// How many worker processes hold the model outside Lambda. By default one where requests can share a prediction call, else
    /// one for each CPU. Each takes the model's whole memory.
    #[arg(long, env = "MODEL_SERVER_WORKERS", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub workers: Option<u16>,
    /// The longest a prediction may take outside Lambda, in seconds; Lambda's own time limit holds there.
    #[arg(long, env = "MODEL_SERVER_TIMEOUT", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub timeout: u64,
    /// The largest request body outside Lambda, in bytes (at most 512 MiB); Lambda's own 6 MB hold there.
    #[arg(long, env = "MODEL_SERVER_MAX_BODY", default_value_t = 64 * 1024 * 1024)]
    pub max_body: usize,
    /// The Python interpreter of the `python` engine.
    #[arg(long, env = "SERVEML_PYTHON", default_value = "python3")]
    pub python: PathBuf,
    /// Put waiting requests for models with independent rows into one prediction call.
    #[arg(long, env = "MODEL_SERVER_MERGE", default_value_t = true, action = clap::ArgAction::Set)]
    pub merge: bool,
}
