//! Running a tool: no shell, a chosen environment, bounded output, a time limit on its whole process group.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;

use super::ImageError;

/// What is kept of each of a tool's two outputs: the first bytes of it. The rest is read and dropped.
const MOST_OUTPUT: usize = 4 << 20;

/// The variables of this process that a tool may see: where programs, caches and the package index are and how to reach
/// them. Credentials are not among them.
const PASSED: [&str; 22] = [
    "PATH",
    "HOME",
    "TMPDIR",
    "LANG",
    "TZ",
    "XDG_CACHE_HOME",
    "XDG_DATA_HOME",
    "NETRC",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
    "LD_LIBRARY_PATH",
    "USER",
];

/// A tool to run.
#[derive(Debug, Clone)]
pub struct Tool {
    /// The program: a path, or a name that is looked up on `PATH`.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// Its whole environment.
    pub environment: Vec<(OsString, OsString)>,
    /// The folder in which it runs.
    pub folder: PathBuf,
    /// How long it may take.
    pub limit: Duration,
}

/// What a tool did.
#[derive(Debug)]
pub struct Finished {
    /// How it ended.
    pub status: ExitStatus,
    /// The start of its standard output.
    pub output: String,
    /// The start of its error output.
    pub errors: String,
}

/// The environment that package tools get: this process's variables for finding and reaching things, and `UV_*`.
///
/// Where only pip's own variables tell the package index, they are handed on under the names that `uv` knows.
pub fn package_environment() -> Vec<(OsString, OsString)> {
    let mut environment: Vec<(OsString, OsString)> = std::env::vars_os()
        .filter(|(name, _)| name.to_str().is_some_and(|name| PASSED.contains(&name) || name.starts_with("UV_")))
        .collect();
    for (pip, uv) in [
        ("PIP_INDEX_URL", "UV_DEFAULT_INDEX"),
        ("PIP_EXTRA_INDEX_URL", "UV_EXTRA_INDEX_URL"),
        ("PIP_FIND_LINKS", "UV_FIND_LINKS"),
        ("PIP_CERT", "SSL_CERT_FILE"),
    ] {
        let told = environment.iter().any(|(name, _)| name == uv || (uv == "UV_DEFAULT_INDEX" && name == "UV_INDEX_URL"));
        if let (false, Ok(value)) = (told, std::env::var(pip)) {
            // pip separates places by spaces; uv separates files by commas and addresses by spaces.
            let value = if uv == "UV_FIND_LINKS" { value.split_whitespace().collect::<Vec<_>>().join(",") } else { value };
            environment.push((uv.into(), value.into()));
        }
    }
    environment
}

impl Tool {
    /// Runs the tool to its end.
    ///
    /// # Errors
    /// [`ImageError::Tool`] when it does not start, [`ImageError::TimedOut`] when it takes too long. In either case,
    /// and when the returned future is dropped, nothing of its process group is left behind.
    pub async fn run(&self) -> Result<Finished, ImageError> {
        let name = self.program.display();
        let mut child = Command::new(&self.program)
            .args(&self.arguments)
            .env_clear()
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| ImageError::Tool(format!("{name} could not be started: {error}")))?;
        let group = child.id().and_then(|id| i32::try_from(id).ok()).map(|id| Group(Pid::from_raw(id)));
        let (output, errors) = (child.stdout.take(), child.stderr.take());
        let finished = tokio::time::timeout(self.limit, async {
            let (output, errors, status) = tokio::join!(start_of(output), start_of(errors), child.wait());
            let status = status.map_err(|error| ImageError::Tool(format!("{name} could not be waited for: {error}")))?;
            Ok(Finished { status, output, errors })
        })
        .await;
        drop(group);
        finished.unwrap_or_else(|_| Err(ImageError::TimedOut(format!("{name} did not end within {} seconds.", self.limit.as_secs()))))
    }
}

/// A process group that ends when this value does.
struct Group(Pid);

