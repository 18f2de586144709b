//! Registered models and versions.

use http::Method;
use serde_json::json;
use shared::paging::PageRequest;

use crate::Server;

const SOURCE: &str = "mlflow-artifacts:/0/abc/artifacts/model";

async fn version(server: &Server, name: &str) -> String {
    let answer = server.post("model-versions/create", json!({ "name": name, "source": SOURCE, "run_id": "abc" })).await;
    answer["model_version"]["version"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_model_and_its_versions_go_their_way() {
    let server = Server::start().await;
    let body = json!({ "name": "churn", "description": "d", "tags": [{ "key": "text", "value": "t".repeat(100_000) }] });
    server.post("registered-models/create", body.clone()).await;
    let (status, code, message) = server.refused(Method::POST, "registered-models/create", Some(body)).await;
    assert_eq!(
        (status, code.as_str(), message.as_str()),
        (400, "RESOURCE_ALREADY_EXISTS", "Registered Model (name=churn) already exists.")
    );
    assert_eq!((version(&server, "churn").await.as_str(), version(&server, "churn").await.as_str()), ("1", "2"));

    server.post("registered-models/alias", json!({ "name": "churn", "alias": "champion", "version": "1" })).await;
    assert_eq!(server.get("registered-models/alias?name=churn&alias=champion").await["model_version"]["version"], "1");
    assert_eq!(server.get("registered-models/alias?name=churn&alias=latest").await["model_version"]["version"], "2");
    let read = &server.get("model-versions/get?name=churn&version=1").await["model_version"];
    assert_eq!(
        (read["aliases"][0].as_str(), read["status"].as_str(), read["current_stage"].as_str()),
        (Some("champion"), Some("READY"), Some("None"))
    );

    server.post("model-versions/transition-stage", json!({ "name": "churn", "version": "1", "stage": "production" })).await;
    let archive = json!({ "name": "churn", "version": "2", "stage": "Production", "archive_existing_versions": true });
    server.post("model-versions/transition-stage", archive).await;
    let latest = server.post("registered-models/get-latest-versions", json!({ "name": "churn" })).await;
    let mut stages: Vec<_> =
        latest["model_versions"].as_array().unwrap().iter().map(|version| version["current_stage"].as_str().unwrap()).collect();
    stages.sort_unstable();
    assert_eq!(stages, ["Archived", "Production"]);

    server.post("model-versions/set-tag", json!({ "name": "churn", "version": "1", "key": "k", "value": "v" })).await;
    server.send(Method::PATCH, "model-versions/update", Some(json!({ "name": "churn", "version": "1", "description": "first" }))).await;
    let read = &server.get("model-versions/get?name=churn&version=1").await["model_version"];
    assert_eq!((read["tags"][0]["value"].as_str(), read["description"].as_str()), (Some("v"), Some("first")));
    assert_eq!(server.get("model-versions/get-download-uri?name=churn&version=1").await["artifact_uri"], SOURCE);

    server.send(Method::DELETE, "model-versions/delete", Some(json!({ "name": "churn", "version": "1" }))).await;
    let (status, _, message) = server.refused(Method::GET, "model-versions/get?name=churn&version=1", None).await;
    assert_eq!((status, message.as_str()), (404, "Model Version (name=churn, version=1) not found"));
    assert_eq!(server.refused(Method::GET, "registered-models/alias?name=churn&alias=champion", None).await.0, 400);
    assert_eq!(version(&server, "churn").await, "3");

    let model = server.post("registered-models/rename", json!({ "name": "churn", "new_name": "left" })).await;
    assert_eq!(model["registered_model"]["tags"][0]["value"].as_str().unwrap().len(), 100_000);
    assert_eq!(server.get("model-versions/get?name=left&version=3").await["model_version"]["name"], "left");
    assert_eq!(server.refused(Method::GET, "registered-models/get?name=churn", None).await.0, 404);
    server.send(Method::DELETE, "registered-models/delete", Some(json!({ "name": "left" }))).await;
    assert_eq!(server.refused(Method::GET, "registered-models/get?name=left", None).await.0, 404);
    assert_eq!(server.store().count_registered_models().await.unwrap(), 0);
}

#[tokio::test]
async fn a_source_must_be_one() {
    let server = Server::start().await;
    server.post("registered-models/create", json!({ "name": "m" })).await;
    let model =
        server.post("logged-models", json!({ "experiment_id": "0" })).await["model"]["info"]["model_id"].as_str().unwrap().to_owned();
    let created = server.post("model-versions/create", json!({ "name": "m", "source": format!("models:/{model}") })).await;
    assert_eq!(created["model_version"]["model_id"], model.as_str());
    let stored = server.store().model_version("m", 1).await.unwrap().unwrap();
    assert_eq!(stored.artifact_path, Some(format!("0/models/{model}/artifacts")));
    let tags = server.get(&format!("logged-models/{model}")).await;
    assert!(tags["model"]["info"]["tags"][0]["value"].as_str().unwrap().contains("\"m\""));
    server.post("registered-models/alias", json!({ "name": "m", "alias": "a", "version": "1" })).await;
    let copied = server.post("model-versions/create", json!({ "name": "m", "source": "models:/m@a" })).await;
    assert_eq!(copied["model_version"]["source"], "models:/m/1");

    // A copy of a copy still leads to the files, wherever they are, when the versions between are gone.
    server.post("model-versions/create", json!({ "name": "m", "source": "s3://elsewhere/model" })).await;
    for source in ["models:/m/3", "models:/m/4"] {
        server.post("model-versions/create", json!({ "name": "m", "source": source })).await;
    }
    server.send(Method::DELETE, "model-versions/delete", Some(json!({ "name": "m", "version": "4" }))).await;
    assert_eq!(server.get("model-versions/get-download-uri?name=m&version=5").await["artifact_uri"], "s3://elsewhere/model");

    for (source, status) in [
        ("/etc/passwd", 400),
        ("file:///etc/passwd", 400),
        ("mlflow-artifacts:/../x", 400),
        ("models:/m-nothing", 404),
        ("models:/m/99", 404),
        ("models:/nobody/1", 404),
        ("", 400),
    ] {
        let body = json!({ "name": "m", "source": source });
        assert_eq!(server.refused(Method::POST, "model-versions/create", Some(body)).await.0, status, "{source}");
    }
    let body = json!({ "name": "nobody", "source": SOURCE });
    assert_eq!(server.refused(Method::POST, "model-versions/create", Some(body)).await.0, 404);
}

#[tokio::test]
async fn names_aliases_and_numbers_are_checked() {
    let server = Server::start().await;
    for name in ["", " ", "a/b", "a:b", "..", &"n".repeat(300)] {
        assert_eq!(server.refused(Method::POST, "registered-models/create", Some(json!({ "name": name }))).await.0, 400, "{name}");
    }
    server.post("registered-models/create", json!({ "name": "m" })).await;
    version(&server, "m").await;
    for (alias, number) in [("latest", "1"), ("v1", "1"), ("a b", "1"), ("", "1"), ("fine", "x")] {
        let body = json!({ "name": "m", "alias": alias, "version": number });
        assert_eq!(server.refused(Method::POST, "registered-models/alias", Some(body)).await.0, 400, "{alias}");
    }
    let body = json!({ "name": "m", "alias": "fine", "version": "7" });
    assert_eq!(server.refused(Method::POST, "registered-models/alias", Some(body)).await.0, 404);
    let body = json!({ "name": "m", "version": "1", "stage": "Nowhere" });
    let (_, _, message) = server.refused(Method::POST, "model-versions/transition-stage", Some(body)).await;
    assert_eq!(message, "Invalid Model Version stage: Nowhere. Value must be one of None, Staging, Production, Archived.");
}

#[tokio::test]
async fn models_and_versions_are_searched() {
    let server = Server::start().await;
    for (name, tags) in [
        ("b", json!([])),
        ("a", json!([{ "key": "k", "value": "v" }])),
        ("prompt", json!([{ "key": "mlflow.prompt.is_prompt", "value": "true" }])),
    ] {
        server.post("registered-models/create", json!({ "name": name, "tags": tags })).await;
    }
    for name in ["a", "b", "a"] {
        version(&server, name).await;
    }
    for (path, list, field, found) in [
        ("registered-models/search", "registered_models", "name", vec!["a", "b"]),
        ("registered-models/search?order_by=name DESC", "registered_models", "name", vec!["b", "a"]),
        ("registered-models/search?order_by=timestamp DESC", "registered_models", "name", vec!["a", "b"]),
        ("registered-models/search?filter=name ILIKE 'A'", "registered_models", "name", vec!["a"]),
        ("model-versions/search", "model_versions", "version", vec!["2", "1", "1"]),
        ("model-versions/search", "model_versions", "name", vec!["a", "b", "a"]),
        ("model-versions/search?order_by=name ASC", "model_versions", "name", vec!["a", "a", "b"]),
    ] {
        let answer = server.get(path).await;
        let names: Vec<_> = answer[list].as_array().unwrap().iter().map(|item| item[field].as_str().unwrap()).collect();
        assert_eq!(names, found, "{path}");
    }
    let first = server.get("registered-models/search?max_results=1").await;
    let token = first["next_page_token"].as_str().unwrap();
    let second = server.get(&format!("registered-models/search?max_results=1&page_token={token}")).await;
    assert_eq!(second["registered_models"][0]["name"], "b");
    let names = server.store().registered_models(&PageRequest { limit: 10, after: None }).await.unwrap();
    assert_eq!(names.items.iter().map(|model| model.name.as_str()).collect::<Vec<_>>(), ["a", "b", "prompt"]);
}

/// The versions that a search finds, page by page of one, as `name/number`.
async fn found(server: &Server, path: &str) -> Vec<String> {
    let (mut found, mut token) = (Vec::new(), String::new());
    loop {
        let joiner = if path.contains('?') { '&' } else { '?' };
        let page = server.get(&format!("{path}{joiner}max_results=1&page_token={token}")).await;
        let versions = page["model_versions"].as_array().cloned().unwrap_or_default();
        found.extend(
            versions.iter().map(|version| format!("{}/{}", version["name"].as_str().unwrap(), version["version"].as_str().unwrap())),
        );
        match page["next_page_token"].as_str() {
            Some(next) => token = next.to_owned(),
            None => return found,
        }
    }
}

#[tokio::test]
async fn versions_come_by_their_last_change() {
    let server = Server::start().await;
    for name in ["b", "a"] {
        server.post("registered-models/create", json!({ "name": name })).await;
    }
    let pause = || tokio::time::sleep(std::time::Duration::from_millis(2));
    for name in ["a", "b", "a"] {
        version(&server, name).await;
        pause().await;
    }
    assert_eq!(found(&server, "model-versions/search").await, ["a/2", "b/1", "a/1"]);
    // A tag is no change; a description and a stage are one.
    server.post("model-versions/set-tag", json!({ "name": "a", "version": "1", "key": "k", "value": "v" })).await;
    assert_eq!(found(&server, "model-versions/search").await, ["a/2", "b/1", "a/1"]);
    server.send(Method::PATCH, "model-versions/update", Some(json!({ "name": "b", "version": "1", "description": "d" }))).await;
    pause().await;
    server.post("model-versions/transition-stage", json!({ "name": "a", "version": "1", "stage": "Staging" })).await;
    for (path, expected) in [
        ("model-versions/search", vec!["a/1", "b/1", "a/2"]),
        ("model-versions/search?filter=name='a'", vec!["a/1", "a/2"]),
        ("model-versions/search?filter=run_id='abc'", vec!["a/1", "b/1", "a/2"]),
        ("model-versions/search?order_by=last_updated_timestamp DESC&order_by=name ASC", vec!["a/1", "b/1", "a/2"]),
        ("model-versions/search?order_by=last_updated_timestamp ASC", vec!["a/2", "b/1", "a/1"]),
        ("model-versions/search?order_by=name ASC", vec!["a/2", "a/1", "b/1"]),
        ("model-versions/search?filter=name='a'&order_by=version_number DESC", vec!["a/2", "a/1"]),
    ] {
        assert_eq!(found(&server, path).await, expected, "{path}");
    }
    server.post("registered-models/rename", json!({ "name": "a", "new_name": "c" })).await;
    let all = found(&server, "model-versions/search").await;
    assert_eq!((all.len(), all.last().map(String::as_str)), (3, Some("b/1")), "{all:?}");
    assert_eq!(found(&server, "model-versions/search?filter=name='a'").await, Vec::<String>::new());
}

/// The latest version in each stage, by the stage's name.
async fn latest(server: &Server) -> std::collections::BTreeMap<String, String> {
    let model = server.get("registered-models/get?name=m").await;
    let versions = model["registered_model"]["latest_versions"].as_array().cloned().unwrap_or_default();
    let text = |version: &serde_json::Value, field: &str| version[field].as_str().unwrap().to_owned();
    versions.iter().map(|version| (text(version, "current_stage"), text(version, "version"))).collect()
}

#[tokio::test]
async fn each_stage_knows_its_latest_version() {
    let server = Server::start().await;
    server.post("registered-models/create", json!({ "name": "m" })).await;
    for _ in 0..5 {
        version(&server, "m").await;
    }
    let stage = |number: u32, stage: &'static str, archive: bool| json!({ "name": "m", "version": number.to_string(), "stage": stage, "archive_existing_versions": archive });
    let is = |pairs: &[(&str, &str)]| pairs.iter().map(|(stage, number)| ((*stage).to_owned(), (*number).to_owned())).collect();
    assert_eq!(latest(&server).await, is(&[("None", "5")]));
    for number in [2, 4, 5] {
        server.post("model-versions/transition-stage", stage(number, "Production", false)).await;
    }
    assert_eq!(latest(&server).await, is(&[("None", "3"), ("Production", "5")]));
    server.send(Method::DELETE, "model-versions/delete", Some(json!({ "name": "m", "version": "5" }))).await;
    assert_eq!(latest(&server).await, is(&[("None", "3"), ("Production", "4")]));
    server.post("model-versions/transition-stage", stage(1, "Production", true)).await;
    assert_eq!(latest(&server).await, is(&[("Archived", "4"), ("None", "3"), ("Production", "1")]));
    // The same stage again changes nothing.
    server.post("model-versions/transition-stage", stage(1, "Production", true)).await;
    server.send(Method::DELETE, "model-versions/delete", Some(json!({ "name": "m", "version": "3" }))).await;
    assert_eq!(latest(&server).await, is(&[("Archived", "4"), ("Production", "1")]));
    assert_eq!(version(&server, "m").await, "6");
    assert_eq!(latest(&server).await, is(&[("Archived", "4"), ("None", "6"), ("Production", "1")]));
}

#[tokio::test]
async fn a_source_is_kept_as_it_came_and_may_not_hide_where_it_leads() {
    let server = Server::start().await;
    server.post("registered-models/create", json!({ "name": "churn" })).await;
    let run_id = server.run().await;
    let of_run = format!("runs:/{run_id}/model/");
    for (source, download) in [
        (of_run.as_str(), format!("mlflow-artifacts:/0/{run_id}/artifacts/model")),
        ("runs:/none/model", "runs:/none/model".to_owned()),
        ("mlflow-artifacts:/models///", "mlflow-artifacts:/models".to_owned()),
        ("mlflow-artifacts:/models/foo///bar", "mlflow-artifacts:/models/foo/bar".to_owned()),
        ("mlflow-artifacts://host:9000/models/artifact/..../", "mlflow-artifacts:/models/artifact/....".to_owned()),
        ("s3://bucket/model", "s3://bucket/model".to_owned()),
    ] {
        let answer = server.post("model-versions/create", json!({ "name": "churn", "source": source })).await;
        let version = answer["model_version"]["version"].as_str().unwrap();
        assert_eq!(answer["model_version"]["source"], source);
        let path = format!("model-versions/get-download-uri?name=churn&version={version}");
        assert_eq!(server.get(&path).await["artifact_uri"], download, "{source}");
    }
    for source in [
        "/tmp",
        "path/to/model",
        "file:///path/to/model",
        "s3://bucket/a/../b",
        "http://host/models/../../",
        "mlflow-artifacts://host:9000/models/..%2f..%2fartifacts",
        "mlflow-artifacts://host:9000/models/..%252f..%252fartifacts",
        "mlflow-artifacts://host:9000/models/artifact%00",
    ] {
        let (status, code, message) =
            server.refused(Method::POST, "model-versions/create", Some(json!({ "name": "churn", "source": source }))).await;
        assert_eq!((status, code.as_str()), (400, "INVALID_PARAMETER_VALUE"), "{source}");
        assert!(message.starts_with("Invalid model version source:"), "{message}");
    }
}

#[tokio::test]
async fn a_logged_model_names_its_versions_as_python_writes_it() {
    let server = Server::start().await;
    server.post("registered-models/create", json!({ "name": "churn" })).await;
    let model = server.post("logged-models", json!({ "experiment_id": "0" })).await;
    let info = &model["model"]["info"];
    let id = info["model_id"].as_str().unwrap();
    for _ in 0..2 {
        let body = json!({ "name": "churn", "source": info["artifact_uri"], "model_id": id });
        server.post("model-versions/create", body).await;
    }
    let tags = server.get(&format!("logged-models/{id}")).await["model"]["info"]["tags"].clone();
    let tag = tags.as_array().unwrap().iter().find(|tag| tag["key"] == "mlflow.modelVersions").unwrap().clone();
    assert_eq!(tag["value"], r#"[{"name": "churn", "version": 1}, {"name": "churn", "version": 2}]"#);
}
