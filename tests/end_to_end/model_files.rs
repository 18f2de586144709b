//! Model files deployed as the ServeML document shows it: with curl's own lines, real packages, and somebody who keeps asking
//! while versions and configurations change.

use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::client::eventually;
use crate::support::{Client, Cloud, python};

/// Where the reader of model files keeps its own.
const FILES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/shared/model-file/tests/fixtures");

struct User<'a> {
    client: &'a Client,
    token: String,
}

impl User<'_> {
    async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> (u16, Value) {
        let bearer = format!("Bearer {}", self.token);
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        let answer = self.client.request(method, path, &headers, body.map(|body| body.to_string()).unwrap_or_default()).await;
        (answer.status, answer.body)
    }

    /// The document's curl line, with further fields.
    fn deploy(&self, file: &str, fields: &[&str]) -> Value {
        let mut curl = Command::new("curl");
        curl.args([
            "-sS",
            "-X",
            "POST",
            &format!("{}/api/v1/deploy", self.client.url),
            "-H",
            &format!("Authorization: Bearer {}", self.token),
        ]);
        curl.args(["-F", &format!("model_file=@{FILES}/{file}")]);
        for field in fields {
            curl.args(["-F", field]);
        }
        serde_json::from_str(&python::run(&mut curl)).unwrap()
    }

    /// The deployment once nothing changes it any more. Reads count among a user's hundred requests an hour: the pauses grow.
    async fn settled(&self, id: &str) -> Value {
        let mut pause = Duration::from_millis(500);
        loop {
            let (status, deployment) = self.ask(Method::GET, &format!("/api/v1/deployments/{id}"), None).await;
            assert_eq!(status, 200, "{deployment}");
            if !matches!(deployment["status"].as_str(), Some("building" | "updating")) {
                return deployment;
            }
            tokio::time::sleep(pause).await;
            pause = pause.mul_f64(1.3);
        }
    }

    async fn predict(&self, id: &str, data: Value) -> (u16, Value) {
        self.ask(Method::POST, &format!("/api/v1/predict/{id}"), Some(json!({ "data": data }))).await
    }
}

async fn user<'a>(client: &'a Client, name: &str) -> User<'a> {
    let body = json!({ "email": format!("{name}@example.com"), "username": name, "password": "secure-password" });
    let answer = client.post("/api/v1/auth/register", &body).await;
    assert_eq!(answer.status, 201, "{:?}", answer.body);
    User { client, token: answer.body["access_token"].as_str().unwrap().to_owned() }
}

/// What somebody who keeps asking has seen.
#[derive(Default)]
struct Seen {
    /// The versions that answered, each time another one did.
    versions: Mutex<Vec<Value>>,
    /// What was not answered with 200.
    refused: Mutex<Vec<String>>,
    stop: AtomicBool,
}

