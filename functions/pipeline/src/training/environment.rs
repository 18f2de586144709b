//! A Python environment for a set of requirements: made once with `uv`, kept, and used by every script that asks for
//! the same packages.

use std::ffi::OsString;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, SystemTime};

use sha2::{Digest, Sha256};
use tokio::process::Command;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use super::capture::Capture;
use super::interpreter::{self, Interpreter, cannot_run, require_program};
use super::output::JobOutput;
use super::resolver;
use super::supervise::{self, Ending, Limits};

/// The version of how environments are made: a change makes new ones.
const FORMAT: &str = "1";
/// The file in an environment that says it is whole, and by its time when it was last used.
const WHOLE: &str = ".serveml-whole";
/// So many environments are kept, those last used.
const KEPT: usize = 6;
/// What a maker that was killed left behind goes after this time.
const LEFT_BEHIND: Duration = Duration::from_secs(2 * 60 * 60);
/// How long an environment's Python has to start.
const START_TIME: Duration = Duration::from_secs(20);
/// How often a maker looks whether another one is done with the same environment.
const LOCK_INTERVAL: Duration = Duration::from_millis(100);
const MOST_PROCESSES: usize = 256;

/// Settings of `uv` that say where packages come from and how they are fetched; others stay out of it.
const UV_SETTINGS: &[&str] = &[
    "UV_CACHE_DIR",
    "UV_CONCURRENT_",
    "UV_DEFAULT_INDEX",
    "UV_EXCLUDE_NEWER",
    "UV_EXTRA_INDEX_URL",
    "UV_FIND_LINKS",
    "UV_HTTP_",
    "UV_INDEX",
    "UV_INSECURE_HOST",
    "UV_KEYRING_PROVIDER",
    "UV_LINK_MODE",
    "UV_NATIVE_TLS",
    "UV_OFFLINE",
    "UV_REQUEST_TIMEOUT",
    "UV_SYSTEM_CERTS",
];

/// An environment that is whole. While this is held, nobody removes it.
#[derive(Debug)]
pub struct Environment {
    folder: PathBuf,
    _in_use: Option<File>,
}

/// Why there is no environment.
#[derive(Debug)]
pub enum Failure {
    /// The requirements cannot be had; the reason is for their author.
    Requirements(String),
    /// Somebody asked to cancel.
    Cancelled,
    /// The machine is not fit for it.
    Machine(String),
}

impl Environment {
    #[cfg(test)]
    pub(crate) fn at(folder: PathBuf) -> Self {
        Self { folder, _in_use: None }
    }

    /// Where it is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where its programs are.
    pub fn programs(&self) -> PathBuf {
        self.folder.join("bin")
    }

    /// Its Python.
    pub fn python(&self) -> PathBuf {
        self.folder.join("bin/python")
    }
}

/// What is needed to make environments.
#[derive(Debug)]
pub struct Maker {
    /// The Python that they are made of.
    pub python: Interpreter,
    /// How long the installation may take.
    pub time: Duration,
    /// Where to tell about it.
    pub output: JobOutput,
    /// Tells when somebody asked to cancel.
    pub cancelled: watch::Receiver<bool>,
}

