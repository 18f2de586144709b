//! The supervisor's own side: it runs one process, and ends with it or with the cloud, leaving nothing behind.

use std::ffi::OsString;
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::{SigSet, Signal, kill, killpg, raise};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Pid, getpid, setsid};

use super::STOP;

/// How often a process that was killed is looked for again, until it is gone.
const KILL_INTERVAL: Duration = Duration::from_millis(5);

/// The supervisor program: `serveml-supervise GRACE_MS PROGRAM NAME [ARGUMENT…]`, with the lifeline as its standard
/// input. It gives the process's exit code to exit with; where a signal ended the process, it ends by that signal itself.
pub fn main() -> i32 {
    let mut arguments = std::env::args_os().skip(1);
    let grace = arguments.next().and_then(|text| text.to_str()?.parse().ok()).map(Duration::from_millis);
    let (Some(grace), Some(program), Some(name)) = (grace, arguments.next(), arguments.next()) else {
        eprintln!("{} is started by the laptop cloud, not by hand", super::PROGRAM_NAME);
        return 2;
    };
    match run(grace, &program, &name, arguments.collect()) {
        Ok(Ended::Code(code)) => code,
        Ok(Ended::Signal(signal)) => die_of(signal),
        Err(message) => {
            eprintln!("{message}");
            127
        }
    }
}

enum Ended {
    Code(i32),
    Signal(Signal),
}

fn run(grace: Duration, program: &OsString, name: &OsString, arguments: Vec<OsString>) -> Result<Ended, String> {
    // A session of its own: a Ctrl-C in the terminal is the cloud's to handle. It fails only for a group's leader,
    // which is as much apart already.
    let _ = setsid();
    // What lost its parent becomes ours, so that it can be found and killed.
    #[cfg(target_os = "linux")]
    nix::sys::prctl::set_child_subreaper(true).map_err(|error| format!("cannot adopt orphans: {error}"))?;
    // A crash is told by its signal; memory images on disk would only fill it.
    let _ = setrlimit(Resource::RLIMIT_CORE, 0, 0);
    let mut signals = SigSet::empty();
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP] {
        signals.add(signal);
    }
    signals.thread_block().map_err(|error| format!("cannot hold back signals: {error}"))?;

    let child = Command::new(program)
        .arg0(name)
        .args(arguments)
        .stdin(Stdio::null())
        .process_group(0)
        .spawn()
        .map_err(|error| format!("cannot start {}: {error}", program.to_string_lossy()))?;
    let child = Pid::from_raw(i32::try_from(child.id()).map_err(|error| error.to_string())?);

    thread::spawn(move || watch_lifeline(child, grace));
    thread::spawn(move || {
        if signals.wait().is_ok() {
            stop(child, grace);
        }
    });
    let ended = wait_for(child)?;
    // What it left behind ends with it.
    kill_until_none_is_left(child);
    Ok(ended)
}

/// Reads the lifeline: a byte asks for an orderly end, its closing kills.
fn watch_lifeline(child: Pid, grace: Duration) {
    let mut lifeline = std::io::stdin();
    let mut byte = [0];
    loop {
        match lifeline.read(&mut byte) {
            Ok(0) => break,
            Ok(_) if byte[0] == STOP => {
                thread::spawn(move || stop(child, grace));
            }
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(_) => break,
        }
    }
    kill_for_ever(child);
}

fn stop(child: Pid, grace: Duration) {
    let _ = killpg(child, Signal::SIGTERM);
    thread::sleep(grace);
    kill_for_ever(child);
}

/// Kills until the main thread, which collects the dead, ends this process.
fn kill_for_ever(child: Pid) -> ! {
    let _ = killpg(child, Signal::SIGKILL);
    loop {
        kill_descendants();
        thread::sleep(KILL_INTERVAL);
    }
}

/// Collects every process that ends, until `child` has.
fn wait_for(child: Pid) -> Result<Ended, String> {
    loop {
        match waitpid(None, None) {
            Ok(WaitStatus::Exited(pid, code)) if pid == child => return Ok(Ended::Code(code)),
            Ok(WaitStatus::Signaled(pid, signal, _)) if pid == child => return Ok(Ended::Signal(signal)),
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(format!("cannot wait for the process: {error}")),
        }
    }
}

fn kill_until_none_is_left(child: Pid) {
    // On macOS orphans are not ours; the group is all that can be reached.
    #[cfg(not(target_os = "linux"))]
    let _ = killpg(child, Signal::SIGKILL);
    #[cfg(target_os = "linux")]
    let _ = child;
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::StillAlive) => {
                kill_descendants();
                thread::sleep(KILL_INTERVAL);
            }
            Ok(_) | Err(Errno::EINTR) => {}
            Err(_) => return,
        }
    }
}

fn kill_descendants() {
    for pid in descendants_of(getpid().as_raw()) {
        let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
    }
}

/// The processes whose parent, or parent's parent, and so on, is `ancestor`. Empty where there is no `/proc`.
pub(crate) fn descendants_of(ancestor: i32) -> Vec<i32> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    let mut parents: Vec<(i32, i32)> = Vec::new();
    for entry in entries.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        let Ok(stat) = std::fs::read_to_string(entry.path().join("stat")) else { continue };
        // The name in parentheses may hold anything; state and parent follow its last parenthesis.
        let parent = stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(1)?.parse().ok());
        parents.extend(parent.map(|parent| (pid, parent)));
    }
    let mut found = Vec::new();
    let mut generation = vec![ancestor];
    while let Some(parent) = generation.pop() {
        for (pid, _) in parents.iter().filter(|(pid, its_parent)| *its_parent == parent && *pid != parent) {
            found.push(*pid);
            generation.push(*pid);
        }
    }
    found
}

/// Ends this process by the signal that ended the child, so that the cloud sees what happened.
fn die_of(signal: Signal) -> i32 {
    let mut set = SigSet::empty();
    set.add(signal);
    let _ = set.thread_unblock();
    // The runtime's own handlers for faults stand aside after the first one.
    let _ = raise(signal);
    let _ = raise(signal);
    128 + signal as i32
}
