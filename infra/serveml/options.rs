//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// From a Python training script to an HTTPS endpoint that costs nothing while nobody calls it.
///
/// Without a command it serves the whole platform on this machine, as template.yaml describes it, with no AWS account
/// and no Docker: the API at http://localhost:8000, its documentation at http://localhost:8000/docs.
#[derive(Debug, Parser)]
#[command(
    name = "serveml",
    version,
    after_help = "Examples:\n  serveml deploy examples/training_scripts/sklearn_classification.py\n  serveml deploy train.py --requirement scikit-learn --requirement pandas --env N_ESTIMATORS=200\n  serveml serve --port 9000 --data /tmp/serveml"
)]
pub struct CommandLine {
    #[command(subcommand)]
    pub command: Option<Command>,
    #[command(flatten)]
    pub cloud: Cloud,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve the platform on this machine until Ctrl-C (the default).
    Serve,
    /// Train a script, build its image, push it, deploy it; show each stage and the script's output; print the URL.
    ///
    /// Uses the platform at --url, or the one that runs on this machine; where none runs, starts it and serves until
    /// Ctrl-C.
    Deploy(Deploy),
    /// Print, as lines for a shell, the variables with which the AWS command line and SDKs speak to the platform on this
    /// machine.
    ///
    /// In a shell: eval "$(serveml environment)". The key opens that platform's table, buckets and functions and nothing else.
    Environment,
}

/// Options of the platform on this machine.
#[derive(Debug, Args)]
pub struct Cloud {
    /// The port of the API; 0 takes a free one.
    #[arg(long, global = true, default_value_t = 8000, env = "SERVEML_PORT")]
    pub port: u16,
    /// Another host name under which this platform is asked, for example a tunnel's. Repeatable.
    #[arg(long = "allow-host", global = true, value_name = "NAME")]
    pub allowed_hosts: Vec<String>,
    /// The folder that holds everything: table, bucket, images, executions. One platform at a time uses it.
    #[arg(long, global = true, value_name = "FOLDER", env = "SERVEML_DATA", default_value = ".serveml")]
    pub data: PathBuf,
    /// The folder for what can be fetched again: uv, packages. Several platforms may share it. [default: cache in the data folder]
    #[arg(long, global = true, value_name = "FOLDER", env = "SERVEML_CACHE")]
    pub cache: Option<PathBuf>,
    /// The template to serve. [default: template.yaml of this folder, else of the project that this program was built in]
    #[arg(long, global = true, value_name = "FILE", env = "SERVEML_TEMPLATE")]
    pub template: Option<PathBuf>,
    /// A value for a parameter of the template, for example ModelMemory=4096. Repeatable.
    #[arg(long = "parameter", global = true, value_name = "NAME=VALUE", value_parser = name_and_value)]
    pub parameters: Vec<(String, String)>,
    /// Ask every caller for a token or an API key, as on AWS, also where the documents show no authentication.
    #[arg(long, global = true)]
    pub require_login: bool,
    /// The Python that trains and serves (3.10 or later).
    #[arg(long, global = true, value_name = "PROGRAM", env = "SERVEML_PYTHON_PROGRAM", default_value = "python3")]
    pub python: String,
    /// Stop a deployed model's process after so many seconds without a call.
    #[arg(long, global = true, value_name = "SECONDS", default_value_t = 60, env = "SERVEML_MODEL_IDLE")]
    pub model_idle: u64,
    /// Write log lines as JSON, one object a line.
    #[arg(long, global = true)]
    pub json: bool,
    /// Stop when standard input closes: for programs that start this one and must not leave it behind.
    #[arg(long, global = true, hide = true)]
    pub until_input_closes: bool,
    /// Write into a folder, when the platform stops, which rights of the template were used and which calls were refused.
    #[arg(long, global = true, value_name = "FOLDER", env = "SERVEML_RIGHTS_REPORT")]
    pub rights_report: Option<PathBuf>,
    /// Show problems only, not each request and function output.
    #[arg(long, short, global = true)]
    pub quiet: bool,
}

/// Options of `deploy`.
#[derive(Debug, Args)]
pub struct Deploy {
    /// The training script. It must log its model with mlflow.<flavor>.log_model.
    pub script: PathBuf,
    /// The model's name. [default: the script's name without .py]
    #[arg(long)]
    pub model: Option<String>,
    /// The experiment's name. [default: the model's name]
    #[arg(long)]
    pub experiment: Option<String>,
    /// A package that the script needs, for example scikit-learn==1.7.0. Repeatable. [default: the script's own `# /// script` block]
    #[arg(long = "requirement", value_name = "REQUIREMENT")]
    pub requirements: Vec<String>,
    /// An environment variable for the script. Repeatable.
    #[arg(long = "env", value_name = "NAME=VALUE", value_parser = name_and_value)]
    pub environment: Vec<(String, String)>,
    /// After how many seconds the script is stopped, 60 to 3600.
    #[arg(long, default_value_t = 300)]
    pub timeout: u32,
    /// The most instances of the model at once; without it as many as are called for.
    #[arg(long)]
    pub replicas: Option<u32>,
    /// The address of a running platform, for example the ApiUrl that `sam deploy` printed.
    #[arg(long, env = "SERVEML_URL")]
    pub url: Option<String>,
    /// An API key or token for that platform.
    #[arg(long, value_name = "KEY", env = "SERVEML_API_KEY", hide_env_values = true)]
    pub api_key: Option<String>,
}

fn name_and_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("must be NAME=VALUE".to_owned()),
    }
}
