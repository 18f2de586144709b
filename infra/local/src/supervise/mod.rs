//! Processes that cannot outlive the cloud.
//!
//! Every process runs under a small supervisor: this same program, started as [`PROGRAM_NAME`]. The cloud holds one end
//! of a pipe, its lifeline; when that end closes, because the cloud ended in whatever way or wants the process gone, the
//! supervisor kills the process and everything that came of it.

mod supervisor;

use std::ffi::OsString;
use std::io::{self, PipeWriter, Write};
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::process::{Child, ChildStderr, ChildStdout};

pub use supervisor::main;

/// The name the supervisor is started under: a program that hosts the cloud calls [`main`] when its `argv[0]` is this.
pub const PROGRAM_NAME: &str = "serveml-supervise";

/// The byte that asks a process to end in its own time.
const STOP: u8 = b'T';

/// A process to start.
#[derive(Debug, Clone)]
pub struct Command {
    /// The program that can be the supervisor ([`crate::options::Options::supervisor`]).
    pub supervisor: PathBuf,
    /// The program to run.
    pub program: PathBuf,
    /// What it finds as its own name (`argv[0]`); its path if `None`.
    pub name: Option<OsString>,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// Its whole environment: nothing is inherited.
    pub environment: Vec<(OsString, OsString)>,
    /// The folder it starts in; the cloud's own if `None`.
    pub folder: Option<PathBuf>,
    /// How long it has between being asked to stop and being killed.
    pub grace: Duration,
}

/// A running process. Dropping it kills it, unless a [`Lifeline`] is held elsewhere.
#[derive(Debug)]
pub struct Process {
    child: Child,
    lifeline: Lifeline,
    /// What it writes to its standard output.
    pub stdout: Option<ChildStdout>,
    /// What it writes to its standard error.
    pub stderr: Option<ChildStderr>,
}

/// What keeps a process alive; it dies when the last clone is dropped or one is cut.
#[derive(Debug, Clone)]
pub struct Lifeline(Arc<Mutex<Option<PipeWriter>>>);

impl Lifeline {
    /// Kills the process and all that came of it, now.
    pub fn cut(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// Asks the process to end (`SIGTERM` to its group); it is killed when its grace time is over.
    pub fn ask_to_stop(&self) {
        if let Some(writer) = self.0.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            // When the supervisor is gone already, there is nobody left to ask.
            let _ = writer.write_all(&[STOP]);
        }
    }
}

/// Starts a process under a supervisor. Must be called within a Tokio runtime.
///
/// A program that does not exist shows as a process that says so on its standard error and exits with 127.
pub fn spawn(command: &Command) -> io::Result<Process> {
    let (reader, writer) = io::pipe()?;
    let mut supervisor = std::process::Command::new(&command.supervisor);
    std::os::unix::process::CommandExt::arg0(&mut supervisor, PROGRAM_NAME);
    supervisor
        .arg(command.grace.as_millis().to_string())
        .arg(&command.program)
        .arg(command.name.as_deref().unwrap_or(command.program.as_os_str()))
        .args(&command.arguments)
        .env_clear()
        .envs(command.environment.iter().map(|(name, value)| (name, value)))
        .stdin(reader)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    if let Some(folder) = &command.folder {
        supervisor.current_dir(folder);
    }
    let mut child = tokio::process::Command::from(supervisor).spawn()?;
    Ok(Process { stdout: child.stdout.take(), stderr: child.stderr.take(), child, lifeline: Lifeline(Arc::new(Mutex::new(Some(writer)))) })
}

impl Process {
    /// The handle that kills or stops the process, for whoever does not wait for it.
    pub fn lifeline(&self) -> Lifeline {
        self.lifeline.clone()
    }

    /// The supervisor's process id.
    pub fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Waits until the process and everything that came of it are gone; gives the process's own status.
    pub async fn wait(&mut self) -> io::Result<ExitStatus> {
        self.child.wait().await
    }
}
