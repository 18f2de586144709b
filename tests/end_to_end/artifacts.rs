//! Large artifacts go to and from the storage itself: no function and not the cloud holds them in memory.

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::support::{Cloud, python};

/// Logs an artifact of 200 MB and reads it back, in parts; then tries one of 20 MB without the setting.
const SCRIPT: &str = r#"
import hashlib, os, sys
import mlflow

def digest(path):
    found = hashlib.sha256()
    with open(path, "rb") as file:
        while part := file.read(1 << 20):
            found.update(part)
    return found.hexdigest()

folder = sys.argv[1]
large = os.path.join(folder, "large.bin")
with open(large, "wb") as file:
    block = os.urandom(1_000_000)
    for number in range(200):
        file.write(number.to_bytes(8, "big") + block[8:])
with mlflow.start_run() as run:
    mlflow.log_artifact(large)
    read = mlflow.artifacts.download_artifacts(run_id=run.info.run_id, artifact_path="large.bin", dst_path=os.path.join(folder, "read"))
    assert digest(read) == digest(large)
    os.environ["MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD"] = "false"
    os.truncate(large, 20_000_000)
    try:
        mlflow.log_artifact(large)
    except Exception as error:
        assert "413" in str(error) and "MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD=true" in str(error), error
    else:
        raise AssertionError("20 MB passed through a function")
print("up and down")
"#;

/// The most that a process may need for itself while a file of three times that size passes by it, in kilobytes.
const MOST_MEMORY: u64 = 70_000;

/// The most memory that a process has needed so far, in kilobytes; `None` when it is gone.
fn peak_memory(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_artifact_passes_by_every_process() {
    let interpreter =
        tokio::task::spawn_blocking(|| python::environment("mlflow-3.13", &["mlflow==3.13.0", "scikit-learn"])).await.unwrap();
    let cloud = Cloud::start();
    let folder = tempfile::tempdir_in(Path::new(env!("CARGO_TARGET_TMPDIR"))).unwrap();
    let done = AtomicBool::new(false);
    let mut peaks = std::collections::BTreeMap::new();
    let output = std::thread::scope(|scope| {
        let client = scope.spawn(|| {
            let settings = [
                ("MLFLOW_TRACKING_URI", cloud.client.url.as_str()),
                ("MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD", "true"),
                ("MLFLOW_MULTIPART_UPLOAD_MINIMUM_FILE_SIZE", "4194304"),
            ];
            let mut command = Command::new(interpreter);
            command.args(["-c", SCRIPT]).arg(folder.path()).envs(settings);
            let output = python::run(&mut command);
            done.store(true, Ordering::SeqCst);
            output
        });
        // A process ends with its peak: those that come and go are looked at while they are there.
        while !done.load(Ordering::SeqCst) && !client.is_finished() {
            for process in cloud.processes().into_iter().chain([cloud.process_id()]) {
                if let Some(peak) = peak_memory(process) {
                    peaks.insert(process, peak);
                }
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        client.join().unwrap()
    });
    assert!(output.contains("up and down"), "{output}");
    assert!(peaks.len() > 3, "functions ran: {peaks:?}");
    assert!(peaks.values().all(|peak| *peak < MOST_MEMORY), "kilobytes by process: {peaks:?}");
}
