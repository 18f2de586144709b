//! The Deployments API: its document's lifecycle example with its own lines, promotions and canaries under load, records of
//! predictions, drift, exports.

use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::client::eventually;
use crate::support::{Client, Cloud, User, python, scripts};

/// A classifier of three named features, as in the document.
const FRAUD: &str = r#"
import mlflow, mlflow.sklearn, numpy, pandas
from sklearn.ensemble import RandomForestClassifier

random = numpy.random.default_rng(7)
rows = pandas.DataFrame({
    "amount": random.exponential(50.0, 400),
    "merchant_id": random.integers(0, 100, 400).astype(float),
    "hour": random.integers(0, 24, 400).astype(float),
})
labels = (rows["amount"] > 80).astype(int)
with mlflow.start_run():
    model = RandomForestClassifier(n_estimators=5, random_state=7).fit(rows, labels)
    mlflow.sklearn.log_model(model, "model", input_example=rows.head(3))
"#;

/// "Deployment Lifecycle Example" of the document, with this cloud's address, key and ids.
fn lifecycle_example(client: &Client, token: &str, project_id: &str, model_id: &str) -> String {
    format!(
        r#"
import requests
BASE_URL = "{url}"
HEADERS = {{"Authorization": "Bearer {token}"}}
PROJECT_ID = "{project_id}"
MODEL_ID = "{model_id}"
# 1. Deploy to staging
resp = requests.post(
    f"{{BASE_URL}}/api/mlops/projects/{{PROJECT_ID}}/deployments",
    headers=HEADERS,
    json={{"model_id": MODEL_ID, "name": "v2-staging", "stage": "staging"}},
)
deployment_id = resp.json()["deployment_id"]
# 2. Test with a sample prediction
resp = requests.post(
    f"{{BASE_URL}}/api/mlops/deployments/{{deployment_id}}/predict",
    headers=HEADERS,
    json={{"inputs": {{"amount": 50.0, "merchant_id": 10, "hour": 12}}}},
)
assert resp.status_code == 200
print("Staging test passed:", resp.json()["predictions"])
# 3. Promote to production
requests.post(
    f"{{BASE_URL}}/api/mlops/deployments/{{deployment_id}}/promote",
    headers=HEADERS,
    json={{"to_stage": "production"}},
)
print("Promoted to production")
"#,
        url = client.url
    )
}

/// What somebody who keeps asking has seen.
#[derive(Default)]
struct Seen {
    answered: Mutex<Vec<String>>,
    refused: Mutex<Vec<String>>,
    stop: AtomicBool,
}

