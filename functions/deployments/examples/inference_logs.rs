//! What page one of the inference logs costs with many records and with few: `cargo run --release -p deployments --example
//! inference_logs [records]`. The records are written straight into the laptop cloud's table, and asked for through the route.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::time::{Duration, Instant};

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use http::Method;
use serde_json::{Value, json};
use shared::domain::inference_log::InferenceLog;
use shared::domain::metrics;
use shared::domain::project::Project;
use shared::identity::api_key::ApiKey;
use shared::store::Store;
use shared::{Timestamp, id};
use testing::{TestPlatform, request, with_header};

/// Where nobody says how many: a million.
const RECORDS: usize = 1_000_000;
/// How many are few.
const FEW: usize = 10;
/// How many are written and counted at once, as the log's subscription does.
const BATCH: usize = 5000;
/// How many parts of a batch are written at once.
const WRITERS: usize = 8;
/// How often each page is asked for.
const ASKED: usize = 200;
const DEPLOYMENTS: [&str; 2] = ["few", "many"];

/// A deployment's id for a project of the user's.
async fn deployment(store: &Store, project: &Project, name: &str) -> String {
    let deployment = shared::domain::deployment::Deployment::of_project(&project.id, &project.function_name, name);
    let job = shared::domain::job::Job::new(shared::domain::job::JobKind::StagedDeployment, name.to_owned());
    let job = shared::domain::job::Job { deployment_id: Some(deployment.id.clone()), ..job };
    store.create_project_deployment(&job, &deployment, None).await.unwrap();
    deployment.id
}

/// Writes records over the last hours of a day, oldest first.
async fn write(store: &Store, deployment_id: &str, count: usize) {
    let now = Timestamp::now().milliseconds();
    let record = |number: usize| {
        let at = now - 60_000 - (((count - number) as f64) * 43_200_000.0 / count as f64) as i64;
        InferenceLog {
            prediction_id: format!("{}7{:03x}-8000-{number:012x}", id::beginning(at), number % 4096),
            timestamp: Timestamp::from_milliseconds(at),
            deployment_id: deployment_id.to_owned(),
            status: 200,
            rows: 1,
            latency_ms: 12.5,
            inputs: Some(json!({ "amount": [29.99], "merchant_id": [42], "hour": [14] })),
            predictions: Some(json!([0])),
            ..InferenceLog::default()
        }
    };
    for first in (0..count).step_by(BATCH) {
        let logs: Vec<InferenceLog> = (first..(first + BATCH).min(count)).map(record).collect();
        let parts = logs.chunks(BATCH / WRITERS).map(|part| Ok(store.keep_inference_logs(part, 30)));
        stream::iter(parts).try_for_each_concurrent(WRITERS, |part| part).await.unwrap();
        let tallies = metrics::tally(&logs, Timestamp::now()).unwrap();
        let counting = tallies.iter().map(|tally| store.count_predictions(tally, None, Timestamp::now()));
        stream::iter(counting).buffer_unordered(WRITERS).try_collect::<Vec<_>>().await.unwrap();
    }
}

async fn page(test: &TestPlatform, key: &str, path: &str) -> (Duration, Value) {
    let request = with_header(request(Method::GET, path), "authorization", &format!("Bearer {key}"));
    let began = Instant::now();
    let response = test.send(deployments::FUNCTIONS, request).await;
    let took = began.elapsed();
    assert_eq!(response.status(), 200, "{:?}", response.body());
    (took, serde_json::from_slice(response.body()).unwrap())
}

#[tokio::main]
async fn main() {
    let many = std::env::args().nth(1).map_or(RECORDS, |count| count.parse().unwrap());
    let test = TestPlatform::start().await;
    let store = test.platform.store().unwrap();
    let (kept, key) = ApiKey::new("ann", "benchmark").unwrap();
    store.create_api_key(&kept).await.unwrap();
    let project = Project::new("Fraud", None, "ann", "serveml-model-");
    store.create_project(&project).await.unwrap();
    let mut paths = Vec::new();
    for (name, count) in DEPLOYMENTS.iter().zip([FEW, many]) {
        let deployment_id = deployment(store, &project, name).await;
        let began = Instant::now();
        write(store, &deployment_id, count).await;
        println!("{count} records were written in {:.1} s", began.elapsed().as_secs_f64());
        paths.push((format!("/api/mlops/deployments/{deployment_id}/inference-logs?limit={FEW}"), count));
    }
    let mut times = vec![Vec::new(), Vec::new()];
    // In turns, so that what else the machine does is in both.
    for _ in 0..ASKED {
        for ((path, count), times) in paths.iter().zip(&mut times) {
            let (took, page) = page(&test, &key, path).await;
            assert_eq!((page["total"].as_u64(), page["items"].as_array().map(Vec::len)), (Some(*count as u64), Some(FEW)), "{page}");
            times.push(took);
        }
    }
    let median = |times: &mut Vec<Duration>| {
        times.sort_unstable();
        times[times.len() / 2].as_secs_f64() * 1000.0
    };
    let medians: Vec<f64> = times.iter_mut().map(median).collect();
    for ((_, count), median) in paths.iter().zip(&medians) {
        println!("page one of {count} records: {median:.2} ms (median of {ASKED})");
    }
    println!("ratio: {:.2}", medians[1] / medians[0]);
}
