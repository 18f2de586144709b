//! Projects over HTTP: four promotions at once leave one deployment in production, the one that the alias leads to; and what is a
//! project's is there for its members alone, whichever API is asked.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Cloud, User};

/// A forest of four features.
const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/shared/model-file/tests/fixtures/forest.onnx");

/// A model of the project's, of an uploaded file.
async fn model(user: &User, project: &str) -> Value {
    let content = std::fs::read(MODEL).unwrap();
    let upload = user.post("/api/v1/uploads", json!({ "file_name": "forest.onnx", "size_bytes": content.len() })).await;
    let sent = reqwest::Client::new().put(upload["upload_url"].as_str().unwrap()).body(content).send().await.unwrap();
    assert!(sent.status().is_success(), "{sent:?}");
    user.post(&format!("{project}/models"), json!({ "upload_id": upload["upload_id"], "name": "secret forest" })).await
}

#[tokio::test(flavor = "multi_thread")]
async fn four_promotions_at_once_leave_one_and_what_is_a_projects_stays_there() {
    let cloud = Cloud::start();
    let (john, jane) = (User::register(&cloud.client, "john").await, User::register(&cloud.client, "jane").await);
    let project = john.post("/api/mlops/projects", json!({ "name": "Forest" })).await;
    let project_id = project["id"].as_str().unwrap().to_owned();
    let project = format!("/api/mlops/projects/{project_id}");
    let model = model(&john, &project).await;
    let mut ids = Vec::new();
    for _ in 0..4 {
        ids.push(john.deployed(&project_id, model["id"].as_str().unwrap(), json!({ "name": "forest" })).await);
    }

    for _ in 0..3 {
        let promote = async |id: &str| {
            let path = format!("/api/mlops/deployments/{id}/promote");
            john.ask(Method::POST, &path, json!({ "to_stage": "production" })).await
        };
        let answers = tokio::join!(promote(&ids[0]), promote(&ids[1]), promote(&ids[2]), promote(&ids[3]));
        let answers = [answers.0, answers.1, answers.2, answers.3];
        assert!(answers.iter().any(|(status, _)| *status == 200), "{answers:?}");
        assert!(answers.iter().all(|(status, _)| matches!(status, 200 | 409)), "{answers:?}");
        let list = john.get(&format!("{project}/deployments")).await;
        let items = list["items"].as_array().unwrap();
        let live: Vec<&Value> = items.iter().filter(|item| item["stage"] == "production").map(|item| &item["id"]).collect();
        assert_eq!(live.len(), 1, "{list}");
        assert_eq!(john.get(&project).await["production_deployment_id"], *live[0]);
        // The alias agrees: whoever asks the project is answered by that one.
        let mut answered = BTreeSet::new();
        for _ in 0..20 {
            let answer = john.post(&format!("{project}/predict"), json!({ "inputs": [[5.1, 3.5, 1.4, 0.2]] })).await;
            answered.insert(answer["deployment_id"].as_str().unwrap().to_owned());
        }
        assert_eq!(answered, BTreeSet::from([live[0].as_str().unwrap().to_owned()]));
        for id in &ids {
            john.post(&format!("/api/mlops/deployments/{id}/rollback"), json!({ "to_deployment_id": id })).await;
        }
    }

    // The same deployment and its model through the other APIs.
    let deployment = format!("/api/v1/deployments/{}", ids[0]);
    let name = "secret%20forest";
    let paths = [
        deployment.clone(),
        format!("/api/v1/metrics/{}", ids[0]),
        format!("/mlops/models/{name}"),
        format!("/api/2.0/mlflow/registered-models/get?name={name}"),
        format!("/api/2.0/mlflow/model-versions/get-download-uri?name={name}&version=1"),
    ];
    for path in &paths {
        john.get(path).await;
        assert_eq!(jane.ask(Method::GET, path, Value::Null).await.0, 404, "{path}");
    }
    let predict = format!("/api/v1/predict/{}", ids[0]);
    let data = json!({ "data": [[5.1, 3.5, 1.4, 0.2]] });
    assert!(john.post(&predict, data.clone()).await["predictions"].is_array());
    assert_eq!(jane.ask(Method::POST, &predict, data).await.0, 404);
    assert_eq!(john.ask(Method::DELETE, &deployment, Value::Null).await.0, 404, "only its project changes it");
    for list in ["/mlops/models", "/api/2.0/mlflow/registered-models/search", "/api/2.0/mlflow/model-versions/search"] {
        assert!(john.get(list).await.to_string().contains("secret forest"), "{list}");
        assert!(!jane.get(list).await.to_string().contains("secret forest"), "{list}");
    }
    // Where its files are is told, and they are not given to others.
    let uri = john.get(&paths[4]).await["artifact_uri"].as_str().unwrap().replace("mlflow-artifacts:/", "");
    let file = format!("/api/2.0/mlflow-artifacts/artifacts/{}/MLmodel", uri.trim_start_matches('/'));
    assert_eq!(john.ask(Method::GET, &file, Value::Null).await.0, 200);
    assert_eq!(jane.ask(Method::GET, &file, Value::Null).await.0, 404);
}
