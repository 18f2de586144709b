//! The documents' failures: each with its cause in `error`, in the words a person needs, and the whole output in `logs`.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::client::eventually;
use crate::support::{Cloud, scripts};

async fn failed(request: &Value) -> Value {
    failed_on(Cloud::shared(), request).await
}

async fn failed_on(cloud: &Cloud, request: &Value) -> Value {
    let job_id = cloud.client.train(request).await;
    let job = cloud.client.ended("/mlops/training/jobs", &job_id).await;
    assert_eq!(job["status"], "failed", "{job:#}");
    assert!(job["completed_at"].is_string() && job["duration_seconds"].is_number(), "{job:#}");
    job
}

fn assert_says(job: &Value, field: &str, text: &str) {
    assert!(job[field].as_str().is_some_and(|said| said.contains(text)), "{field} does not say {text:?}: {job:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_package() {
    let job = failed(&scripts::bare_request("missing_package", "print('before')\nimport xgboost\n")).await;
    assert_says(&job, "error", "ModuleNotFoundError: No module named 'xgboost'");
    assert_says(&job, "logs", "before");
    assert_says(&job, "logs", "Traceback (most recent call last)");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_syntax_error_with_its_line() {
    let job = failed(&scripts::bare_request("syntax_error", "import os\n\nthis is no python\n")).await;
    assert_says(&job, "error", "SyntaxError");
    assert_says(&job, "error", "line 3");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_that_logs_no_model() {
    let job = failed(&scripts::bare_request("no_model", "import mlflow\nwith mlflow.start_run():\n    mlflow.log_param('a', 1)\n")).await;
    assert_says(&job, "error", "without logging a model");
    assert_says(&job, "error", "log_model");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_exit_code() {
    let job = failed(&scripts::bare_request("exit_code", "import sys\nprint('so far')\nsys.exit(3)\n")).await;
    assert_says(&job, "error", "3");
    assert_says(&job, "logs", "so far");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_requirement_that_cannot_be_resolved() {
    let mut request = scripts::bare_request("unresolvable", "print('never')");
    request["requirements"] = json!(["scikit-learn==99.0"]);
    let job = failed(&request).await;
    assert_says(&job, "error", "scikit-learn");
    assert_says(&job, "error", "99");
    assert!(!job["logs"].as_str().unwrap().contains("never"), "{job:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_training_fails_its_deployment_with_the_same_words() {
    let client = &Cloud::shared().client;
    let job_id = client.deploy(&scripts::bare_request("failing_deployment", "raise ValueError('no data for 2025')\n")).await;
    let job = client.ended("/mlops/deployments", &job_id).await;
    assert_eq!(job["status"], "failed", "{job:#}");
    assert_eq!(job["error"], "ValueError: no data for 2025", "{job:#}");
    assert!(job["deployment_url"].is_null(), "{job:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_timeout_leaves_nothing_of_the_process_group() {
    let cloud = Cloud::start();
    let script = r#"
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = "import os, signal, time; os.setsid(); signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
subprocess.Popen([sys.executable, "-c", child])
print("started", flush=True)
time.sleep(600)
"#;
    let mut request = scripts::bare_request("too_slow", script);
    request["timeout"] = json!(60);
    let job_id = cloud.client.train(&request).await;
    let running = eventually("the script's output", || async {
        let job = cloud.client.get(&format!("/mlops/training/jobs/{job_id}")).await.body;
        (job["logs"].as_str()?.contains("started")).then_some(job)
    })
    .await;
    assert_eq!(running["status"], "running", "its output is there while it runs");
    let job = cloud.client.ended("/mlops/training/jobs", &job_id).await;
    assert_eq!(job["status"], "failed");
    assert_says(&job, "error", "60 seconds");
    eventually("the end of every process of the script", || async {
        let left = cloud.processes().into_iter().filter(|process| {
            let command = std::fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&command).contains("time.sleep(600)") || String::from_utf8_lossy(&command).contains("train.py")
        });
        (left.count() == 0).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_that_needs_more_memory_than_there_is() {
    let cloud = Cloud::start_with(&["--parameter", "TrainMemory=512"]);
    let script = "blocks = []\nwhile True:\n    blocks.append(bytearray(32 * 1024 * 1024))\n";
    let job = failed_on(&cloud, &scripts::bare_request("too_large", script)).await;
    assert_says(&job, "error", "memory");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_job_really_stops() {
    let cloud = Cloud::start();
    let job_id = cloud.client.train(&scripts::bare_request("cancelled", "import time\nprint('up', flush=True)\ntime.sleep(500)\n")).await;
    eventually("the script's output", || async {
        let job = cloud.client.get(&format!("/mlops/training/jobs/{job_id}")).await.body;
        job["logs"].as_str()?.contains("up").then_some(())
    })
    .await;
    let answer = cloud.client.post(&format!("/mlops/training/jobs/{job_id}/cancel"), &json!({})).await;
    assert!((200..300).contains(&answer.status), "{:?}", answer.body);
    let job = cloud.client.ended("/mlops/training/jobs", &job_id).await;
    assert_eq!((job["status"].as_str(), job["error"].as_str()), (Some("failed"), Some("Cancelled by request")), "{job:#}");
    let begun = Instant::now();
    eventually("the end of the script", || async {
        let running = cloud.processes().into_iter().any(|process| {
            let command = std::fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&command).contains("train.py")
        });
        (!running).then_some(())
    })
    .await;
    assert!(begun.elapsed() < Duration::from_secs(60), "it went on for {:?}", begun.elapsed());
    let again = cloud.client.post(&format!("/mlops/training/jobs/{job_id}/cancel"), &json!({})).await;
    assert_eq!(again.status, 409, "{:?}", again.body);
}
