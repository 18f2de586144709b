//! One Python process that holds the model.

use super::frame::{self, Exception, LENGTHS};
use crate::{
    engine::{Asked, Problem, Ready, contributions::Ensembles},
    inputs::Batch,
    outputs::Outputs,
};
use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};
use serde::Deserialize;
use serde_json::Value;
use std::{os::unix::process::ExitStatusExt, path::PathBuf, process::ExitStatus, process::Stdio};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    process::{Child, ChildStdin, ChildStdout, Command},
    time::{Duration, Instant, timeout, timeout_at},
};

/// The worker's program.
const PROGRAM: &str = include_str!("worker.py");
/// Reads the program from the pipe on which the frames follow, so that no file and no long argument is needed.
const BOOTSTRAP: &str = "import os,sys\n\
    size,source=int(sys.argv[1]),b''\n\
    while len(source)<size:\n source+=os.read(0,size-len(source)) or sys.exit(1)\n\
    exec(compile(source,'<model worker>','exec'))";
/// The longest line of a model's output that is kept whole, in bytes.
const LINE_LIMIT: usize = 16 * 1024;

/// How to start workers.
#[derive(Clone, Debug)]
pub struct Recipe {
    /// The interpreter.
    pub python: PathBuf,
    /// The process's whole environment.
    pub environment: Vec<(String, String)>,
    /// The first frame: what to load and from where.
    pub order: Value,
    /// The model's trees, once a worker has handed them over.
    pub ensembles: Ensembles,
}

/// A running process with a loaded model.
#[derive(Debug)]
pub struct Worker {
    child: Child,
    group: Option<Pid>,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    next_id: u64,
    ensembles: Ensembles,
}

/// Why a worker did not come up.
#[derive(Debug)]
pub enum StartFailure {
    /// The model's files or packages are at fault: trying again changes nothing.
    Load(String),
    /// The process ended or could not be started: trying again may help.
    Process(String),
}

#[derive(Deserialize)]
struct Greeting {
    ready: bool,
    #[serde(default)]
    error: Option<Exception>,
}

impl Worker {
    /// Starts a process and waits until it has loaded the model.
    ///
    /// `cheap` lets it leave out imports that the model probably does not need; where that fails, try again without.
    ///
    /// # Errors
    /// [`StartFailure`]
    pub async fn start(recipe: &Recipe, cheap: bool, limit: Duration) -> Result<(Self, Ready), StartFailure> {
        let mut command = Command::new(&recipe.python);
        command
            // Isolated, without the interpreter's own packages, leaving no compiled files behind.
            .args(["-I", "-S", "-u", "-B", "-c", BOOTSTRAP])
            .arg(PROGRAM.len().to_string())
            .current_dir(std::env::temp_dir())
            .env_clear()
            .envs(recipe.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        let refused = |cause: &dyn std::fmt::Display| {
            StartFailure::Process(format!("Python ({}) cannot be started: {cause}", recipe.python.display()))
        };
        let mut child = command.spawn().map_err(|cause| refused(&cause))?;
        let (Some(input), Some(output), Some(errors)) = (child.stdin.take(), child.stdout.take(), child.stderr.take()) else {
            return Err(refused(&"its pipes are missing"));
        };
        tokio::spawn(forward(errors));
        let group = child.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw);
        let output = BufReader::with_capacity(1 << 16, output);
        let mut worker = Self { child, group, input, output, next_id: 0, ensembles: Ensembles::clone(&recipe.ensembles) };
        let mut order = recipe.order.clone();
        order["cheap"] = Value::from(cheap);
        let mut opening = PROGRAM.as_bytes().to_vec();
        opening.extend(frame::frame(&order, &[]));
        match timeout(limit, worker.exchange(&opening)).await {
            Ok(Ok((header, _))) => worker.greeted(&header),
            Ok(Err(_)) => Err(StartFailure::Process(format!("Python ended while it loaded the model ({})", worker.end().await))),
            Err(_) => {
                worker.kill().await;
                Err(StartFailure::Process(format!("the model was not loaded within {} s", limit.as_secs())))
            }
        }
    }

