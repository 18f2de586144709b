//! Experiments.

use http::Method;
use serde_json::json;

use crate::Server;

#[tokio::test]
async fn the_default_experiment_is_always_there() {
    let server = Server::start().await;
    let experiment = &server.get("experiments/get?experiment_id=0").await["experiment"];
    assert_eq!((experiment["name"].as_str(), experiment["lifecycle_stage"].as_str()), (Some("Default"), Some("active")));
    let (_, code, _) = server.refused(Method::POST, "experiments/create", Some(json!({ "name": "Default" }))).await;
    assert_eq!(code, "RESOURCE_ALREADY_EXISTS");
}

#[tokio::test]
async fn an_experiment_goes_its_way() {
    let server = Server::start().await;
    let body = json!({ "name": "trees", "tags": [{ "key": "team", "value": "a".repeat(10_000) }] });
    let id = server.post("experiments/create", body.clone()).await["experiment_id"].as_str().unwrap().to_owned();
    let (status, code, _) = server.refused(Method::POST, "experiments/create", Some(body)).await;
    assert_eq!((status, code.as_str()), (400, "RESOURCE_ALREADY_EXISTS"));
    let experiment = &server.get("experiments/get-by-name?experiment_name=trees").await["experiment"];
    assert_eq!(experiment["experiment_id"], id.as_str());
    assert_eq!(experiment["artifact_location"], format!("mlflow-artifacts:/{id}"));
    assert_eq!(experiment["tags"][0]["value"].as_str().unwrap().len(), 10_000);

    server.post("experiments/set-experiment-tag", json!({ "experiment_id": id, "key": "x", "value": "1" })).await;
    server.post("experiments/delete-experiment-tag", json!({ "experiment_id": id, "key": "x" })).await;
    server.post("experiments/update", json!({ "experiment_id": id, "new_name": "forests" })).await;
    let (status, ..) = server.refused(Method::GET, "experiments/get-by-name?experiment_name=trees", None).await;
    assert_eq!(status, 404);
    server.post("experiments/create", json!({ "name": "trees" })).await;
    let taken = json!({ "experiment_id": id, "new_name": "trees" });
    assert_eq!(server.refused(Method::POST, "experiments/update", Some(taken)).await.1, "RESOURCE_ALREADY_EXISTS");

    server.post("experiments/delete", json!({ "experiment_id": id })).await;
    let (status, _, message) = server.refused(Method::POST, "runs/create", Some(json!({ "experiment_id": id }))).await;
    assert_eq!((status, message.contains("must be in the 'active' state")), (400, true), "{message}");
    assert_eq!(server.refused(Method::POST, "experiments/delete", Some(json!({ "experiment_id": id }))).await.0, 404);
    let deleted = server.post("experiments/search", json!({ "view_type": "DELETED_ONLY" })).await;
    assert_eq!(deleted["experiments"][0]["name"], "forests");
    server.post("experiments/restore", json!({ "experiment_id": id })).await;
    assert_eq!(server.get(&format!("experiments/get?experiment_id={id}")).await["experiment"]["lifecycle_stage"], "active");
}

#[tokio::test]
async fn experiments_are_searched() {
    let server = Server::start().await;
    for (name, tag) in [("one", "a"), ("two", "b"), ("three", "a")] {
        server.post("experiments/create", json!({ "name": name, "tags": [{ "key": "kind", "value": tag }] })).await;
    }
    let names = async |body| {
        let found = server.post("experiments/search", body).await;
        let names = found["experiments"].as_array().unwrap().iter().map(|experiment| experiment["name"].as_str().unwrap().to_owned());
        (names.collect::<Vec<_>>(), found["next_page_token"].as_str().map(str::to_owned))
    };
    assert_eq!(names(json!({ "filter": "tags.kind = 'a'", "order_by": ["name ASC"] })).await.0, ["one", "three"]);
    assert_eq!(names(json!({ "filter": "name = 'two'" })).await.0, ["two"]);
    assert_eq!(names(json!({ "filter": "name ILIKE 'T%'", "order_by": ["name DESC"] })).await.0, ["two", "three"]);
    let mut all = Vec::new();
    let mut token = None;
    loop {
        let (names, next) = names(json!({ "max_results": 1, "page_token": token })).await;
        all.extend(names);
        if next.is_none() {
            break;
        }
        token = next;
    }
    // The newest first; the one that is always there is the oldest, though nobody asked for it before.
    assert_eq!(all.last().map(String::as_str), Some("Default"));
    all.sort();
    assert_eq!(all, ["Default", "one", "three", "two"]);
    for body in
        [json!({ "filter": "name =" }), json!({ "max_results": 0 }), json!({ "page_token": "nonsense" }), json!({ "order_by": ["size"] })]
    {
        assert_eq!(server.refused(Method::POST, "experiments/search", Some(body)).await.0, 400);
    }
}