impl Maker {
    /// An environment that has the requirements: one that was made before, or a new one.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn environment(&self, requirements: &[String]) -> Result<Environment, Failure> {
        let parent = std::env::temp_dir().join("environments");
        let locks = parent.join("locks");
        fs::create_dir_all(&locks).map_err(|error| machine(format!("{} cannot be made", locks.display()), &error))?;
        let name = name(&self.python, requirements);
        let folder = parent.join(&name);
        let lock_path = locks.join(&name);
        let lock = || {
            let file = File::options().create(true).truncate(false).write(true).open(&lock_path);
            file.map_err(|error| machine(format!("{} cannot be opened", lock_path.display()), &error))
        };
        if !requirements.is_empty() {
            self.output.write(&format!("pip install {}\n", requirements.join(" ")));
        }
        let deadline = Instant::now() + self.time;
        loop {
            let in_use = lock()?;
            self.wait_for(deadline, || in_use.try_lock_shared()).await?;
            if is_whole(&folder).await {
                mark_used(&folder);
                prune(&parent, &locks, &name);
                return Ok(Environment { folder, _in_use: Some(in_use) });
            }
            drop(in_use);
            let making = lock()?;
            self.wait_for(deadline, || making.try_lock()).await?;
            // Another maker may have been quicker.
            if !is_whole(&folder).await {
                self.make(&parent, &folder, requirements, deadline).await?;
            }
        }
    }

    /// Waits for a lock that others hold while they make, or use, the same environment.
    async fn wait_for(&self, deadline: Instant, try_lock: impl Fn() -> Result<(), TryLockError>) -> Result<(), Failure> {
        loop {
            match try_lock() {
                Ok(()) => return Ok(()),
                Err(TryLockError::Error(error)) => return Err(machine("an environment cannot be locked".to_owned(), &error)),
                Err(TryLockError::WouldBlock) if *self.cancelled.borrow() => return Err(Failure::Cancelled),
                Err(TryLockError::WouldBlock) if Instant::now() > deadline => return Err(self.too_long()),
                Err(TryLockError::WouldBlock) => sleep(LOCK_INTERVAL).await,
            }
        }
    }

    async fn make(&self, parent: &Path, folder: &Path, requirements: &[String], deadline: Instant) -> Result<(), Failure> {
        let begin = Instant::now();
        let uv = require_program("uv").map_err(Failure::Machine)?;
        let unfinished = tempfile::Builder::new()
            .prefix("making-")
            .tempdir_in(parent)
            .map_err(|error| machine(format!("no folder can be made in {}", parent.display()), &error))?;
        let new = unfinished.path().join("environment");

        let mut venv = self.uv(&uv, unfinished.path());
        venv.args(["venv", "--no-project", "--no-python-downloads", "--relocatable", "--quiet", "--python"])
            .arg(&self.python.program)
            .arg(&new);
        let (ended_well, said) = self.run(venv, deadline, Capture::silent()).await?;
        if !ended_well {
            return Err(Failure::Machine(format!("no Python environment can be made: {}", resolver::reason(&said))));
        }
        let said = self.install(&uv, &new, unfinished.path(), requirements, deadline).await?;
        let summary = summary(&said, requirements, begin.elapsed());
        fs::write(new.join(WHOLE), &summary).map_err(|error| machine(format!("{} cannot be written", new.display()), &error))?;
        if folder.exists() {
            fs::remove_dir_all(folder).map_err(|error| machine(format!("{} cannot be replaced", folder.display()), &error))?;
        }
        fs::rename(&new, folder).map_err(|error| machine(format!("{} cannot be put in place", folder.display()), &error))?;
        self.output.write(&summary);
        Ok(())
    }

    /// Installs the requirements; returns what `uv` said.
    async fn install(&self, uv: &Path, new: &Path, parent: &Path, requirements: &[String], deadline: Instant) -> Result<String, Failure> {
        if requirements.is_empty() {
            return Ok(String::new());
        }
        // The folder that uv runs in is empty: no name can be taken for a file.
        let empty = parent.join("empty");
        fs::create_dir(&empty).map_err(|error| machine(format!("{} cannot be made", empty.display()), &error))?;
        let mut install = self.uv(uv, &empty);
        install.args(["pip", "install", "--no-progress", "--python"]).arg(new.join("bin/python")).arg("--").args(requirements);
        let (ended_well, said) = self.run(install, deadline, Capture::silent()).await?;
        if !ended_well {
            self.output.write(&said);
            return Err(Failure::Requirements(resolver::reason(&said)));
        }
        Ok(said)
    }

    fn uv(&self, uv: &Path, folder: &Path) -> Command {
        let mut command = Command::new(uv);
        command.args(["--no-config", "--color", "never"]).current_dir(folder).env_clear().envs(uv_variables(std::env::vars_os()));
        command
    }

    async fn run(&self, command: Command, deadline: Instant, mut capture: Capture) -> Result<(bool, String), Failure> {
        let program = PathBuf::from(command.as_std().get_program());
        let limits = Limits { time: deadline.saturating_duration_since(Instant::now()), memory: None, processes: MOST_PROCESSES };
        match supervise::run(command, limits, self.cancelled.clone(), &mut capture).await {
            Ok(Ending::Exited(status)) => Ok((status.success(), capture.finish())),
            Ok(Ending::Cancelled) => Err(Failure::Cancelled),
            Ok(Ending::TimedOut) => {
                self.output.write(&capture.finish());
                Err(self.too_long())
            }
            Ok(Ending::TooManyProcesses | Ending::OutOfMemory) => {
                self.output.write(&capture.finish());
                Err(Failure::Requirements("building them took more than the machine has".to_owned()))
            }
            Err(error) => Err(Failure::Machine(cannot_run(&program, &error))),
        }
    }

    fn too_long(&self) -> Failure {
        Failure::Requirements(format!("installing them took longer than {} seconds and was stopped", self.time.as_secs()))
    }
}