impl Drop for Group {
    fn drop(&mut self) {
        // There is nothing to end when all its processes have ended already.
        let _ = killpg(self.0, Signal::SIGKILL);
    }
}

/// Reads a pipe to its end and keeps its start.
async fn start_of(pipe: Option<impl AsyncRead + Unpin>) -> String {
    let mut kept = Vec::new();
    if let Some(mut pipe) = pipe {
        let mut buffer = vec![0; 16 << 10];
        // A pipe that fails has no more to tell; the exit status decides.
        while let Ok(count @ 1..) = pipe.read(&mut buffer).await {
            let room = MOST_OUTPUT - kept.len();
            kept.extend_from_slice(&buffer[..count.min(room)]);
        }
    }
    String::from_utf8_lossy(&kept).into_owned()
}

/// The program with this name on `PATH`.
pub fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| is_program(file))
}

fn is_program(file: &Path) -> bool {
    nix::unistd::access(file, nix::unistd::AccessFlags::X_OK).is_ok() && file.is_file()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::time::Instant;

    use super::*;

    fn shell(script: &str, limit: Duration) -> Tool {
        Tool {
            program: "/bin/sh".into(),
            arguments: vec!["-c".into(), script.into()],
            environment: vec![("PATH".into(), "/usr/bin:/bin".into()), ("TOLD".into(), "yes".into())],
            folder: "/".into(),
            limit,
        }
    }

    #[tokio::test]
    async fn a_tool_gets_its_environment_and_gives_its_outputs() {
        let finished = shell("echo $TOLD; env | wc -l; echo no >&2; exit 3", Duration::from_secs(20)).run().await.unwrap();
        assert!(finished.output.starts_with("yes\n"), "{}", finished.output);
        let variables: u32 = finished.output.lines().nth(1).unwrap().trim().parse().unwrap();
        assert!(variables <= 5, "PATH, TOLD and what the shell adds: {variables}");
        assert_eq!((finished.errors.as_str(), finished.status.code()), ("no\n", Some(3)));
    }

    #[tokio::test]
    async fn output_without_end_is_bounded() {
        let finished = shell("head -c 9000000 /dev/zero", Duration::from_secs(20)).run().await.unwrap();
        assert_eq!(finished.output.len(), MOST_OUTPUT);
        assert!(finished.status.success());
    }

    #[tokio::test]
    async fn a_tool_that_takes_too_long_ends_with_all_its_children() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("child");
        let script = format!("sleep 300 & echo $! > {}; wait", file.display());
        let started = Instant::now();
        let error = shell(&script, Duration::from_millis(500)).run().await.unwrap_err();
        assert!(matches!(error, ImageError::TimedOut(_)), "{error}");
        assert!(started.elapsed() < Duration::from_secs(20));
        let child: i32 = std::fs::read_to_string(file).unwrap().trim().parse().unwrap();
        // The signal is sent before `run` returns; the process is gone, or waits for its reaper.
        let state = std::fs::read_to_string(format!("/proc/{child}/stat")).unwrap_or_default();
        let gone = state.is_empty() || state.contains(") Z ") || state.contains(") X ");
        assert!(gone || killed_soon(child), "{state}");
    }

    fn killed_soon(id: i32) -> bool {
        let deadline = Instant::now() + Duration::from_secs(10);
        while Instant::now() < deadline {
            match std::fs::read_to_string(format!("/proc/{id}/stat")) {
                Ok(state) if !state.contains(") Z ") => std::thread::yield_now(),
                _ => return true,
            }
        }
        false
    }

    #[tokio::test]
    async fn a_missing_tool_is_named() {
        let mut tool = shell("", Duration::from_secs(1));
        tool.program = "/nonexistent/uv".into();
        let error = tool.run().await.unwrap_err().to_string();
        assert!(error.contains("/nonexistent/uv"), "{error}");
        assert_eq!(find("no-such-program-anywhere"), None);
        assert!(find("sh").is_some());
    }
}