/// Keeps asking until told to stop.
async fn hammer(client: Client, token: String, id: String, seen: Arc<Seen>) {
    while !seen.stop.load(Ordering::Relaxed) {
        let request = client.http().post(format!("{}/api/v1/predict/{id}", client.url)).bearer_auth(&token);
        match client.send(request.json(&json!({ "data": [5.1, 3.5, 1.4, 0.2] }))).await {
            Ok(answer) if answer.status == 200 => {
                let version = answer.body["model_version"].clone();
                let mut versions = seen.versions.lock().unwrap();
                if versions.last() != Some(&version) {
                    versions.push(version);
                }
            }
            Ok(answer) => seen.refused.lock().unwrap().push(format!("{} {}", answer.status, answer.body)),
            Err(error) => seen.refused.lock().unwrap().push(error.to_string()),
        }
        // The document allows a user a thousand predictions a minute.
        tokio::time::sleep(Duration::from_millis(70)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn files_become_deployments_that_predict_change_and_go() {
    let cloud = Cloud::start();
    let (john, jane) = (user(&cloud.client, "johndoe").await, user(&cloud.client, "janedoe").await);
    let requirements = cloud.data().join("requirements.txt");
    std::fs::write(&requirements, "scikit-learn==1.9.1\n").unwrap();
    let requirements = format!("requirements_file=@{}", requirements.display());

    let deployed = john.deploy("forest_protocol_4.pkl", &[&requirements, "name=iris-classifier"]);
    assert_eq!((&deployed["status"], &deployed["name"]), (&json!("building"), &json!("iris-classifier")), "{deployed}");
    assert_eq!(deployed["model_metadata"]["model_type"], "RandomForestClassifier");
    let id = deployed["id"].as_str().unwrap().to_owned();
    let onnx = john.deploy("forest.onnx", &[])["id"].as_str().unwrap().to_owned();

    let deployment = john.settled(&id).await;
    assert_eq!((&deployment["status"], &deployment["current_version"]), (&json!("active"), &json!("v1")), "{deployment:#}");
    let (status, single) = john.predict(&id, json!([5.1, 3.5, 1.4, 0.2])).await;
    assert_eq!((status, single["probabilities"].as_array().unwrap().len()), (200, 3), "{single}");
    assert_eq!((&single["model_version"], single["prediction"].is_i64()), (&json!("v1"), true), "{single}");
    let batch = json!([[5.1, 3.5, 1.4, 0.2], [6.2, 3.4, 5.4, 2.3], [4.9, 3.0, 1.4, 0.2]]);
    let (status, several) = john.predict(&id, batch.clone()).await;
    assert_eq!((status, &several["batch_size"], &several["predictions"][0]), (200, &json!(3), &single["prediction"]), "{several}");
    let named = json!({ "feature1": 5.1, "feature2": 3.5, "feature3": 1.4, "feature4": 0.2 });
    let (status, tested) = john.ask(Method::POST, "/api/v1/test-model", Some(json!({ "deployment_id": id, "data": named }))).await;
    assert_eq!((status, &tested["prediction"]), (200, &single["prediction"]), "{tested}");
    let (status, refused) = john.predict(&id, json!([5.1, 3.5])).await;
    assert_eq!((status, refused["error"]["code"].as_str()), (400, Some("INVALID_INPUT")), "{refused}");
    assert!(refused["error"]["details"]["reason"].as_str().unwrap().contains("expects 4 features"), "{refused}");
    assert_eq!(jane.predict(&id, json!([5.1, 3.5, 1.4, 0.2])).await.0, 404);

    let deployment = john.settled(&onnx).await;
    assert_eq!(deployment["status"], "active", "{deployment:#}");
    let (status, single) = john.predict(&onnx, json!([5.1, 3.5, 1.4, 0.2])).await;
    assert_eq!((status, single["probabilities"].as_array().unwrap().len()), (200, 3), "{single}");
    assert_eq!(john.predict(&onnx, batch).await.1["batch_size"], 3);
    assert_eq!(john.predict(&onnx, json!([1, 2, 3])).await.0, 400);

    // Somebody keeps asking while the configuration changes, another version takes over, and the first one comes back.
    let seen = Arc::new(Seen::default());
    let asking = tokio::spawn(hammer(cloud.client.clone(), john.token.clone(), onnx.clone(), Arc::clone(&seen)));
    let path = format!("/api/v1/deployments/{onnx}");
    let change = json!({ "name": "renamed", "memory_mb": 512, "timeout_seconds": 20, "min_instances": 1, "max_instances": 3 });
    let (status, updating) = john.ask(Method::PATCH, &path, Some(change)).await;
    assert_eq!((status, &updating["status"], &updating["name"]), (200, &json!("updating"), &json!("renamed")), "{updating}");
    let updated = john.settled(&onnx).await;
    assert_eq!((&updated["status"], &updated["configuration"]["memory_mb"]), (&json!("active"), &json!(512)), "{updated:#}");
    let deployed = john.deploy("forest.onnx", &[&format!("deployment_id={onnx}"), "changes=Trained again"]);
    assert_eq!((&deployed["id"], &deployed["status"]), (&json!(onnx), &json!("updating")), "{deployed}");
    assert_eq!(john.settled(&onnx).await["current_version"], "v2");
    let (status, back) = john.ask(Method::POST, &format!("{path}/rollback"), Some(json!({ "version": "v1" }))).await;
    assert_eq!((status, &back["current_version"]), (200, &json!("v1")), "{back}");
    eventually("an answer of the first version", || async {
        let versions = seen.versions.lock().unwrap();
        (versions.len() > 1 && versions.last() == Some(&json!("v1"))).then_some(())
    })
    .await;
    seen.stop.store(true, Ordering::Relaxed);
    asking.await.unwrap();
    let refused = seen.refused.lock().unwrap().clone();
    assert!(refused.is_empty(), "{} requests were not answered, the first: {}", refused.len(), refused[0]);
    assert_eq!(*seen.versions.lock().unwrap(), ["v1", "v2", "v1"]);
    let (_, versions) = john.ask(Method::GET, &format!("{path}/versions"), None).await;
    let shown: Vec<_> =
        versions["versions"].as_array().unwrap().iter().map(|one| (&one["version"], &one["is_current"], &one["changes"])).collect();
    let expected = [(&json!("v2"), &json!(false), &json!("Trained again")), (&json!("v1"), &json!(true), &Value::Null)];
    assert_eq!(shown, expected);
    let (_, logs) = john.ask(Method::GET, &format!("{path}/logs"), None).await;
    assert!(logs["logs"].as_str().unwrap().contains("Dependency layer reused"), "{logs}");

    // A file that is uploaded by itself.
    let file = std::fs::read(format!("{FILES}/forest.joblib")).unwrap();
    let asked = json!({ "file_name": "forest.joblib", "size_bytes": file.len() });
    let (status, upload) = john.ask(Method::POST, "/api/v1/uploads", Some(asked)).await;
    assert_eq!(status, 201, "{upload}");
    let put = cloud.client.http().put(upload["upload_url"].as_str().unwrap());
    assert_eq!(cloud.client.send(put.body(file)).await.unwrap().status, 200);
    let mut curl = Command::new("curl");
    curl.args([
        "-sS",
        "-X",
        "POST",
        &format!("{}/api/v1/deploy", cloud.client.url),
        "-H",
        &format!("Authorization: Bearer {}", john.token),
    ]);
    curl.args(["-F", &format!("upload_id={}", upload["upload_id"].as_str().unwrap())]);
    let deployed: Value = serde_json::from_str(&python::run(&mut curl)).unwrap();
    let joblib = deployed["id"].as_str().unwrap_or_else(|| panic!("{deployed}")).to_owned();
    let deployment = john.settled(&joblib).await;
    assert_eq!(deployment["status"], "active", "{deployment:#}");
    assert_eq!(john.predict(&joblib, json!([5.1, 3.5, 1.4, 0.2])).await.0, 200);

    // A function of its own, and no URL: nothing but this API reaches it.
    let (_, list) = john.ask(Method::GET, "/api/v1/deployments?framework=sklearn", None).await;
    assert_eq!(list["total"], 2, "{list}");
    assert_eq!(jane.ask(Method::DELETE, &path, None).await.0, 404);
    // In production in the project that is everybody's, it leaves that too when it goes.
    let everybodys = format!("/api/mlops/projects/{}", shared::domain::project::DEFAULT_PROJECT_ID);
    let promote = format!("/api/mlops/deployments/{}/promote", onnx.trim_start_matches("dep-"));
    let (status, promoted) = john.ask(Method::POST, &promote, Some(json!({ "to_stage": "production" }))).await;
    assert_eq!(status, 200, "{promoted}");
    for _ in 0..2 {
        let (status, gone) = john.ask(Method::DELETE, &path, None).await;
        assert_eq!((status, &gone["id"]), (200, &json!(onnx)), "{gone}");
    }
    assert_eq!(john.ask(Method::GET, &everybodys, None).await.1["production_deployment_id"], Value::Null);
    assert_eq!(john.predict(&onnx, json!([5.1, 3.5, 1.4, 0.2])).await.0, 404);
    let (_, me) = john.ask(Method::GET, "/api/v1/auth/me", None).await;
    assert_eq!(me["deployment_count"], 2, "{me}");
}

/// Their packages weigh gigabytes: `cargo test --test end_to_end networks -- --ignored`, with PyTorch's or Keras's alone by
/// `networks_of_pytorch` or `networks_of_keras`.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "fetches gigabytes of packages"]
async fn networks_of_pytorch_predict() {
    networks(&[("scripted.pt", json!([1, 2, 3, 4])), ("module.pt", json!([1, 2, 3, 4]))], "torch\n").await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "fetches hundreds of megabytes of packages"]
async fn networks_of_keras_predict() {
    let image = json!([[1, 2, 3, 4], [1, 2, 3, 4], [1, 2, 3, 4], [1, 2, 3, 4], [1, 2, 3, 4], [1, 2, 3, 4]]);
    networks(&[("functional.keras", image), ("sequential.h5", json!([1, 2, 3, 4]))], "keras==3.15.1\ntensorflow-cpu\n").await;
}

/// Deploys each file and asks it for one example and for two.
async fn networks(files: &[(&str, Value)], packages: &str) {
    let cloud = Cloud::start();
    let john = user(&cloud.client, "johndoe").await;
    let requirements = cloud.data().join("requirements.txt");
    std::fs::write(&requirements, packages).unwrap();
    for (file, example) in files {
        let deployed = john.deploy(file, &[&format!("requirements_file=@{}", requirements.display()), "memory=3000"]);
        let id = deployed["id"].as_str().unwrap_or_else(|| panic!("{deployed}")).to_owned();
        let deployment = john.settled(&id).await;
        assert_eq!(deployment["status"], "active", "{file}: {deployment:#}");
        let (status, single) = john.predict(&id, example.clone()).await;
        assert_eq!((status, single["prediction"].is_array()), (200, true), "{file}: {single}");
        let (status, several) = john.predict(&id, json!([example, example])).await;
        assert_eq!((status, &several["batch_size"]), (200, &json!(2)), "{file}: {several}");
        let (status, refused) = john.predict(&id, json!([1, 2])).await;
        assert_eq!((status, refused["error"]["code"].as_str()), (400, Some("INVALID_INPUT")), "{file}: {refused}");
        let (status, gone) = john.ask(Method::DELETE, &format!("/api/v1/deployments/{id}"), None).await;
        assert_eq!(status, 200, "{gone}");
    }
}
