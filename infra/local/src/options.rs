//! What a laptop cloud is started with.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// What this machine looks like as a base image: container functions built over it find its Python through a variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseImage {
    /// The tag under which repositories hold it.
    pub tag: String,
    /// The environment variable that holds the absolute path of the interpreter.
    pub python_variable: String,
    /// The label that holds the interpreter's version, for example `3.12`.
    pub python_version_label: String,
}

/// How a laptop cloud runs. [`Options::new`] gives the defaults; every field may be changed before the start.
#[derive(Debug, Clone)]
pub struct Options {
    /// The template to run. Its folder is the project's: relative paths in it start there.
    pub template: PathBuf,
    /// The name of the stack: the first part of the functions' and other resources' names.
    pub stack_name: String,
    /// The folder that holds everything the cloud keeps. One cloud at a time may use it.
    pub data: PathBuf,
    /// The folder for what can be fetched again (Lambda layers, packages); several clouds may share it.
    pub cache: PathBuf,
    /// The port of the HTTP API on `localhost`; 0 takes a free one.
    pub port: u16,
    /// Further host names under which the HTTP API and the function URLs are served, as a tunnel or a proxy forwards them.
    pub allowed_hosts: Vec<String>,
    /// The region that the account is in.
    pub region: String,
    /// Values for the template's parameters, in place of their defaults.
    pub parameters: BTreeMap<String, String>,
    /// The program that functions with a `CodeUri` are started with, under the name of the `CodeUri`'s last folder.
    pub program: PathBuf,
    /// The program that is started as `serveml-supervise` and must then call [`crate::supervise::main`].
    pub supervisor: PathBuf,
    /// The Python that builds Lambda layers, and that the base image offers.
    pub python: String,
    /// An image that every repository holds from the start: this machine as a base for container functions.
    pub base_image: Option<BaseImage>,
    /// After this time without a call, a process of a zip function is stopped.
    pub zip_idle: Duration,
    /// After this time without a call, a process of a container function is stopped.
    pub container_idle: Duration,
    /// How many invocations may run at once, all functions together (Lambda's account limit).
    pub account_concurrency: u32,
    /// How long a Lambda request from the HTTP API may take (API Gateway: 30 s).
    pub integration_timeout: Duration,
    /// How long the two retries of an asynchronous invocation wait (Lambda: one minute, then two).
    pub event_retry_delays: [Duration; 2],
    /// How long after the start a schedule runs for the first time.
    pub first_schedule_delay: Duration,
    /// Log lines as JSON, one object a line, in place of the readable ones.
    pub json_log: bool,
    /// A folder for a report, at the end, of the template's rights that were used and of the calls that were refused.
    pub rights_report: Option<PathBuf>,
    /// No line for requests and functions' output; problems are still told.
    pub quiet: bool,
}

impl Options {
    /// The defaults for a template: data in `.serveml` beside it, cache in the data folder's `cache`, port 8000.
    pub fn new(template: impl Into<PathBuf>) -> std::io::Result<Self> {
        let template = template.into();
        let project = template.parent().map(PathBuf::from).unwrap_or_default();
        let data = project.join(".serveml");
        let program = std::env::current_exe()?;
        Ok(Self {
            cache: data.join("cache"),
            data,
            template,
            stack_name: "serveml".into(),
            port: 8000,
            allowed_hosts: Vec::new(),
            region: crate::account::DEFAULT_REGION.into(),
            parameters: BTreeMap::new(),
            supervisor: program.clone(),
            program,
            python: "python3".into(),
            base_image: None,
            zip_idle: Duration::from_secs(300),
            container_idle: Duration::from_secs(60),
            account_concurrency: 1000,
            integration_timeout: Duration::from_secs(30),
            event_retry_delays: [Duration::from_secs(2), Duration::from_secs(10)],
            first_schedule_delay: Duration::from_secs(5),
            json_log: false,
            rights_report: None,
            quiet: false,
        })
    }
}
