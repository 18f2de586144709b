//! Runs and what they log.

use http::Method;
use serde_json::{Value, json};

use crate::Server;

fn entry<'a>(list: &'a Value, key: &str) -> &'a Value {
    list.as_array().unwrap().iter().find(|entry| entry["key"] == key).unwrap_or_else(|| panic!("no {key} in {list}"))
}

#[tokio::test]
async fn a_run_is_read_back_as_it_was_logged() {
    let server = Server::start().await;
    let tags = json!([{ "key": "mlflow.runName", "value": "first" }, { "key": "team", "value": "a" }]);
    let created = server.post("runs/create", json!({ "start_time": "1700000000000", "user_id": "ann", "tags": tags })).await;
    let info = &created["run"]["info"];
    let id = info["run_id"].as_str().unwrap();
    assert_eq!((info["status"].as_str(), info["run_name"].as_str()), (Some("RUNNING"), Some("first")));
    assert_eq!(info["artifact_uri"], format!("mlflow-artifacts:/0/{id}/artifacts"));
    assert_eq!(info["start_time"], 1_700_000_000_000_i64);

    server.post("runs/log-parameter", json!({ "run_id": id, "key": "C", "value": "0.5" })).await;
    server.post("runs/log-metric", json!({ "run_id": id, "key": "loss", "value": 0.25, "timestamp": 10, "step": 1 })).await;
    server.post("runs/log-metric", json!({ "run_uuid": id, "key": "nan", "value": "NaN", "timestamp": 10 })).await;
    server.post("runs/log-metric", json!({ "run_id": id, "key": "infinite", "value": "-Infinity", "timestamp": 10 })).await;
    server.post("runs/set-tag", json!({ "run_id": id, "key": "note", "value": "" })).await;
    server.post("runs/outputs", json!({ "run_id": id, "models": [{ "model_id": "m-1", "step": "3" }] })).await;
    let updated = server.post("runs/update", json!({ "run_id": id, "status": "FINISHED", "end_time": 20 })).await;
    assert_eq!((updated["run_info"]["status"].as_str(), updated["run_info"]["end_time"].as_i64()), (Some("FINISHED"), Some(20)));

    let run = &server.get(&format!("runs/get?run_id={id}")).await["run"];
    assert_eq!(entry(&run["data"]["params"], "C")["value"], "0.5");
    assert_eq!(entry(&run["data"]["tags"], "note")["value"], "");
    assert_eq!(entry(&run["data"]["metrics"], "loss"), &json!({ "key": "loss", "value": 0.25, "timestamp": 10, "step": 1 }));
    assert_eq!(entry(&run["data"]["metrics"], "nan")["value"], "NaN");
    assert_eq!(entry(&run["data"]["metrics"], "infinite")["value"], f64::MIN);
    assert_eq!(run["outputs"]["model_outputs"], json!([{ "model_id": "m-1", "step": 3 }]));
}

#[tokio::test]
async fn the_latest_value_is_by_step_then_time_then_value() {
    let server = Server::start().await;
    let id = server.run().await;
    for (step, timestamp, value) in [(1, 5, 1.0), (0, 9, 9.0), (1, 4, 8.0), (1, 5, 0.5), (1, 5, 2.0)] {
        server.post("runs/log-metric", json!({ "run_id": id, "key": "m", "value": value, "timestamp": timestamp, "step": step })).await;
    }
    let run = server.get(&format!("runs/get?run_id={id}")).await;
    assert_eq!(run["run"]["data"]["metrics"], json!([{ "key": "m", "value": 2.0, "timestamp": 5, "step": 1 }]));
    let history = server.get(&format!("metrics/get-history?run_id={id}&metric_key=m")).await;
    let times: Vec<i64> = history["metrics"].as_array().unwrap().iter().map(|metric| metric["timestamp"].as_i64().unwrap()).collect();
    assert_eq!(times, [4, 5, 5, 5, 9]);
    let first = server.get(&format!("metrics/get-history?run_id={id}&metric_key=m&max_results=2")).await;
    let token = first["next_page_token"].as_str().unwrap();
    let second = server.get(&format!("metrics/get-history?run_id={id}&metric_key=m&max_results=3&page_token={token}")).await;
    assert_eq!(second["metrics"].as_array().unwrap().len(), 3);
    assert_eq!(second["next_page_token"], Value::Null);
}

