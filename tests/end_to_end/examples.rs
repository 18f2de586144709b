//! The example scripts, and the document's own: each trains, deploys and predicts.

use serde_json::{Value, json};

use crate::support::{Cloud, scripts};

fn example(name: &str, script: &str) -> Value {
    // The scripts carry their requirements themselves.
    json!({
        "script_name": format!("{name}.py"), "script_content": script, "experiment_name": "examples", "model_name": name,
    })
}

async fn deploys_and_predicts(request: Value, framework: &str) -> Value {
    let client = &Cloud::shared().client;
    let job = client.deployed(&request).await;
    let url = job["deployment_url"].as_str().unwrap();

    let health = client.get(&format!("{url}/health")).await;
    assert_eq!((health.status, &health.body["status"]), (200, &json!("healthy")), "{:?}", health.body);
    let root = client.get(&format!("{url}/")).await;
    assert_eq!(root.status, 200, "{:?}", root.body);

    let metadata = client.get(&format!("{url}/metadata")).await.body;
    assert_eq!(metadata["framework"], framework, "{metadata:#}");
    assert_eq!(metadata["run_id"], job["run_id"], "{metadata:#}");
    assert!(metadata["image_digest"].as_str().unwrap().starts_with("sha256:"), "{metadata:#}");

    let answer = client.predict(url, metadata["example_inputs"].clone()).await;
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    assert_eq!(answer.body["model_name"], request["model_name"]);
    assert_eq!(answer.body["model_version"], job["model_version"]);
    assert!(!answer.body["predictions"].as_array().unwrap().is_empty(), "{:?}", answer.body);
    assert!(answer.body["inference_time_ms"].is_number() && answer.body["timestamp"].is_string(), "{:?}", answer.body);
    job
}

#[tokio::test(flavor = "multi_thread")]
async fn scikit_learn_classification() {
    let script = include_str!("../../examples/training_scripts/sklearn_classification.py");
    deploys_and_predicts(example("sklearn_classification", script), "sklearn").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn xgboost_regression() {
    let script = include_str!("../../examples/training_scripts/xgboost_regression.py");
    deploys_and_predicts(example("xgboost_regression", script), "xgboost").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lightgbm_classification() {
    let script = include_str!("../../examples/training_scripts/lightgbm_classification.py");
    deploys_and_predicts(example("lightgbm_classification", script), "lightgbm").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_documents_complete_example_as_it_stands() {
    let request = scripts::request("documents_example", &scripts::documents_example());
    let job = deploys_and_predicts(request, "sklearn").await;
    assert!(job["logs"].as_str().unwrap().contains("✅ Training complete! Accuracy:"), "{job:#}");

    // Columns by name, and probabilities, as the document asks for them.
    let client = &Cloud::shared().client;
    let columns: serde_json::Map<_, _> = (0..20).map(|column| (format!("feature_{column}"), json!([0.5, -0.5]))).collect();
    let body = json!({ "model_name": "documents_example", "model_version": "1", "inputs": columns, "return_probabilities": true });
    let answer = client.post(&format!("{}/predict", job["deployment_url"].as_str().unwrap()), &body).await;
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    assert_eq!(answer.body["predictions"].as_array().unwrap().len(), 2);
    for row in answer.body["probabilities"].as_array().unwrap() {
        let sum: f64 = row.as_array().unwrap().iter().map(|probability| probability.as_f64().unwrap()).sum();
        assert!((sum - 1.0).abs() < 1e-9, "{:?}", answer.body);
    }
}
