//! The Python environments and the trained models that the tests need, made once and shared by all test programs.
//!
//! They lie in `target/python-tests`, or where `SERVEML_TEST_PYTHON` says. Nothing is installed into the user's own Python.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
};

/// The MLflow versions that models are written with: the last that pickles by default, and the newest.
pub const PINNED: &str = "3.13";
pub const NEWEST: &str = "newest";

/// Packages of the models' environment. `xgboost-cpu` is XGBoost without what graphics cards need.
const PACKAGES: [&str; 6] = ["pandas", "scikit-learn", "xgboost-cpu", "lightgbm", "skops", "cloudpickle"];

/// The interpreter that runs the models.
pub fn interpreter() -> PathBuf {
    std::env::var_os("SERVEML_PYTHON").map_or_else(|| PathBuf::from("python3"), PathBuf::from)
}

/// The folder of packages for a version of MLflow, and the folder of the models written with it.
pub fn environment(version: &str) -> (PathBuf, PathBuf) {
    let base = base();
    fs::create_dir_all(&base).unwrap();
    let lock = File::create(base.join("lock")).unwrap();
    lock.lock().unwrap();
    let packages = base.join(format!("packages-{version}"));
    once(&packages, |folder| {
        let mlflow = if version == NEWEST { "mlflow-skinny>=3.17".to_owned() } else { format!("mlflow-skinny=={version}.*") };
        let mut install = Command::new(uv(&base));
        install.args(["pip", "install", "--quiet", "--compile-bytecode", "--python"]).arg(interpreter());
        install.arg("--target").arg(folder).arg(mlflow).args(PACKAGES).env("UV_CACHE_DIR", base.join("cache"));
        succeed(&mut install);
    });
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/models.py");
    // A changed script makes new models.
    let size = fs::read(&script).unwrap().iter().fold(0_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(u32::from(*byte)));
    let models = base.join(format!("models-{version}-{size:08x}"));
    once(&models, |folder| {
        succeed(Command::new(interpreter()).arg("-B").arg(&script).arg(folder).env("PYTHONPATH", &packages).current_dir(&base));
    });
    (packages, models)
}

/// Compares the engine's contributions with those of the shap package, which is installed for it.
pub fn contributions() {
    let base = base();
    fs::create_dir_all(&base).unwrap();
    let lock = File::create(base.join("lock")).unwrap();
    lock.lock().unwrap();
    let packages = base.join("packages-shap");
    once(&packages, |folder| {
        let mut install = Command::new(uv(&base));
        install.args(["pip", "install", "--quiet", "--compile-bytecode", "--python"]).arg(interpreter());
        install.arg("--target").arg(folder).arg("shap").args(PACKAGES).env("UV_CACHE_DIR", base.join("cache"));
        succeed(&mut install);
    });
    drop(lock);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut compare = Command::new(interpreter());
    compare.arg("-B").arg(folder.join("tests/contributions.py")).arg(folder.join("src/engine/python")).env("PYTHONPATH", &packages);
    succeed(&mut compare);
}

fn base() -> PathBuf {
    match std::env::var_os("SERVEML_TEST_PYTHON") {
        Some(folder) => PathBuf::from(folder),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/python-tests"),
    }
}

/// uv, in a virtual environment of its own.
fn uv(base: &Path) -> PathBuf {
    let tools = base.join("tools");
    once(&tools, |folder| {
        succeed(Command::new(interpreter()).args(["-m", "venv"]).arg(folder));
        succeed(Command::new(folder.join("bin/python")).args(["-m", "pip", "install", "--quiet", "uv"]));
    });
    tools.join("bin/uv")
}

/// Makes a folder unless it was made whole before.
fn once(folder: &Path, make: impl FnOnce(&Path)) {
    let mut name = folder.file_name().unwrap().to_owned();
    name.push(".done");
    let mark = folder.with_file_name(name);
    if mark.exists() {
        return;
    }
    let _ = fs::remove_dir_all(folder);
    make(folder);
    File::create(mark).unwrap();
}

fn succeed(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?} failed:\n{}", String::from_utf8_lossy(&output.stderr));
}