/// The runs that a search by time and one by a metric find, as `<number>:<stage>`.
async fn runs_found(server: &Server, experiment: &str, view: &str) -> Vec<String> {
    let mut found = Vec::new();
    for order in ["start_time ASC", "metrics.n ASC"] {
        let body = json!({ "experiment_ids": [experiment], "run_view_type": view, "order_by": [order] });
        let answer = server.post("runs/search", body).await;
        let runs = answer["runs"].as_array().cloned().unwrap_or_default();
        let shown = runs.iter().map(|run| format!("{}:{}", run["info"]["start_time"], run["info"]["lifecycle_stage"].as_str().unwrap()));
        let shown: Vec<String> = shown.collect();
        assert!(found.is_empty() || found == shown, "{found:?} and {shown:?}");
        found = shown;
    }
    found
}

#[tokio::test]
async fn the_runs_of_a_deleted_experiment_are_deleted_and_come_back_with_it() {
    let server = Server::start().await;
    let id = server.post("experiments/create", json!({ "name": "e" })).await["experiment_id"].as_str().unwrap().to_owned();
    let mut newest = String::new();
    for at in [1, 2] {
        let run = server.post("runs/create", json!({ "experiment_id": id, "start_time": at })).await["run"]["info"]["run_id"].clone();
        server.post("runs/log-metric", json!({ "run_id": run, "key": "n", "value": at, "timestamp": 1 })).await;
        if at == 1 {
            server.post("runs/delete", json!({ "run_id": run })).await;
        }
        newest = run.as_str().unwrap().to_owned();
    }
    assert_eq!(runs_found(&server, &id, "ACTIVE_ONLY").await, ["2:active"]);
    assert_eq!(runs_found(&server, &id, "DELETED_ONLY").await, ["1:deleted"]);
    server.post("experiments/delete", json!({ "experiment_id": id })).await;
    assert_eq!(runs_found(&server, &id, "ACTIVE_ONLY").await, [""; 0]);
    assert_eq!(runs_found(&server, &id, "DELETED_ONLY").await, ["1:deleted", "2:deleted"]);
    assert_eq!(runs_found(&server, &id, "ALL").await, ["1:deleted", "2:deleted"]);
    let got = server.get(&format!("runs/get?run_id={newest}")).await;
    assert_eq!(got["run"]["info"]["lifecycle_stage"], "deleted", "{got}");
    for (route, message) in [
        ("runs/log-metric", json!({ "run_id": newest, "key": "n", "value": 3, "timestamp": 3 })),
        ("runs/log-parameter", json!({ "run_id": newest, "key": "p", "value": "1" })),
        ("runs/set-tag", json!({ "run_id": newest, "key": "t", "value": "1" })),
        ("runs/delete-tag", json!({ "run_id": newest, "key": "t" })),
        ("runs/update", json!({ "run_id": newest, "status": "FINISHED" })),
        ("runs/log-batch", json!({ "run_id": newest, "metrics": [{ "key": "n", "value": 3, "timestamp": 3, "step": 0 }] })),
    ] {
        let (status, _, text) = server.refused(Method::POST, route, Some(message)).await;
        assert_eq!(status, 400, "{route}");
        assert_eq!(text, format!("The run {newest} must be in the 'active' state. Current state is deleted."), "{route}");
    }
    server.post("experiments/restore", json!({ "experiment_id": id })).await;
    assert_eq!(runs_found(&server, &id, "ACTIVE_ONLY").await, ["1:active", "2:active"]);
    assert_eq!(runs_found(&server, &id, "DELETED_ONLY").await, [""; 0]);
}
