//! The README's first command, as a new user runs it.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::python;

#[test]
fn deploy_shows_the_way_and_ends_with_a_curl_line_that_predicts() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let cache = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/training_scripts/sklearn_classification.py");
    let mut process = Command::new(env!("CARGO_BIN_EXE_serveml"))
        .args(["deploy", script, "--port", "0", "--data"])
        .arg(folder.path())
        .arg("--cache")
        .arg(cache)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut shown = Vec::new();
    for line in BufReader::new(process.stdout.take().unwrap()).lines() {
        shown.push(line.unwrap());
        if shown.last().is_some_and(|line| line.contains("Serving until Ctrl-C")) {
            break;
        }
    }
    let text = shown.join("\n");
    for stage in ["training", "building", "pushing", "deploying", "deployment_url: http://localhost:"] {
        assert!(text.contains(stage), "{stage} is not shown: {text}");
    }
    let curl = shown.iter().find(|line| line.starts_with("curl ")).unwrap_or_else(|| panic!("no curl line: {text}"));
    let prediction = python::run(Command::new("bash").arg("-c").arg(format!("{curl} --silent")));
    assert!(prediction.contains("\"predictions\""), "{prediction}");

    kill(Pid::from_raw(process.id().try_into().unwrap()), Signal::SIGINT).unwrap();
    assert!(process.wait().unwrap().success());
    let left = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok).filter(|entry| {
        let command = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&command).contains(folder.path().to_str().unwrap())
    });
    assert_eq!(left.count(), 0, "its processes ended with it");
}

#[test]
fn help_is_worth_reading() {
    let help = python::run(Command::new(env!("CARGO_BIN_EXE_serveml")).arg("--help"));
    for word in ["deploy", "--data", "--port", "Examples"] {
        assert!(help.contains(word), "{help}");
    }
    let unknown = Command::new(env!("CARGO_BIN_EXE_serveml")).args(["deploy", "missing.py", "--port", "0"]).output().unwrap();
    assert!(!unknown.status.success());
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("missing.py"));
}
