//! Runs one process with everything that comes of it, within its limits, to its end.

use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use nix::unistd::Pid;
use tokio::io::AsyncReadExt as _;
use tokio::net::unix::pipe::Receiver;
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout};

use super::capture::Capture;
use super::process_tree::{self, ProcessTree};

/// How long a process has between being asked to end and being killed.
pub const GRACE: Duration = Duration::from_secs(5);
/// How often output without a line's end is passed on, and memory is looked at.
const TICK: Duration = Duration::from_millis(200);
/// How long the last output is read when all processes have ended.
const DRAIN_TIME: Duration = Duration::from_secs(2);
const READ_SIZE: usize = 64 * 1024;

/// What a process and its descendants may use.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// How long it may run.
    pub time: Duration,
    /// How much memory there is for all of them, in bytes; `None` where the system alone decides.
    pub memory: Option<u64>,
    /// How many processes there may be at once.
    pub processes: usize,
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// By itself, or by a signal of others.
    Exited(ExitStatus),
    /// It ran past its time.
    TimedOut,
    /// It used more memory than there is.
    OutOfMemory,
    /// It started more processes than it may.
    TooManyProcesses,
    /// Somebody asked to cancel.
    Cancelled,
}

/// Runs a command in a process group of its own, its output and errors merged into `capture` as they come. When this
/// returns, nothing that came of it is left running.
///
/// # Errors
/// When it cannot be started or awaited.
pub async fn run(mut command: Command, limits: Limits, mut cancelled: watch::Receiver<bool>, capture: &mut Capture) -> io::Result<Ending> {
    process_tree::adopt_orphans();
    let (reader, writer) = io::pipe()?;
    command.stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer).process_group(0).kill_on_drop(true);
    let child = command.spawn()?;
    // The command holds this program's ends of the pipe: without them, the output ends when the last process does.
    drop(command);
    let id = child.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw);
    let id = id.ok_or_else(|| io::Error::other("the process has no id"))?;
    let reader = Receiver::from_owned_fd(reader.into())?;
    let mut running = Running { child, tree: ProcessTree::new(id), reader, open: true, buffer: Vec::with_capacity(READ_SIZE) };

    let ending = running.until_end_or_limit(limits, &mut cancelled, capture).await?;
    match ending {
        // What it left running is not wanted any more.
        Ending::Exited(_) => {}
        Ending::TimedOut | Ending::Cancelled => running.end_gently(capture).await?,
        Ending::OutOfMemory | Ending::TooManyProcesses => {}
    }
    running.tree.kill().await;
    running.drain(capture).await;
    timeout(DRAIN_TIME, running.child.wait()).await.unwrap_or_else(|_| Err(io::Error::other("a killed process does not end")))?;
    Ok(ending)
}

struct Running {
    child: Child,
    tree: ProcessTree,
    reader: Receiver,
    open: bool,
    buffer: Vec<u8>,
}

impl Running {
    async fn until_end_or_limit(
        &mut self,
        limits: Limits,
        cancelled: &mut watch::Receiver<bool>,
        capture: &mut Capture,
    ) -> io::Result<Ending> {
        let deadline = Instant::now() + limits.time;
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                status = self.child.wait() => return status.map(Ending::Exited),
                () = sleep_until(deadline) => return Ok(Ending::TimedOut),
                true = asked(cancelled) => return Ok(Ending::Cancelled),
                result = self.reader.read_buf(&mut self.buffer), if self.open => {
                    self.open = result? > 0;
                    capture.read(&self.buffer);
                    self.buffer.clear();
                }
                _ = ticks.tick() => {
                    capture.tick();
                    if let Some(ending) = self.exceeded(limits).await {
                        return Ok(ending);
                    }
                }
            }
        }
    }

    async fn exceeded(&mut self, limits: Limits) -> Option<Ending> {
        let usage = self.tree.usage().await;
        if usage.processes.len() > limits.processes {
            return Some(Ending::TooManyProcesses);
        }
        let most = limits.memory?;
        // Processes share memory: only when the sum of each is too much is it worth counting exactly.
        if usage.memory <= most {
            return None;
        }
        let used = process_tree::proportional_memory(usage.processes).await.unwrap_or(usage.memory);
        (used > most).then_some(Ending::OutOfMemory)
    }

    /// Asks everything to end and waits for that, reading what it still says.
    async fn end_gently(&mut self, capture: &mut Capture) -> io::Result<()> {
        self.tree.ask_to_end().await;
        let deadline = Instant::now() + GRACE;
        let mut ticks = interval(TICK);
        let mut ended = false;
        loop {
            tokio::select! {
                status = self.child.wait(), if !ended => {
                    status?;
                    ended = true;
                }
                result = self.reader.read_buf(&mut self.buffer), if self.open => {
                    self.open = result? > 0;
                    capture.read(&self.buffer);
                    self.buffer.clear();
                }
                _ = ticks.tick() => {
                    if ended && self.tree.usage().await.processes.is_empty() {
                        return Ok(());
                    }
                }
                () = sleep_until(deadline) => return Ok(()),
            }
        }
    }

    /// Reads what is still in the pipe.
    async fn drain(&mut self, capture: &mut Capture) {
        let deadline = Instant::now() + DRAIN_TIME;
        while self.open {
            tokio::select! {
                result = self.reader.read_buf(&mut self.buffer) => {
                    self.open = matches!(result, Ok(length) if length > 0);
                    capture.read(&self.buffer);
                    self.buffer.clear();
                }
                () = sleep_until(deadline) => return,
            }
        }
    }
}

/// Ends when somebody asked to cancel: with true. Never ends when nobody can ask any more.
async fn asked(cancelled: &mut watch::Receiver<bool>) -> bool {
    let asked = cancelled.wait_for(|asked| *asked).await.is_ok();
    if asked { true } else { std::future::pending().await }
}