async fn hammer(user: User, path: String, seen: Arc<Seen>) {
    while !seen.stop.load(Ordering::Relaxed) {
        match user.ask(Method::POST, &path, json!({ "inputs": { "amount": 50.0, "merchant_id": 10, "hour": 12 } })).await {
            (200, answer) => seen.answered.lock().unwrap().push(answer["deployment_id"].as_str().unwrap().to_owned()),
            (status, answer) => seen.refused.lock().unwrap().push(format!("{status} {answer}")),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_goes_to_production_and_back_and_no_request_is_lost() {
    let cloud = Cloud::start();
    let (john, jane) = (User::register(&cloud.client, "johndoe").await, User::register(&cloud.client, "janedoe").await);
    let mut request = scripts::request("fraud", FRAUD);
    request["requirements"] = json!(["scikit-learn", "pandas"]);
    let job_id = cloud.client.train(&request).await;
    let job = cloud.client.ended("/mlops/training/jobs", &job_id).await;
    assert_eq!(job["status"], "completed", "{job:#}");

    // What another API trained is in the project of everybody, and joins one of John's own.
    let project_id = john.post("/api/mlops/projects", json!({ "name": "Fraud" })).await["id"].as_str().unwrap().to_owned();
    let project = format!("/api/mlops/projects/{project_id}");
    let model = john.post(&format!("{project}/models"), json!({ "model_name": "fraud", "version": "1" })).await;
    assert_eq!(model["algo"], "RandomForestClassifier", "{model}");
    let model_id = model["id"].as_str().unwrap().to_owned();

    // The first deployment of a model installs its packages, which takes longer than the gateway waits; from then on they are
    // there, and a deployment answers within the first prediction's wait.
    let before = john.deployed(&project_id, &model_id, json!({ "name": "v1-staging" })).await;
    john.post(&format!("/api/mlops/deployments/{before}/deactivate"), Value::Null).await;

    // The document's example.
    let python = python::environment("deployments-api", &["requests"]);
    let example = lifecycle_example(&cloud.client, &john.token, &project_id, &model_id);
    let said = python::run(Command::new(&python).args(["-c", &example]));
    assert!(said.contains("Staging test passed: [{'prediction': '0'") && said.contains("Promoted to production"), "{said}");
    let list = john.get(&format!("{project}/deployments")).await;
    assert_eq!((&list["items"][0]["stage"], &list["items"][0]["config"]["name"]), (&json!("production"), &json!("v2-staging")), "{list}");
    let first = list["items"][0]["id"].as_str().unwrap().to_owned();
    let deployment = |id: &str| format!("/api/mlops/deployments/{id}");
    for path in [project.clone(), format!("{project}/deployments"), deployment(&first), format!("{}/inference-logs", deployment(&first))] {
        assert_eq!(jane.ask(Method::GET, &path, Value::Null).await.0, 404, "{path}");
    }

    // Two deployments at once are versions of one function, and each has its own model's code and name.
    let (second, third) =
        tokio::join!(john.deployed(&project_id, &model_id, json!({})), john.deployed(&project_id, &model_id, json!({ "name": "third" })));
    for id in [&second, &third] {
        let answer =
            john.post(&format!("{}/predict", deployment(id)), json!({ "inputs": [{ "amount": 500, "merchant_id": 1, "hour": 3 }] })).await;
        assert_eq!((&answer["predictions"][0]["prediction"], &answer["deployment_id"]), (&json!("1"), &json!(id)), "{answer}");
    }

    // Somebody keeps asking while production changes hands.
    let seen = Arc::new(Seen::default());
    let path = format!("{project}/predict");
    let askers: Vec<_> = (0..2).map(|_| tokio::spawn(hammer(john.clone(), path.clone(), Arc::clone(&seen)))).collect();
    let to_production = || json!({ "to_stage": "production" });
    john.post(&format!("{}/promote", deployment(&second)), to_production()).await;
    john.post(&format!("{}/rollback", deployment(&second)), json!({ "to_deployment_id": first })).await;
    john.post(&format!("{}/rollback", deployment(&first)), json!({ "to_deployment_id": second })).await;
    let (one, two) = (format!("{}/promote", deployment(&third)), format!("{}/rollback", deployment(&second)));
    let (one, two) =
        tokio::join!(john.ask(Method::POST, &one, to_production()), john.ask(Method::POST, &two, json!({ "to_deployment_id": first })),);
    assert!([one.0, two.0].iter().all(|status| *status == 200), "{one:?} {two:?}");
    let list = john.get(&format!("{project}/deployments")).await;
    let stages: Vec<&str> = list["items"].as_array().unwrap().iter().map(|item| item["stage"].as_str().unwrap()).collect();
    assert_eq!(stages.iter().filter(|stage| **stage == "production").count(), 1, "{stages:?}");
    let now = john.get(&project).await["production_deployment_id"].as_str().unwrap().to_owned();
    eventually("the last one answers", || async { (seen.answered.lock().unwrap().last() == Some(&now)).then_some(()) }).await;
    seen.stop.store(true, Ordering::Relaxed);
    for asker in askers {
        asker.await.unwrap();
    }
    assert_eq!(*seen.refused.lock().unwrap(), Vec::<String>::new());
    assert!(seen.answered.lock().unwrap().contains(&second), "each was asked");

    // A canary takes its part, by the weights of the alias.
    let body = json!({ "model_id": model_id, "name": "canary", "stage": "production", "traffic_percent": 20 });
    let made = john.post(&format!("{project}/deployments"), body).await;
    let job = john.job(made["job_id"].as_str().unwrap()).await;
    assert_eq!(job["status"], "deployed", "{job}");
    let canary = made["id"].as_str().unwrap().to_owned();
    let calls = 2000;
    let left = Arc::new(Mutex::new(calls));
    let counted = Arc::new(Mutex::new(0));
    let askers = (0..4).map(|_| {
        let (john, path, left, counted, canary) = (john.clone(), path.clone(), Arc::clone(&left), Arc::clone(&counted), canary.clone());
        tokio::spawn(async move {
            loop {
                {
                    let mut left = left.lock().unwrap();
                    if *left == 0 {
                        return;
                    }
                    *left -= 1;
                }
                let answer = john.post(&path, json!({ "inputs": { "amount": 50.0, "merchant_id": 10, "hour": 12 } })).await;
                if answer["deployment_id"] == canary.as_str() {
                    *counted.lock().unwrap() += 1;
                }
            }
        })
    });
    for asker in askers.collect::<Vec<_>>() {
        asker.await.unwrap();
    }
    let counted = *counted.lock().unwrap();
    eprintln!("a canary of 20% answered {counted} of {calls} calls");
    // Four standard deviations.
    assert!((328..=472).contains(&counted), "{counted} of {calls}");

    // All of it is on record.
    let logs = format!("{}/inference-logs", deployment(&canary));
    let page = eventually("every prediction is on record", || async {
        let page = john.get(&format!("{logs}?limit=5")).await;
        (page["total"] == counted).then_some(page)
    })
    .await;
    let item = &page["items"][0];
    assert_eq!(
        (item["inputs"]["amount"].as_f64(), &item["prediction"], &item["status_code"]),
        (Some(50.0), &json!("0"), &json!(200)),
        "{item}"
    );
    let truth = json!({ "prediction_id": item["id"], "value": "0" });
    assert_eq!(john.post(&format!("{}/ground-truth", deployment(&canary)), truth).await["stored"], 1);

    // Every request was alike, and no training data is: that is drift.
    let drift = format!("{}/drift", deployment(&canary));
    let rows: Vec<Value> = (0..400).map(|number| json!({ "amount": number, "merchant_id": number % 100, "hour": number % 24 })).collect();
    john.post(&format!("{drift}/baseline"), json!({ "rows": rows })).await;
    let started = john.post(&format!("{drift}/run"), Value::Null).await;
    let job = john.job(started["job_id"].as_str().unwrap()).await;
    assert_eq!(job["status"], "completed", "{job}");
    let report = john.get(&drift).await;
    assert_eq!((&report["overall_status"], &report["inference_rows"]), (&json!("high"), &json!(counted)), "{report}");

    let started = john.post(&format!("{logs}/export"), Value::Null).await;
    let job = john.job(started["job_id"].as_str().unwrap()).await;
    assert_eq!((&job["status"], &job["rows"]), (&json!("completed"), &json!(counted)), "{job}");
    let file = reqwest::get(job["download_url"].as_str().unwrap()).await.unwrap().bytes().await.unwrap();
    assert!(file.starts_with(b"PAR1") && file.ends_with(b"PAR1"), "{} bytes", file.len());
    if let Some(folder) = std::env::var_os("KEEP_EXPORT") {
        std::fs::write(std::path::Path::new(&folder).join("export.parquet"), &file).unwrap();
    }

    // A model, rather than a deployment, brought back: by a job, and live when it answers.
    let back = john.post(&format!("{}/rollback", deployment(&now)), json!({ "to_model_id": model_id })).await;
    let id = back["deployment_id"].as_str().unwrap();
    eventually("the new deployment is in production", || async {
        (john.get(&project).await["production_deployment_id"] == id).then_some(())
    })
    .await;
    tokio::time::timeout(Duration::from_secs(60), john.post(&path, json!({ "inputs": { "amount": 1, "merchant_id": 1, "hour": 1 } })))
        .await
        .unwrap();
}
