//! The documents' own curl examples, run by a shell as they are printed, the host aside.

use std::process::Command;

use serde_json::{Value, json};

use crate::support::{Cloud, python, scripts};

const API: &str = include_str!("documents/mlops-api-v5.md");
const QUICK_REFERENCE: &str = include_str!("documents/mlops-quick-reference.md");

/// The code block that follows a heading or comment.
fn block_after<'a>(document: &'a str, marker: &str) -> &'a str {
    let (_, rest) = document.split_once(marker).unwrap();
    let (_, rest) = rest.split_once("```bash\n").unwrap();
    rest.split_once("```").unwrap().0
}

/// The first curl command in a text, with its continuation lines.
fn curl_command(text: &str) -> String {
    let begin = text.find("curl ").unwrap();
    let mut quotes = 0;
    let mut command = String::new();
    for line in text[begin..].lines() {
        command.push_str(line);
        command.push('\n');
        quotes += line.matches('\'').count();
        if !line.ends_with('\\') && quotes.is_multiple_of(2) {
            break;
        }
    }
    command
}

async fn shell(client: &crate::support::Client, folder: &std::path::Path, command: &str) -> Value {
    let command = command.replace("http://localhost:8000", &client.url).replace("curl ", "curl --silent --show-error ");
    let folder = folder.to_owned();
    let output =
        tokio::task::spawn_blocking(move || python::run(Command::new("bash").arg("-c").arg(&command).current_dir(folder))).await.unwrap();
    serde_json::from_str(&output).unwrap_or_else(|_| panic!("not JSON: {output}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_quick_reference() {
    let client = &Cloud::shared().client;
    let folder = tempfile::tempdir().unwrap();
    let workflow = block_after(QUICK_REFERENCE, "### Deploy and Use a Model");

    // 1. As printed, its script is "...", which Python runs and which logs no model: accepted, and failed with the reason.
    let (_, deploy) = workflow.split_once("# 1. Deploy").unwrap();
    let started = shell(client, folder.path(), &curl_command(deploy)).await;
    assert_eq!(started["status"], "training", "{started:#}");
    let (_, status) = workflow.split_once("# 2. Check status").unwrap();
    let job_id = started["job_id"].as_str().unwrap();
    let job = shell(client, folder.path(), &curl_command(status).replace("abc123", job_id)).await;
    assert_eq!(job["job_id"], job_id);
    let job = client.ended("/mlops/deployments", job_id).await;
    assert!(job["status"] == "failed" && job["error"].as_str().unwrap().contains("without logging a model"), "{job:#}");

    // 3. The prediction, for a model with these two columns.
    let script = r"
import mlflow, mlflow.sklearn, pandas
from sklearn.tree import DecisionTreeClassifier
frame = pandas.DataFrame({'feature1': [1, 2, 3], 'feature2': [4, 5, 6]})
with mlflow.start_run():
    mlflow.sklearn.log_model(DecisionTreeClassifier().fit(frame, [0, 1, 1]), 'model', input_example=frame)
";
    let deployed = client.deployed(&scripts::request("my_model", script)).await;
    let (_, predict) = workflow.split_once("# 3. Make predictions").unwrap();
    let predict = curl_command(predict).replace("http://51.89.136.142", deployed["deployment_url"].as_str().unwrap());
    let prediction = shell(client, folder.path(), &predict).await;
    assert_eq!(prediction["predictions"], json!([0, 1, 1]), "{prediction:#}");

    // Health monitoring, and the list of models.
    for command in block_after(QUICK_REFERENCE, "### Health Monitoring").lines().filter(|line| line.starts_with("curl")) {
        let answer = shell(client, folder.path(), &command.replace("http://IP", deployed["deployment_url"].as_str().unwrap())).await;
        assert!(answer.is_object(), "{answer:#}");
    }
    let models = shell(client, folder.path(), "curl http://localhost:8000/mlops/models").await;
    assert!(models.as_array().unwrap().iter().any(|model| model["name"] == "my_model"), "{models:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_quick_start() {
    let client = &Cloud::shared().client;
    let folder = tempfile::tempdir().unwrap();
    // The command puts the file between double quotes of JSON: a script with single quotes alone comes through.
    std::fs::write(folder.path().join("train.py"), scripts::constant(1).replace('"', "'")).unwrap();
    let upload = curl_command(block_after(API, "### 2. Upload Script")).replace("my_model", "quick_start");
    let started = shell(client, folder.path(), &upload).await;
    assert_eq!((started["status"].as_str(), started["model_name"].as_str()), (Some("queued"), Some("quick_start")), "{started:#}");
    let job_id = started["job_id"].as_str().unwrap();
    let status = curl_command(block_after(API, "### 3. Check Status")).replace("{job_id}", job_id);
    assert_eq!(shell(client, folder.path(), &status).await["job_id"], job_id);
    let job = client.ended("/mlops/training/jobs", job_id).await;
    assert_eq!(job["status"], "completed", "{job:#}");

    // Inference moved to the deployed model's URL: registered and not deployed is told with what to do.
    let inference = curl_command(block_after(API, "### 4. Run Inference")).replace("my_model", "quick_start");
    let answer = shell(client, folder.path(), &inference).await;
    assert!(answer["detail"].as_str().unwrap().contains("deploy"), "{answer:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_upload_script() {
    let client = &Cloud::shared().client;
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("examples")).unwrap();
    std::fs::create_dir_all(folder.path().join("path/to")).unwrap();
    let program = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/upload_training_script.py");
    std::fs::copy(program, folder.path().join("examples/upload_training_script.py")).unwrap();
    let script = format!("import os\nprint('DATA_PATH is', os.environ['DATA_PATH'])\n{}", scripts::constant(1));
    std::fs::write(folder.path().join("path/to/train.py"), script).unwrap();
    let command = block_after(API, "### Upload Script CLI").trim().replace("my_model", "uploaded");
    let command = format!("{} --url {}", command.replace("python ", "python3 "), client.url);
    let at = folder.path().to_owned();
    let output =
        tokio::task::spawn_blocking(move || python::run(Command::new("bash").arg("-c").arg(&command).current_dir(at))).await.unwrap();
    assert!(output.contains("DATA_PATH is /data/train.csv"), "{output}");
    assert!(output.contains("completed"), "{output}");
    let model = client.get("/mlops/models/uploaded").await;
    assert_eq!((model.status, &model.body["latest_versions"][0]["version"]), (200, &json!("1")), "{:?}", model.body);
}
