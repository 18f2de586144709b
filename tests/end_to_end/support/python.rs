//! A real Python with real packages, apart from the user's own: made once for all tests, under the target folder.

use std::path::{Path, PathBuf};
use std::process::Command;

const FOLDER: &str = env!("CARGO_TARGET_TMPDIR");

/// The interpreter of an environment that has these packages.
pub fn environment(name: &str, packages: &[&str]) -> PathBuf {
    let folder = Path::new(FOLDER).join(format!("python-{name}"));
    let python = folder.join("bin/python");
    let lock = std::fs::File::create(Path::new(FOLDER).join(format!("python-{name}.lock"))).unwrap();
    lock.lock().unwrap();
    if folder.join("complete").exists() {
        return python;
    }
    let _ = std::fs::remove_dir_all(&folder);
    run(Command::new("python3").args(["-m", "venv"]).arg(&folder));
    run(Command::new(&python).args(["-m", "pip", "install", "--quiet", "uv"]));
    run(Command::new(folder.join("bin/uv")).args(["pip", "install", "--quiet", "--python"]).arg(&python).args(packages));
    std::fs::write(folder.join("complete"), "").unwrap();
    python
}

/// Runs a command to its end; it must succeed. Returns its output.
pub fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{command:?}\n{text}\n{}", String::from_utf8_lossy(&output.stderr));
    text
}