fn machine(doing: String, error: &io::Error) -> Failure {
    Failure::Machine(format!("{doing}: {error}"))
}

/// What sets one environment apart from another.
fn name(python: &Interpreter, requirements: &[String]) -> String {
    let mut sorted = requirements.to_vec();
    sorted.sort();
    let identity = [FORMAT, std::env::consts::ARCH, &python.version, &python.kind, &python.program.to_string_lossy(), &sorted.join("\n")];
    hex::encode(Sha256::digest(identity.join("\0")))[..32].to_owned()
}

/// The environment of `uv` itself.
fn uv_variables(inherited: impl Iterator<Item = (OsString, OsString)>) -> Vec<(OsString, OsString)> {
    let mut variables = interpreter::base_variables();
    let of_network = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy"];
    let of_trust = ["SSL_CERT_FILE", "SSL_CERT_DIR", "SSL_CLIENT_CERT", "NETRC"];
    variables.extend(inherited.filter(|(name, _)| {
        let Some(name) = name.to_str() else { return false };
        of_network.contains(&name) || of_trust.contains(&name) || UV_SETTINGS.iter().any(|setting| name.starts_with(setting))
    }));
    if !variables.iter().any(|(name, _)| name == "UV_CACHE_DIR") {
        variables.push(("UV_CACHE_DIR".into(), std::env::temp_dir().join("uv-cache").into_os_string()));
    }
    variables
}

/// True for an environment that was finished and whose Python still starts.
async fn is_whole(folder: &Path) -> bool {
    if !folder.join(WHOLE).is_file() {
        return false;
    }
    let mut command = Command::new(folder.join("bin/python"));
    command.args(["-I", "-S", "-c", ""]).env_clear().stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    timeout(START_TIME, command.status()).await.is_ok_and(|status| status.is_ok_and(|status| status.success()))
}

fn mark_used(folder: &Path) {
    let marked = File::options().append(true).open(folder.join(WHOLE)).and_then(|file| file.set_modified(SystemTime::now()));
    if let Err(error) = marked {
        tracing::warn!(%error, "the use of an environment cannot be marked");
    }
}

/// Removes the environments that were used longest ago, except those in use, and what makers left behind.
fn prune(parent: &Path, locks: &Path, current: &str) {
    let Ok(entries) = fs::read_dir(parent) else { return };
    let mut known: Vec<(SystemTime, String)> = Vec::new();
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let modified = |path: &Path| fs::metadata(path).and_then(|found| found.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
        if name.starts_with("making-") {
            let age = SystemTime::now().duration_since(modified(&entry.path())).unwrap_or_default();
            if age > LEFT_BEHIND {
                remove(&entry.path());
            }
        } else if name != "locks" && name != current {
            known.push((modified(&entry.path().join(WHOLE)), name));
        }
    }
    known.sort();
    let surplus = (known.len() + 1).saturating_sub(KEPT);
    for (_, name) in known.into_iter().take(surplus) {
        let Ok(lock) = File::options().create(true).truncate(false).write(true).open(locks.join(&name)) else { continue };
        if lock.try_lock().is_ok() {
            remove(&parent.join(&name));
        }
    }
}

