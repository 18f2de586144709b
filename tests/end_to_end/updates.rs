//! New versions of a deployed model, while somebody keeps asking it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};
use shared::domain::project::DEFAULT_PROJECT_ID;

use crate::support::{Client, Cloud, User, scripts};

/// Asks without pause until told to stop; returns the distinct predictions in the order of their first appearance, and
/// what was not answered with 200.
async fn hammer(client: Client, url: String, stop: Arc<AtomicBool>) -> (Vec<Value>, Vec<String>) {
    let (mut seen, mut refused) = (Vec::new(), Vec::new());
    while !stop.load(Ordering::Relaxed) {
        let request = client.http().post(format!("{url}/predict")).json(&json!({ "inputs": [[1.0, 2.0]] }));
        match client.send(request).await {
            Ok(answer) if answer.status == 200 => {
                let prediction = answer.body["predictions"][0].clone();
                if !seen.contains(&prediction) {
                    seen.push(prediction);
                }
            }
            Ok(answer) => refused.push(format!("{} {}", answer.status, answer.body)),
            Err(error) => refused.push(error.to_string()),
        }
    }
    (seen, refused)
}

#[tokio::test(flavor = "multi_thread")]
async fn no_request_is_lost_when_a_version_takes_over_or_fails_its_check() {
    let cloud = Cloud::start();
    let client = &cloud.client;
    let first = client.deployed(&scripts::request("hammered", &scripts::constant(1))).await;
    let url = first["deployment_url"].as_str().unwrap().to_owned();
    let stop = Arc::new(AtomicBool::new(false));
    let hammers: Vec<_> = (0..2).map(|_| tokio::spawn(hammer(client.clone(), url.clone(), Arc::clone(&stop)))).collect();

    let second = client.deployed(&scripts::request("hammered", &scripts::constant(2))).await;
    assert_eq!(second["deployment_url"], first["deployment_url"], "the URL is the model's, not the version's");
    assert_eq!(second["model_version"], "2");
    assert!(second["logs"].as_str().unwrap().contains("Dependency layer reused"), "{second:#}");

    // A model that cannot be loaded where it is served: its class exists in the training script alone.
    let broken = r#"
import mlflow, mlflow.sklearn, numpy, sklearn.dummy, sys, types
module = types.ModuleType("only_here")
exec("import sklearn.dummy\nclass Local(sklearn.dummy.DummyRegressor):\n    pass", module.__dict__)
module.Local.__module__ = "only_here"
sys.modules["only_here"] = module
with mlflow.start_run():
    model = module.Local(strategy="constant", constant=3)
    model.fit(numpy.zeros((2, 2)), [0, 1])
    mlflow.sklearn.log_model(model, "model", serialization_format="pickle")
"#;
    let job_id = client.deploy(&scripts::request("hammered", broken)).await;
    let third = client.ended("/mlops/deployments", &job_id).await;
    assert_eq!(third["status"], "failed", "{third:#}");
    assert!(third["error"].as_str().unwrap().contains("only_here"), "{third:#}");

    stop.store(true, Ordering::Relaxed);
    for task in hammers {
        let (seen, refused) = task.await.unwrap();
        assert!(refused.is_empty(), "{} requests were not answered, the first: {}", refused.len(), refused[0]);
        assert_eq!(seen, [json!(1), json!(2)], "first the one version, then the other, and never the broken one");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_deployments_at_once_end_with_one_live_version_and_both_recorded() {
    let cloud = Cloud::start();
    let client = &cloud.client;
    let requests = [scripts::request("contended", &scripts::constant(1)), scripts::request("contended", &scripts::constant(2))];
    let (one, two) = tokio::join!(client.deploy(&requests[0]), client.deploy(&requests[1]));
    let one = client.ended("/mlops/deployments", &one).await;
    let two = client.ended("/mlops/deployments", &two).await;
    assert_eq!((one["status"].as_str(), two["status"].as_str()), (Some("deployed"), Some("deployed")), "{one:#}\n{two:#}");
    assert_ne!(one["model_version"], two["model_version"]);
    assert_eq!(one["deployment_url"], two["deployment_url"]);
    // One live version: every call is answered by the same.
    let url = one["deployment_url"].as_str().unwrap();
    let live = client.predict(url, json!([[1.0, 2.0]])).await.body;
    for _ in 0..20 {
        let answer = client.predict(url, json!([[1.0, 2.0]])).await.body;
        assert_eq!((&answer["model_version"], &answer["predictions"]), (&live["model_version"], &live["predictions"]));
    }
    assert_eq!(client.get("/mlops/deployments").await.body["total"], 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registered_version_deploys_without_training_and_is_taken_down_again() {
    let cloud = Cloud::start_with(&["--model-idle", "2"]);
    let client = &cloud.client;
    let trained = client.train(&scripts::request("registered", &scripts::constant(5))).await;
    let trained = client.ended("/mlops/training/jobs", &trained).await;
    assert_eq!((trained["status"].as_str(), trained["model_version"].as_str()), (Some("completed"), Some("1")), "{trained:#}");

    let inference = json!({ "model_name": "registered", "model_version": "1", "inputs": [[1.0, 2.0]] });
    assert_eq!(client.post("/mlops/inference", &inference).await.status, 410, "registered, and not deployed");

    let job = client.deployed(&json!({ "model_name": "registered", "model_version": "1", "replicas": 1 })).await;
    let url = job["deployment_url"].as_str().unwrap();
    let answer = client.predict(url, json!([[1.0, 2.0]])).await;
    assert_eq!((answer.status, &answer.body["predictions"]), (200, &json!([5])), "{:?}", answer.body);

    let moved = client.post("/mlops/inference", &inference).await;
    assert_eq!((moved.status, moved.headers["location"].to_str().unwrap()), (308, format!("{url}/predict").as_str()));
    let unknown = client.post("/mlops/inference", &json!({ "model_name": "registered", "model_version": "999", "inputs": [] })).await;
    assert_eq!((unknown.status, &unknown.body), (404, &json!({ "detail": "Model registered version 999 not found" })));

    // The other API has the same deployment; nobody in particular made it, so nobody needs to say who they are.
    let listed = client.get("/api/v1/deployments").await.body;
    let view = &listed["items"][0];
    assert_eq!((&listed["total"], &view["name"], &view["status"]), (&json!(1), &json!("registered"), &json!("active")), "{listed:#}");
    assert_eq!((&view["model_metadata"]["framework"], &view["current_version"]), (&json!("sklearn"), &json!("v1")), "{listed:#}");

    // Scale to zero: after the idle time its process is gone, and a call brings it back.
    crate::support::client::eventually("the end of the idle model", || async {
        let serving = cloud.processes().into_iter().any(|process| {
            let command = std::fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&command).contains("opt/serveml")
        });
        (!serving).then_some(())
    })
    .await;
    assert_eq!(client.predict(url, json!([[1.0, 2.0]])).await.status, 200);

    // Past the limit of instances, callers are told so at once, and nothing else breaks.
    let burst = futures_of(client, url, 12).await;
    assert!(burst.iter().all(|status| matches!(status, 200 | 429)), "{burst:?}");
    assert!(burst.contains(&200), "{burst:?}");

    // In production in the project that is everybody's, it leaves that too when it goes.
    let (john, everybodys) = (User::register(client, "john").await, format!("/api/mlops/projects/{DEFAULT_PROJECT_ID}"));
    let id = view["id"].as_str().unwrap().trim_start_matches("dep-");
    john.post(&format!("/api/mlops/deployments/{id}/promote"), json!({ "to_stage": "production" })).await;
    assert_eq!(john.get(&everybodys).await["production_deployment_id"], id);

    let path = format!("/mlops/deployments/{}", job["job_id"].as_str().unwrap());
    let deleted = client.delete(&path).await;
    assert!((200..300).contains(&deleted.status), "{:?}", deleted.body);
    assert_eq!(john.get(&everybodys).await["production_deployment_id"], Value::Null);
    assert!(client.http().get(format!("{url}/health")).send().await.is_err_and(|error| error.is_connect()), "its URL is gone");
    assert!((200..300).contains(&client.delete(&path).await.status), "deleting it again does no harm");
    assert_eq!(client.post("/mlops/inference", &inference).await.status, 410);
}

async fn futures_of(client: &Client, url: &str, count: usize) -> Vec<u16> {
    let tasks: Vec<_> = (0..count)
        .map(|_| {
            let (client, url) = (client.clone(), url.to_owned());
            tokio::spawn(async move { client.predict(&url, json!([[1.0, 2.0]])).await.status })
        })
        .collect();
    let mut statuses = Vec::new();
    for task in tasks {
        statuses.push(task.await.unwrap());
    }
    statuses
}
