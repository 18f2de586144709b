//! Everything that came of a process, wherever it put itself: found, measured, ended.
//!
//! On Linux this program adopts the orphans among its descendants, so that no process can leave by starting a session
//! of its own. Elsewhere what stays in the process group is found, and what is still a descendant.

use std::collections::HashMap;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::{Pid, getpgid, getpgrp};
use sysinfo::{ProcessRefreshKind, ProcessStatus, ProcessesToUpdate, System};
use tokio::time::{Instant, sleep};

/// For how long processes are killed again and again before they are given up.
const KILL_TIME: Duration = Duration::from_secs(10);
const KILL_INTERVAL: Duration = Duration::from_millis(5);

/// The descendants of this program. It runs one script, or one installation, at a time: they are all of that.
#[derive(Debug)]
pub struct ProcessTree {
    system: Option<System>,
    /// The process that this program started itself; its end is awaited by its own handle.
    root: Pid,
}

/// What the descendants use.
#[derive(Debug, Clone, Default)]
pub struct Usage {
    /// The processes that run.
    pub processes: Vec<Pid>,
    /// Their memory in bytes.
    pub memory: u64,
}

/// Makes orphans among the descendants this program's own children.
pub fn adopt_orphans() {
    #[cfg(target_os = "linux")]
    if let Err(error) = nix::sys::prctl::set_child_subreaper(true) {
        tracing::warn!(%error, "processes that a script leaves behind cannot be found");
    }
}

impl ProcessTree {
    /// What comes of the process `root`, which this program has started.
    pub fn new(root: Pid) -> Self {
        Self { system: new_system(), root }
    }

    /// The descendants as they are now. Ones that ended and were adopted are cleared away.
    pub async fn usage(&mut self) -> Usage {
        let Some(mut system) = self.system.take() else { return Usage::default() };
        let root = self.root;
        // Reading every process takes milliseconds, which belong to no other task.
        match tokio::task::spawn_blocking(move || (look(&mut system, root), system)).await {
            Ok((usage, system)) => {
                self.system = Some(system);
                usage
            }
            Err(error) => {
                tracing::error!(%error, "the script's processes could not be listed");
                self.system = new_system();
                Usage::default()
            }
        }
    }

    /// Asks all of them to end.
    pub async fn ask_to_end(&mut self) {
        send_to_group(self.root, Signal::SIGTERM);
        for process in self.usage().await.processes {
            // Those in the first process's group have the signal already.
            if getpgid(Some(process)) != Ok(self.root) {
                send(process, Signal::SIGTERM);
            }
        }
    }

    /// Ends all of them, and those that they start meanwhile. Returns false when some could not be ended.
    pub async fn kill(&mut self) -> bool {
        let end = Instant::now() + KILL_TIME;
        loop {
            send_to_group(self.root, Signal::SIGKILL);
            let alive = self.usage().await.processes;
            if alive.is_empty() {
                return true;
            }
            for &process in &alive {
                // A whole group at once outruns processes that keep starting others.
                match getpgid(Some(process)) {
                    Ok(group) if group != getpgrp() => send_to_group(group, Signal::SIGKILL),
                    _ => send(process, Signal::SIGKILL),
                }
            }
            if Instant::now() > end {
                tracing::error!(?alive, "processes of the script could not be ended");
                return false;
            }
            sleep(KILL_INTERVAL).await;
        }
    }
}

fn new_system() -> Option<System> {
    System::new().inspect_err(|error| tracing::error!(%error, "this system's processes cannot be listed")).ok()
}

fn send(process: Pid, signal: Signal) {
    match kill(process, signal) {
        Ok(()) | Err(Errno::ESRCH) => {}
        Err(error) => tracing::warn!(%error, %process, "a process of the script cannot be signalled"),
    }
}

fn send_to_group(group: Pid, signal: Signal) {
    // EPERM is macOS's answer for a group of which only ended processes are left.
    match killpg(group, signal) {
        Ok(()) | Err(Errno::ESRCH | Errno::EPERM) => {}
        Err(error) => tracing::warn!(%error, %group, "the script's process group cannot be signalled"),
    }
}

fn look(system: &mut System, root: Pid) -> Usage {
    system.refresh_processes_specifics(ProcessesToUpdate::All, true, ProcessRefreshKind::nothing().with_memory());
    let own = std::process::id();
    let mut children: HashMap<u32, Vec<&sysinfo::Process>> = HashMap::new();
    for process in system.processes().values().filter(|process| process.thread_kind().is_none()) {
        if let Some(parent) = process.parent() {
            children.entry(parent.as_u32()).or_default().push(process);
        }
    }
    let mut usage = Usage::default();
    let mut to_visit = vec![own];
    while let Some(parent) = to_visit.pop() {
        for process in children.remove(&parent).unwrap_or_default() {
            let Ok(id) = i32::try_from(process.pid().as_u32()) else { continue };
            let id = Pid::from_raw(id);
            to_visit.push(process.pid().as_u32());
            if matches!(process.status(), ProcessStatus::Zombie | ProcessStatus::Dead) {
                if parent == own && id != root {
                    clear_away(id);
                }
                continue;
            }
            usage.processes.push(id);
            usage.memory += process.memory();
        }
    }
    usage
}

/// Takes the exit status of an adopted process that ended, so that it is gone for good.
fn clear_away(process: Pid) {
    use nix::sys::wait::{WaitPidFlag, waitpid};
    // It may not be ours after all; then there is nothing to clear.
    let _ = waitpid(process, Some(WaitPidFlag::WNOHANG));
}

/// The memory of processes without counting twice what they share, in bytes; `None` where the system does not tell.
pub async fn proportional_memory(processes: Vec<Pid>) -> Option<u64> {
    let read = move || processes.into_iter().filter_map(proportional).reduce(|sum, one| sum + one);
    tokio::task::spawn_blocking(read).await.ok().flatten()
}

fn proportional(process: Pid) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{process}/smaps_rollup")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
}
