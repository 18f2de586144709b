//! The programs that training needs: `python3` and `uv`, found on `PATH`.

use std::ffi::OsString;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;

/// The oldest Python that trains.
const OLDEST: (u32, u32) = (3, 10);
/// How long Python has to say which one it is.
const ANSWER_TIME: Duration = Duration::from_secs(20);
const QUESTION: &str = "import sys; print('%d.%d.%d' % sys.version_info[:3]); print(sys.implementation.cache_tag); print(sys.executable)";

/// A Python interpreter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interpreter {
    /// The program itself, behind any launcher that `PATH` may name.
    pub program: PathBuf,
    /// Its version, for example `3.11.7`.
    pub version: String,
    /// Its kind, for example `cpython-311`.
    pub kind: String,
}

impl Interpreter {
    /// The `python3` on `PATH`.
    ///
    /// # Errors
    /// A text for a person when there is none, it does not start, or it is too old.
    pub async fn find() -> Result<Self, String> {
        let found = find_program("python3").ok_or("there is no python3 on PATH")?;
        let mut command = Command::new(&found);
        command.args(["-I", "-c", QUESTION]).stdin(Stdio::null()).kill_on_drop(true).env_clear().envs(base_variables());
        let failed = |why: String| format!("{} does not work: {why}", found.display());
        let output = timeout(ANSWER_TIME, command.output())
            .await
            .map_err(|_| failed("it does not answer".to_owned()))?
            .map_err(|error| failed(error.to_string()))?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let mut lines = text.lines();
        let (Some(version), Some(kind), Some(program), true) = (lines.next(), lines.next(), lines.next(), output.status.success()) else {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(failed(said.lines().last().unwrap_or("it said nothing").chars().take(300).collect()));
        };
        let mut numbers = version.split('.').map_while(|number| number.parse().ok());
        if (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) < OLDEST {
            return Err(format!("{program} is Python {version}; {}.{} or later is needed", OLDEST.0, OLDEST.1));
        }
        Ok(Self { program: PathBuf::from(program), version: version.to_owned(), kind: kind.to_owned() })
    }
}

/// The first executable file of that name on `PATH`.
pub fn find_program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).filter(|folder| folder.is_absolute()).map(|folder| folder.join(name)).find(|file| is_executable(file))
}

fn is_executable(file: &Path) -> bool {
    file.metadata().is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

/// The variables that every program needs that is started here.
pub fn base_variables() -> Vec<(OsString, OsString)> {
    let mut variables = vec![(OsString::from("LANG"), OsString::from("C.UTF-8"))];
    for name in ["PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH"] {
        variables.extend(std::env::var_os(name).map(|value| (OsString::from(name), value)));
    }
    variables
}

/// A missing program, as a person needs to know it.
///
/// # Errors
/// A text that names it.
pub fn require_program(name: &str) -> Result<PathBuf, String> {
    find_program(name).ok_or_else(|| format!("there is no {name} on PATH"))
}

/// What to say when a program cannot be run.
pub fn cannot_run(program: &Path, error: &io::Error) -> String {
    format!("{} cannot be run: {error}", program.display())
}
