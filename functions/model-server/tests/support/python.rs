//! The Python environments and the trained models that the tests need, made once and shared by all test programs.
//!
//! They lie in `target/python-tests`, or where `SERVEML_TEST_PYTHON` says. Nothing is installed into the user's own Python.

use model_server::engine::contributions::{Description, Ensembles, Unfinished};
use std::{
    fs::{self, File},
    io::{Read, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
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
    let mut child = compare.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (mut input, mut output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let mut ensembles = Ensembles::default();
    let mut lengths = [0; 8];
    while output.read_exact(&mut lengths).is_ok() {
        let [header, payload] = [&lengths[..4], &lengths[4..]].map(|length| u32::from_le_bytes(length.try_into().unwrap()) as usize);
        let mut bytes = vec![0; header + payload];
        output.read_exact(&mut bytes).unwrap();
        let values = finished(&bytes[..header], &bytes[header..], &mut ensembles);
        let (length, bytes): (i32, Vec<u8>) = match values {
            Ok(values) => (values.len() as i32 * 8, values.iter().flat_map(|value| value.to_le_bytes()).collect()),
            Err(problem) => (-(problem.len() as i32), problem.into_bytes()),
        };
        input.write_all(&length.to_le_bytes()).unwrap();
        input.write_all(&bytes).unwrap();
        input.flush().unwrap();
    }
    assert!(child.wait().unwrap().success(), "the values are not those of the shap package");
}

/// The server's half of contributions: the values that become of what the worker says.
fn finished(header: &[u8], mut payload: &[u8], ensembles: &mut Ensembles) -> Result<Vec<f64>, String> {
    let header: serde_json::Value = serde_json::from_slice(header).unwrap();
    if header["first"] == true {
        *ensembles = Ensembles::default();
    }
    let rows = header["rows"].as_u64().unwrap() as usize;
    let description: Description = serde_json::from_value(header).unwrap();
    let unfinished = Unfinished::read(description, rows, &mut payload, ensembles).ok_or("the answer is not what it describes")?;
    assert!(payload.is_empty());
    let contributions = unfinished.finish(Instant::now() + Duration::from_secs(60)).map_err(|problem| problem.to_string())?;
    match contributions.values.elements {
        model_server::outputs::Elements::Floats(values) => Ok(values),
        other => Err(format!("{other:?}")),
    }
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