fn remove(folder: &Path) {
    if let Err(error) = fs::remove_dir_all(folder) {
        tracing::warn!(%error, folder = %folder.display(), "an old environment cannot be removed");
    }
}

/// One line on what was installed: the packages that were asked for with their versions, the others by number.
fn summary(said: &str, requirements: &[String], took: Duration) -> String {
    let installed: Vec<(&str, &str)> =
        said.lines().filter_map(|line| line.trim_start().strip_prefix("+ ")?.trim_end().split_once("==")).collect();
    let asked: Vec<String> = requirements.iter().map(|requirement| normalised(requirement)).collect();
    let named: Vec<String> =
        installed.iter().filter(|(name, _)| asked.contains(&normalised(name))).map(|(name, version)| format!("{name} {version}")).collect();
    if installed.is_empty() {
        return String::new();
    }
    let others = installed.len() - named.len();
    let others = if others == 0 { String::new() } else { format!(" and {others} more") };
    format!("Installed {}{others} in {:.1} s\n", named.join(", "), took.as_secs_f64())
}

/// A package's name as the index knows it, without version, extras and markers.
fn normalised(requirement: &str) -> String {
    let name = requirement.split(|character: char| !character.is_ascii_alphanumeric() && !matches!(character, '-' | '_' | '.')).next();
    name.unwrap_or_default().to_ascii_lowercase().replace(['_', '.'], "-")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn python(version: &str) -> Interpreter {
        Interpreter { program: "/usr/bin/python3".into(), version: version.to_owned(), kind: "cpython-311".to_owned() }
    }

    fn lines(lines: &[&str]) -> Vec<String> {
        lines.iter().map(|line| (*line).to_owned()).collect()
    }

    #[test]
    fn an_environment_is_known_by_python_and_packages() {
        let one = name(&python("3.11.7"), &lines(&["a", "b"]));
        assert_eq!(one, name(&python("3.11.7"), &lines(&["b", "a"])));
        assert_ne!(one, name(&python("3.12.0"), &lines(&["a", "b"])));
        assert_ne!(one, name(&python("3.11.7"), &lines(&["a"])));
        assert_eq!(one.len(), 32);
    }

    #[test]
    fn what_was_installed_is_told_in_a_line() {
        let said = "Resolved 3 packages in 1ms\n + joblib==1.5.0\n + mlflow==3.13.0\n + scikit-learn==1.7.2\n";
        let told = summary(said, &lines(&["Scikit_Learn==1.7.2", "mlflow>=3.13,<3.14"]), Duration::from_millis(2345));
        assert_eq!(told, "Installed mlflow 3.13.0, scikit-learn 1.7.2 and 1 more in 2.3 s\n");
    }

    #[test]
    fn uv_gets_where_packages_come_from_and_nothing_else() {
        let inherited = ["UV_DEFAULT_INDEX", "UV_PROJECT_ENVIRONMENT", "HTTPS_PROXY", "AWS_SECRET_ACCESS_KEY", "UV_CACHE_DIR"];
        let variables = uv_variables(inherited.iter().map(|name| (OsString::from(name), OsString::from("x"))));
        let has = |name: &str| variables.iter().any(|(known, _)| known == name);
        assert!(has("UV_DEFAULT_INDEX") && has("HTTPS_PROXY") && has("UV_CACHE_DIR"));
        assert!(!has("UV_PROJECT_ENVIRONMENT") && !has("AWS_SECRET_ACCESS_KEY"));
    }
}
