//! SIGKILL in each stage of a deployment: started again, the job ends `deployed` with a URL that predicts, or `failed`
//! with a reason; never stuck, never twice, and no process is left behind.

use serde_json::json;

use crate::support::client::eventually;
use crate::support::{Cloud, scripts};

async fn survives_a_kill_while(stage: &str) {
    let mut cloud = Cloud::start();
    let model = format!("killed_while_{stage}");
    // The sleep keeps the training long enough to be killed in.
    let script = format!("import time\ntime.sleep(1)\n{}", scripts::constant(7));
    let job_id = cloud.client.deploy(&scripts::request(&model, &script)).await;
    let statuses = [stage, "deployed", "failed"];
    let job = cloud.client.until("/mlops/deployments", &job_id, &statuses).await;
    assert_eq!(job["status"], stage, "{job:#}");
    if stage == "training" {
        eventually("the start of the script", || async { cloud.processes().iter().any(|process| is_script(*process)).then_some(()) }).await;
    }
    cloud.kill();
    eventually("the end of all its processes", || async { cloud.processes().is_empty().then_some(()) }).await;

    cloud.start_again();
    let job = cloud.client.ended("/mlops/deployments", &job_id).await;
    match job["status"].as_str() {
        Some("deployed") => {
            let answer = cloud.client.predict(job["deployment_url"].as_str().unwrap(), json!([[1.0, 2.0]])).await;
            assert_eq!((answer.status, &answer.body["predictions"]), (200, &json!([7])), "{:?}", answer.body);
        }
        Some("failed") => assert!(!job["error"].as_str().unwrap_or_default().is_empty(), "{job:#}"),
        other => panic!("{other:?}: {job:#}"),
    }
    let model = cloud.client.get(&format!("/mlops/models/{model}")).await;
    if model.status == 200 {
        assert_eq!(model.body["latest_versions"][0]["version"], "1", "registered once: {:?}", model.body);
    }
    let jobs = cloud.client.get("/mlops/deployments").await.body;
    assert_eq!(jobs["total"], 1, "{jobs:#}");
}

fn is_script(process: u32) -> bool {
    let command = std::fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&command).contains("train.py")
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_training() {
    survives_a_kill_while("training").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_building() {
    survives_a_kill_while("building").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_pushing() {
    survives_a_kill_while("pushing").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_deploying() {
    survives_a_kill_while("deploying").await;
}
