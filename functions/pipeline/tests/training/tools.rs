//! What the tests need of Python: `uv`, in the project's target folder.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The version of `uv` that `infra/tools/build.py` takes too.
const UV: &str = "uv==0.13.9";

/// The folder that holds `uv`; fetched once, whatever tests run at the same time.
pub fn folder() -> PathBuf {
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target");
    std::fs::create_dir_all(&target).unwrap();
    let target = target.canonicalize().unwrap();
    let tools = target.join("python-tools");
    let programs = tools.join("bin");
    let lock = File::options().create(true).truncate(false).write(true).open(target.join("python-tools.lock")).unwrap();
    lock.lock().unwrap();
    if !programs.join("uv").is_file() {
        let _ = fs::remove_dir_all(&tools);
        run(Command::new("python3").args(["-m", "venv"]).arg(&tools));
        run(Command::new(programs.join("python")).args(["-m", "pip", "install", "--quiet", UV]));
    }
    programs
}

/// The folder of `uv`'s cache, kept between runs.
pub fn cache() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/python-cache");
    fs::create_dir_all(&folder).unwrap();
    folder.canonicalize().unwrap()
}

fn run(command: &mut Command) {
    let status = command.status().unwrap();
    assert!(status.success(), "{command:?}: {status}");
}