    fn greeted(self, header: &[u8]) -> Result<(Self, Ready), StartFailure> {
        let broken = |problem: serde_json::Error| StartFailure::Process(format!("the worker's greeting is broken: {problem}"));
        let greeting: Greeting = serde_json::from_slice(header).map_err(broken)?;
        match greeting.error {
            _ if greeting.ready => Ok((self, serde_json::from_slice(header).map_err(broken)?)),
            Some(Exception { kind, message }) => Err(StartFailure::Load(format!("{kind}: {message}"))),
            None => Err(StartFailure::Load("the worker gave no reason".to_owned())),
        }
    }

    /// Predicts. The outer error means that this worker is of no more use and must be dropped; it is the inner answer then.
    pub async fn predict(&mut self, batch: &Batch, asked: Asked, deadline: Instant) -> Result<Result<Outputs, Problem>, Problem> {
        self.next_id += 1;
        let id = self.next_id;
        let time = deadline.saturating_duration_since(Instant::now());
        let question = frame::question(id, batch, asked, time, &self.ensembles);
        match timeout_at(deadline, self.exchange(&question)).await {
            Ok(Ok((header, payload))) => match frame::answer(id, batch.rows, &header, &payload, &self.ensembles) {
                Some(answer) => Ok(answer),
                None => {
                    self.kill().await;
                    Err(Problem::Ended("its answer could not be read".to_owned()))
                }
            },
            Ok(Err(_)) => Err(Problem::Ended(self.end().await)),
            Err(_) => {
                self.kill().await;
                Err(Problem::Late)
            }
        }
    }

    /// Waits until the process has ended by itself.
    pub async fn ended(&mut self) -> String {
        match self.child.wait().await {
            Ok(status) => described(status),
            Err(cause) => cause.to_string(),
        }
    }

    async fn exchange(&mut self, bytes: &[u8]) -> std::io::Result<(Vec<u8>, Vec<u8>)> {
        self.input.write_all(bytes).await?;
        self.input.flush().await?;
        let mut lengths = [0; LENGTHS];
        self.output.read_exact(&mut lengths).await?;
        let Some((header, payload)) = frame::lengths(lengths) else {
            return Err(std::io::Error::from(std::io::ErrorKind::InvalidData));
        };
        let mut bytes = vec![0; header + payload];
        self.output.read_exact(&mut bytes).await?;
        let payload = bytes.split_off(header);
        Ok((bytes, payload))
    }

    /// How the process ended; one that has closed its pipe and lives on is killed.
    async fn end(&mut self) -> String {
        match timeout(Duration::from_secs(2), self.child.wait()).await {
            Ok(Ok(status)) => {
                self.kill_group();
                described(status)
            }
            Ok(Err(cause)) => cause.to_string(),
            Err(_) => {
                self.kill().await;
                "it closed its pipe".to_owned()
            }
        }
    }

    /// Kills the process and all that it has started, and waits for it.
    pub async fn kill(&mut self) {
        self.kill_group();
        let _ = self.child.kill().await;
    }

    fn kill_group(&self) {
        if let Some(group) = self.group {
            let _ = killpg(group, Signal::SIGKILL);
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // While the process has not been waited for its id is its own; afterwards the group may be another's.
        if self.child.id().is_some() {
            self.kill_group();
        }
    }
}

fn described(status: ExitStatus) -> String {
    match (status.signal(), status.code()) {
        (Some(9), _) => "signal 9: killed, most often for want of memory".to_owned(),
        (Some(signal), _) => format!("signal {signal}"),
        (None, Some(code)) => format!("exit code {code}"),
        (None, None) => "unknown".to_owned(),
    }
}

/// Writes what the model prints to the log, line by line, each as a record of its own so that none can pass for one of ours.
async fn forward(errors: tokio::process::ChildStderr) {
    let mut reader = BufReader::new(errors);
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = (&mut reader).take(LINE_LIMIT as u64).read_until(b'\n', &mut line).await;
        match read {
            Ok(0) | Err(_) => return,
            Ok(_) => crate::log::model_output(String::from_utf8_lossy(&line).trim_end()),
        }
    }
}