#[tokio::test]
async fn a_param_is_written_once() {
    let server = Server::start().await;
    let id = server.run().await;
    let long = "x".repeat(5000);
    for (key, value) in [("short", "1"), ("long", long.as_str())] {
        for _ in 0..2 {
            server.post("runs/log-parameter", json!({ "run_id": id, "key": key, "value": value })).await;
        }
        let changed = json!({ "run_id": id, "key": key, "value": "other" });
        let (status, code, message) = server.refused(Method::POST, "runs/log-parameter", Some(changed)).await;
        assert_eq!((status, code.as_str()), (400, "INVALID_PARAMETER_VALUE"));
        assert!(message.contains(&format!("was already logged with value='{value}'")), "{message}");
        let batch = json!({ "run_id": id, "params": [{ "key": "new", "value": "1" }, { "key": key, "value": "other" }] });
        let (_, _, message) = server.refused(Method::POST, "runs/log-batch", Some(batch)).await;
        assert!(message.starts_with("Changing param values is not allowed."), "{message}");
    }
    let run = server.get(&format!("runs/get?run_id={id}")).await;
    assert_eq!(entry(&run["run"]["data"]["params"], "long")["value"], long.as_str());
    assert_eq!(run["run"]["data"]["params"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_batch_of_a_thousand_metrics_is_all_there() {
    let server = Server::start().await;
    let id = server.run().await;
    let metrics: Vec<Value> =
        (0..1000).map(|at| json!({ "key": format!("m{}", at % 500), "value": at, "timestamp": at, "step": at })).collect();
    server.post("runs/log-batch", json!({ "run_id": id, "metrics": metrics })).await;
    let run = server.get(&format!("runs/get?run_id={id}")).await;
    let latest = run["run"]["data"]["metrics"].as_array().unwrap();
    assert_eq!(latest.len(), 500);
    assert_eq!(entry(&run["run"]["data"]["metrics"], "m0")["value"], 500.0);
    assert_eq!(entry(&run["run"]["data"]["metrics"], "m499")["value"], 999.0);
    let history = server.get(&format!("metrics/get-history?run_id={id}&metric_key=m7")).await;
    assert_eq!(history["metrics"].as_array().unwrap().len(), 2);
    let bulk = server.get(&format!("/ajax-api/2.0/mlflow/metrics/get-history-bulk?run_id={id}&metric_key=m7")).await;
    assert_eq!(bulk["metrics"][0]["run_id"], id.as_str());
}

#[tokio::test]
async fn a_history_is_in_order_however_it_was_logged() {
    let server = Server::start().await;
    let id = server.run().await;
    let point = |key: &str, at: i64| json!({ "key": key, "value": at, "timestamp": at, "step": at });
    // Many at once, backwards; one by one; together with very many others; some of them twice.
    let odd: Vec<Value> = (0..300).rev().map(|at| point("m", 2 * at + 1)).collect();
    let even: Vec<Value> = (100..300).map(|at| point("m", 2 * at)).collect();
    let wide: Vec<Value> = (0..100).flat_map(|at| [point("m", 2 * at), point(&format!("other{at}"), at)]).collect();
    for metrics in [&odd, &even, &wide, &even] {
        server.post("runs/log-batch", json!({ "run_id": id, "metrics": metrics })).await;
    }
    for at in 600..605 {
        server.post("runs/log-metric", json!({ "run_id": id, "key": "m", "value": at, "timestamp": at, "step": at })).await;
    }
    for size in [1000, 7, 100] {
        let (mut steps, mut token) = (Vec::new(), String::new());
        loop {
            let page = server.get(&format!("metrics/get-history?run_id={id}&metric_key=m&max_results={size}&page_token={token}")).await;
            let metrics = page["metrics"].as_array().unwrap();
            assert!(!metrics.is_empty() && metrics.len() <= size);
            steps.extend(metrics.iter().map(|metric| metric["step"].as_i64().unwrap()));
            match page["next_page_token"].as_str() {
                Some(next) => next.clone_into(&mut token),
                None => break,
            }
        }
        assert_eq!(steps, (0..605).collect::<Vec<_>>(), "in pages of {size}");
    }
}

#[tokio::test]
async fn a_batch_with_params_and_tags_of_every_length_is_all_there() {
    let server = Server::start().await;
    let id = server.run().await;
    let pairs = |length: usize| -> Vec<Value> {
        (0..100).map(|at| json!({ "key": format!("key {at}"), "value": format!("{at}").repeat(length) })).collect()
    };
    server.post("runs/log-batch", json!({ "run_id": id, "params": pairs(2000), "tags": pairs(2000) })).await;
    let run = server.get(&format!("runs/get?run_id={id}")).await;
    assert_eq!(entry(&run["run"]["data"]["params"], "key 42")["value"], "42".repeat(2000));
    assert_eq!(entry(&run["run"]["data"]["tags"], "key 99")["value"], "99".repeat(2000));
    let renamed = json!({ "run_id": id, "tags": [{ "key": "mlflow.runName", "value": "renamed" }] });
    server.post("runs/log-batch", renamed).await;
    let run = server.get(&format!("runs/get?run_id={id}")).await;
    assert_eq!(run["run"]["info"]["run_name"], "renamed");
}

#[tokio::test]
async fn datasets_are_recorded_once_with_all_they_carry() {
    let server = Server::start().await;
    let id = server.run().await;
    let dataset = |profile: &str| {
        json!({
            "tags": [{ "key": "mlflow.data.context", "value": "training" }],
            "dataset": { "name": "iris", "digest": "abc", "source_type": "code", "source": "{}", "schema": "s".repeat(700_000), "profile": profile },
        })
    };
    server.post("runs/log-inputs", json!({ "run_id": id, "datasets": [dataset("p")], "models": [{ "model_id": "m-1" }] })).await;
    server.post("runs/log-inputs", json!({ "run_id": id, "datasets": [dataset("q")], "models": [{ "model_id": "m-1" }] })).await;
    let inputs = &server.get(&format!("runs/get?run_id={id}")).await["run"]["inputs"];
    assert_eq!(inputs["dataset_inputs"].as_array().unwrap().len(), 1);
    assert_eq!(inputs["dataset_inputs"][0]["dataset"]["profile"], "p");
    assert_eq!(inputs["dataset_inputs"][0]["dataset"]["schema"].as_str().unwrap().len(), 700_000);
    assert_eq!(inputs["model_inputs"], json!([{ "model_id": "m-1" }]));
    let summaries = server.post("experiments/search-datasets", json!({ "experiment_ids": ["0"] })).await;
    assert_eq!(summaries["dataset_summaries"][0]["context"], "training");
}

#[tokio::test]
async fn a_deleted_run_takes_nothing_until_it_is_restored() {
    let server = Server::start().await;
    let id = server.run().await;
    server.post("runs/delete", json!({ "run_id": id })).await;
    for (path, body) in [
        ("runs/log-metric", json!({ "run_id": id, "key": "m", "value": 1, "timestamp": 1 })),
        ("runs/log-parameter", json!({ "run_id": id, "key": "p", "value": "1" })),
        ("runs/set-tag", json!({ "run_id": id, "key": "t", "value": "1" })),
        ("runs/log-batch", json!({ "run_id": id, "tags": [{ "key": "t", "value": "1" }] })),
        ("runs/update", json!({ "run_id": id, "status": "FAILED" })),
    ] {
        let (status, code, message) = server.refused(Method::POST, path, Some(body)).await;
        assert_eq!((status, code.as_str()), (400, "INVALID_PARAMETER_VALUE"), "{path}");
        assert!(message.contains("must be in the 'active' state. Current state is deleted"), "{path}: {message}");
    }
    server.post("runs/restore", json!({ "run_id": id })).await;
    server.post("runs/set-tag", json!({ "run_id": id, "key": "t", "value": "1" })).await;
    server.post("runs/delete-tag", json!({ "run_id": id, "key": "t" })).await;
    let (status, code, message) = server.refused(Method::POST, "runs/delete-tag", Some(json!({ "run_id": id, "key": "t" }))).await;
    assert_eq!((status, code.as_str()), (404, "RESOURCE_DOES_NOT_EXIST"), "{message}");
}

#[tokio::test]
async fn wrong_requests_are_told_what_is_wrong() {
    let server = Server::start().await;
    let id = server.run().await;
    let metric = |extra: Value| {
        let mut body = json!({ "run_id": id, "key": "m", "value": 1, "timestamp": 1 });
        body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        body
    };
    let many: Vec<Value> = (0..1001).map(|at| json!({ "key": format!("{at}"), "value": 1, "timestamp": 1 })).collect();
    for (path, body, status, text) in [
        ("runs/create", json!({ "experiment_id": "77" }), 404, "No Experiment with id=77 exists"),
        ("runs/create", json!({ "experiment_id": "abc" }), 400, "must be a valid integer"),
        ("runs/create", json!({ "start_time": "soon" }), 400, "Invalid value \"soon\" for parameter 'start_time'"),
        ("runs/create", json!({ "tags": "x" }), 400, "for parameter 'tags'"),
        ("runs/log-metric", json!({}), 400, "Missing value for required parameter 'run_id'"),
        ("runs/log-metric", metric(json!({ "value": null })), 400, "'value'"),
        ("runs/log-metric", metric(json!({ "value": "high" })), 400, "for parameter 'value'"),
        ("runs/log-metric", metric(json!({ "timestamp": -1 })), 400, "nonnegative long"),
        ("runs/log-metric", metric(json!({ "key": "a$" })), 400, "Names may only contain alphanumerics"),
        ("runs/log-metric", metric(json!({ "key": "../a" })), 400, "must not resolve to other names"),
        ("runs/log-metric", metric(json!({ "key": "k".repeat(251) })), 400, "exceeds the maximum length of 250"),
        ("runs/log-metric", metric(json!({ "run_id": "nobody" })), 404, "Run with id=nobody not found"),
        ("runs/log-metric", metric(json!({ "step": 1.5 })), 400, "for parameter 'step'"),
        ("runs/log-batch", json!({ "run_id": id, "metrics": many }), 400, "at most 1000 metrics. Got 1001"),
        ("runs/log-batch", json!({ "run_id": id, "metrics": [{ "key": "a", "value": 1 }] }), 400, "metrics[0].timestamp"),
        ("runs/log-batch", json!({ "run_id": id, "params": [{ "key": "a" }, { "key": "a" }] }), 400, "Duplicate parameter keys"),
        ("runs/log-batch", json!({ "run_id": "a b" }), 400, "Invalid value \"a b\" for parameter 'run_id'"),
        ("runs/update", json!({ "run_id": id, "status": "RESTING" }), 400, "for parameter 'status'"),
        ("runs/log-parameter", json!({ "run_id": "nobody", "key": "a", "value": "x".repeat(600) }), 404, "Run with id=nobody not found"),
    ] {
        let (found, _, message) = server.refused(Method::POST, path, Some(body)).await;
        assert_eq!(found, status, "{path} {message}");
        assert!(message.contains(text), "{path} {message}");
    }
    let (status, _, message) = server.refused(Method::GET, "runs/get?run_id=nobody", None).await;
    assert_eq!((status, message.as_str()), (404, "Run with id=nobody not found"));
}
