//! Errors of syntax, found before anything is installed for a script that cannot run.

use std::path::Path;
use std::time::Duration;

use tokio::process::Command;
use tokio::sync::watch;

use super::capture::Capture;
use super::interpreter::{self, Interpreter};
use super::supervise::{self, Ending, Limits};

/// Reads the script as Python would, and shows an error of syntax as Python would. Runs nothing of it.
const PROGRAM: &str = "\
import sys, traceback
try:
    with open(sys.argv[1], 'rb') as file:
        compile(file.read(), sys.argv[1], 'exec', dont_inherit=True)
except SyntaxError as error:
    error.__traceback__ = None
    traceback.print_exception(SyntaxError, error, None)
    sys.exit(3)
except BaseException:
    pass
";
const FOUND: i32 = 3;
const LIMITS: Limits = Limits { time: Duration::from_secs(20), memory: None, processes: 16 };

/// True when the script has an error of syntax; what Python says about it is in `capture` then. A script that Python
/// cannot decide upon in time counts as one without.
pub async fn has_error(python: &Interpreter, folder: &Path, script: &str, cancelled: watch::Receiver<bool>, capture: &mut Capture) -> bool {
    let mut command = Command::new(&python.program);
    command.args(["-I", "-W", "ignore", "-c", PROGRAM, script]).current_dir(folder);
    command.env_clear().envs(interpreter::base_variables()).env("PYTHONUTF8", "1");
    match supervise::run(command, LIMITS, cancelled, capture).await {
        Ok(Ending::Exited(status)) => status.code() == Some(FOUND),
        Ok(_) => false,
        Err(error) => {
            tracing::warn!(%error, "the script's syntax could not be checked");
            false
        }
    }
}
