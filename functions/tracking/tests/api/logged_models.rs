//! Logged models.

use http::Method;
use serde_json::json;

use crate::Server;

#[tokio::test]
async fn a_model_is_logged_and_found() {
    let server = Server::start().await;
    let run = server.run().await;
    let body = json!({
        "experiment_id": "0", "name": "forest", "source_run_id": run, "model_type": "agent",
        "params": [{ "key": "depth", "value": "3" }], "tags": [{ "key": "a", "value": "x".repeat(5000) }],
    });
    let model = &server.post("logged-models", body).await["model"];
    let id = model["info"]["model_id"].as_str().unwrap().to_owned();
    assert!(id.starts_with("m-") && id.len() == 34, "{id}");
    assert_eq!(model["info"]["artifact_uri"], format!("mlflow-artifacts:/0/models/{id}/artifacts"));
    assert_eq!(model["info"]["status"], "LOGGED_MODEL_PENDING");

    let path = format!("logged-models/{id}");
    let (status, finalized) = server.send(Method::PATCH, &path, Some(json!({ "status": "LOGGED_MODEL_READY" }))).await;
    assert_eq!((status, finalized["model"]["info"]["status"].as_str()), (200, Some("LOGGED_MODEL_READY")));
    server.send(Method::PATCH, &format!("{path}/tags"), Some(json!({ "tags": [{ "key": "b", "value": "1" }] }))).await;
    server.post(&format!("{path}/params"), json!({ "params": [{ "key": "width", "value": "9" }] })).await;
    let metric = json!({ "run_id": run, "key": "loss", "value": 0.1, "timestamp": 5, "model_id": id, "dataset_name": "iris", "dataset_digest": "d" });
    server.post("runs/log-metric", metric).await;

    let read = &server.get(&path).await["model"];
    assert_eq!(read["data"]["params"].as_array().unwrap().len(), 2);
    assert_eq!(read["data"]["metrics"][0]["dataset_name"], "iris");
    assert_eq!(read["info"]["tags"].as_array().unwrap().len(), 2);
    assert_eq!(server.store().run_logged_models(&run).await.unwrap()[0].id, id);

    let other = server.post("logged-models", json!({ "experiment_id": "0", "name": "other" })).await;
    let other = other["model"]["info"]["model_id"].as_str().unwrap();
    for (body, found) in [
        (json!({ "experiment_ids": ["0"] }), vec![other, &id]),
        (json!({ "experiment_ids": ["0"], "filter": "name = 'forest' AND params.depth = '3'" }), vec![&id]),
        (json!({ "experiment_ids": ["0"], "filter": "metrics.loss < 1" }), vec![&id]),
        (json!({ "experiment_ids": ["0"], "datasets": [{ "dataset_name": "iris" }] }), vec![&id]),
        (json!({ "experiment_ids": ["0"], "order_by": [{ "field_name": "name", "ascending": true }] }), vec![&id, other]),
        (json!({ "experiment_ids": ["0"], "order_by": [{ "field_name": "metrics.loss", "ascending": false }] }), vec![&id, other]),
        (json!({ "experiment_ids": ["5"] }), vec![]),
    ] {
        let answer = server.post("logged-models/search", body.clone()).await;
        let ids: Vec<&str> = answer["models"]
            .as_array()
            .map_or(Vec::new(), |models| models.iter().map(|model| model["info"]["model_id"].as_str().unwrap()).collect());
        assert_eq!(ids, found, "{body}");
    }

    let (status, _) = server.send(Method::DELETE, &format!("{path}/tags/b"), None).await;
    assert_eq!(status, 200);
    assert_eq!(server.refused(Method::DELETE, &format!("{path}/tags/b"), None).await.0, 404);
    server.send(Method::DELETE, &path, None).await;
    assert_eq!(server.refused(Method::GET, &path, None).await.0, 404);
    server.get(&format!("{path}?allow_deleted=true")).await;
}

#[tokio::test]
async fn the_model_of_a_run_is_its_newest_whole_one_or_what_older_clients_left() {
    let server = Server::start().await;
    let run = server.run().await;
    let objects = server.test.platform.objects().unwrap();
    assert!(server.store().resolve_run_model(objects, &run).await.unwrap().is_none());

    for file in ["model/MLmodel", "model/deeper/MLmodel", "plot.png"] {
        objects.put(&format!("artifacts/0/{run}/artifacts/{file}"), "x").await.unwrap();
    }
    let old = server.store().resolve_run_model(objects, &run).await.unwrap().unwrap();
    assert_eq!((old.artifact_path, old.model_id), (format!("0/{run}/artifacts/model"), None));

    let create = async |name: &str, status: &str| {
        let model = server.post("logged-models", json!({ "experiment_id": "0", "name": name, "source_run_id": run })).await;
        let id = model["model"]["info"]["model_id"].as_str().unwrap().to_owned();
        server.send(Method::PATCH, &format!("logged-models/{id}"), Some(json!({ "status": status }))).await;
        id
    };
    let whole = create("whole", "LOGGED_MODEL_READY").await;
    create("broken", "LOGGED_MODEL_UPLOAD_FAILED").await;
    let found = server.store().resolve_run_model(objects, &run).await.unwrap().unwrap();
    assert_eq!(found.source, format!("models:/{whole}"));
    assert_eq!(found.artifact_path, format!("0/models/{whole}/artifacts"));
}

#[tokio::test]
async fn a_page_token_of_another_search_says_what_differs() {
    let server = Server::start().await;
    let other = server.post("experiments/create", json!({ "name": "other" })).await["experiment_id"].clone();
    for name in ["a", "b"] {
        server.post("logged-models", json!({ "experiment_id": "0", "name": name })).await;
    }
    let first = json!({ "experiment_ids": ["0"], "max_results": 1 });
    let token = server.post("logged-models/search", first.clone()).await["next_page_token"].clone();
    for (field, value, message) in [
        ("experiment_ids", json!([other]), "Experiment IDs in the page token do not match the requested experiment IDs."),
        ("filter", json!("name = 'a'"), "Filter string in the page token does not match the requested filter string."),
        ("order_by", json!([{ "field_name": "name" }]), "Order by in the page token does not match the requested order by."),
    ] {
        let mut search = first.clone();
        search["page_token"] = token.clone();
        search[field] = value;
        let refused = server.refused(Method::POST, "logged-models/search", Some(search)).await;
        assert_eq!(refused, (400, "INVALID_PARAMETER_VALUE".to_owned(), message.to_owned()));
    }
}
