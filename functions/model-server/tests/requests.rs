//! What the server says to requests that are wrong, large, many, or given up.
#![allow(clippy::unwrap_used)]

mod support;

use serde_json::{Value, json};
use std::{
    io::Read,
    time::{Duration, Instant},
};
use support::{Image, Server, python};

fn serve(model: &str) -> Server {
    Image::new(python::PINNED, model).serve()
}

#[test]
fn the_images_folder_may_be_told_relative_to_where_the_server_starts() {
    let server = Image::new(python::PINNED, "forest").serve_from_within();
    assert_eq!(server.predict(&json!({"inputs": [row(0.5)]})).status, 200);
}

fn row(value: f64) -> Vec<f64> {
    vec![value; 20]
}

#[test]
fn other_routes() {
    let server = serve("named");
    let root = server.get("/").json();
    assert_eq!((&root["name"], &root["version"]), (&"named".into(), &"1".into()));
    assert!(root["endpoints"].get("POST /predict").is_some());
    let metadata = server.get("/metadata").json();
    assert_eq!(metadata["signature"]["inputs"][2]["name"], "größe");
    assert_eq!(metadata["input_example"]["dataframe_split"]["columns"][1], "b.c");
    assert_eq!((&metadata["run_id"], &metadata["engine"]), (&"run".into(), &"python".into()));
    let nothing = server.get("/nothing");
    assert!(nothing.status == 404 && nothing.detail().contains("/predict"), "{nothing:?}");
    let wrong = server.get("/predict");
    assert!(wrong.status == 405 && wrong.head.contains("allow: post") && wrong.detail().contains("GET"), "{wrong:?}");
    let preflight = server.send("OPTIONS", "/predict", &["origin: http://page", "access-control-request-method: POST"], b"");
    assert_eq!(preflight.status, 204);
    assert!(preflight.head.contains("access-control-allow-origin: *"), "{preflight:?}");
    assert!(server.get("/health").head.contains("access-control-allow-origin: *"));
}

#[test]
fn wrong_requests_to_a_model_without_names() {
    let server = serve("forest");
    for (status, body, word) in [
        (400, String::new(), "empty"),
        (400, "{".into(), "not JSON"),
        (400, r#"{"inputs": [[NaN]]}"#.into(), "NaN"),
        (400, r#"{"inputs": []}"#.into(), "no rows"),
        (
            422,
            r#"{"inputs": {"feature_0": [1.0, 2.0], "feature_1": [3.0, 4.0]}}"#.into(),
            "expects 20 features, got 2. Missing: 'feature_2'",
        ),
        (422, json!({"inputs": [vec![1; 19]]}).to_string(), "expects 20 features, got 19"),
        (400, json!({"inputs": [row(1.0), [1]]}).to_string(), "Row 1 has 1 values"),
        (422, json!({"inputs": [vec!["x"; 20]]}).to_string(), "feature_0"),
        (422, json!({"inputs": [row(1e300)]}).to_string(), "too large"),
        (400, json!({"inputs": [row(1.0)], "model_name": "other"}).to_string(), "forest version 1"),
        (400, json!({"inputs": [row(1.0)], "model_version": "2"}).to_string(), "version 1"),
        (422, "{}".into(), "inputs"),
    ] {
        let reply = server.post(&body);
        assert!(reply.status == status && reply.detail().contains(word), "{status} {word}: {reply:?} to {body}");
    }
    let named = json!({"model_name": "forest", "model_version": 1, "inputs": [row(0.5)]});
    assert_eq!(server.predict(&named).status, 200);
    // A list of exactly as many numbers as the model has features is one row.
    assert_eq!(server.predict(&json!({"inputs": row(0.5)})).json()["predictions"].as_array().unwrap().len(), 1);
    assert_eq!(server.predict(&json!({"inputs": [0.5, 1.5]})).status, 422);
}

#[test]
fn wrong_columns_are_named() {
    let server = serve("mixed");
    let good = server.image.cases[0]["inputs"].clone();
    let with = |column: &str, value: Value| {
        let mut inputs = good.clone();
        inputs[column] = value;
        server.predict(&json!({"inputs": inputs}))
    };
    let mut fewer = good.clone();
    fewer.as_object_mut().unwrap().remove("city");
    for (reply, word) in [
        (server.predict(&json!({"inputs": fewer})), "'city'"),
        (with("shoes", json!([1, 2, 3])), "'shoes'"),
        (with("age", json!([1, 2, "three"])), "'age'"),
        (with("age", json!([1, 2.5, 3])), "2.5"),
        (with("age", json!([1, null, 3])), "'age'"),
        (with("income", json!([1, true, 3])), "'income'"),
        (with("city", json!(["Rom", 1, "Oslo"])), "'city'"),
        (with("member", json!([1, 0, 1])), "'member'"),
    ] {
        assert!(reply.status == 422 && reply.detail().contains(word), "{word}: {reply:?}");
    }
    let reply = with("age", json!([1, 2]));
    assert!(reply.status == 400 && reply.detail().contains("different lengths"), "{reply:?}");
}

#[test]
fn missing_values_and_missing_probabilities() {
    let server = serve("named");
    let reply = server.predict(&json!({"inputs": {"a": [1, null], "b.c": [1, 2], "größe": [1, 2], "d e": [1, 2]}}));
    assert!(reply.status == 422 && reply.detail().contains("'a'"), "{reply:?}");
    let server = serve("two");
    let reply = server.predict(&json!({"inputs": [row(1.0)], "return_probabilities": true}));
    assert!(reply.status == 400 && reply.detail().contains("no probabilities"), "{reply:?}");
}

#[test]
fn large_bodies() {
    let server = Image::new(python::PINNED, "forest").serve_with(&[("MODEL_SERVER_MAX_BODY", "100000")]);
    let reply = server.post(&format!("{{\"inputs\": [[{}1]]}}", "1,".repeat(60_000)));
    assert!(reply.status == 413 && reply.detail().contains("100000"), "{reply:?}");
    let reply = server.send("POST", "/predict", &["content-length: 99999999999"], b"");
    assert_eq!(reply.status, 413, "{reply:?}");
    let chunk = "x".repeat(150_000);
    let chunked = format!("{:x}\r\n{chunk}\r\n0\r\n\r\n", chunk.len());
    let mut stream = server.open("POST", "/predict", &["transfer-encoding: chunked", "content-length-is: absent"], chunked.as_bytes());
    let mut text = String::new();
    let _ = stream.read_to_string(&mut text);
    assert!(text.contains("413"), "{text}");
    let reply = server.send("POST", "/predict", &["content-encoding: gzip"], b"{}");
    assert_eq!(reply.status, 415);
}

#[test]
fn a_hundred_thousand_rows() {
    let server = serve("xgb_classifier");
    assert_eq!(server.get("/health").status, 200);
    let line = format!("[{}]", (0..20).map(|index| format!("{}.25", index % 7)).collect::<Vec<_>>().join(","));
    let body = format!("{{\"inputs\": [{}]}}", vec![line.as_str(); 100_000].join(","));
    let began = Instant::now();
    let reply = server.post(&body);
    assert_eq!(reply.status, 200);
    let answer = reply.json();
    println!(
        "100,000 rows of 20 ({} MB): {:?}, of it {} ms inference",
        body.len() / 1_000_000,
        began.elapsed(),
        answer["inference_time_ms"]
    );
    assert_eq!(answer["predictions"].as_array().unwrap().len(), 100_000);
    let more = format!("{{\"inputs\": [{},{line}]}}", vec![line.as_str(); 100_000].join(","));
    assert_eq!(server.post(&more).status, 413);
}

#[test]
fn concurrent_callers_each_get_their_own_answer() {
    let server = serve("forest");
    assert_eq!(server.get("/health").status, 200);
    let values: Vec<f64> = (0..32).map(|index| f64::from(index) / 8.0 - 2.0).collect();
    let ask = |value: f64| server.predict(&json!({"inputs": [row(value)], "return_probabilities": true})).json()["probabilities"].clone();
    let alone: Vec<Value> = values.iter().map(|value| ask(*value)).collect();
    assert!(alone.iter().any(|answer| *answer != alone[0]));
    for _ in 0..4 {
        std::thread::scope(|scope| {
            let callers: Vec<_> = values.iter().map(|value| scope.spawn(|| ask(*value))).collect();
            // One bad request among those that share a call spoils none of the others.
            let bad = scope.spawn(|| server.predict(&json!({"inputs": [row(1e300)], "return_probabilities": true})));
            for (caller, expected) in callers.into_iter().zip(&alone) {
                assert_eq!(caller.join().unwrap(), *expected);
            }
            assert_eq!(bad.join().unwrap().status, 422);
        });
    }
}

#[test]
fn a_caller_that_leaves_disturbs_nobody() {
    let server = Image::new(python::PINNED, "troubled").serve_with(&[("MODEL_SERVER_WORKERS", "1")]);
    assert_eq!(server.get("/health").status, 200);
    for value in 0..5 {
        drop(server.open("POST", "/predict", &[], br#"{"inputs": [[4, 0.3]]}"#));
        let reply = server.predict(&json!({"inputs": [[0, value]]}));
        assert_eq!(reply.json()["predictions"], json!([f64::from(value)]));
    }
}

#[test]
fn each_prediction_is_one_line_of_the_log() {
    let server = Image::new(python::PINNED, "forest").serve_with(&[("DEPLOYMENT_ID", "dep"), ("MODEL_NAME", "served")]);
    // The first call does not wait for the start; it waits in it.
    let reply = server.predict(&json!({"inputs": [row(0.5)]}));
    assert_eq!(reply.status, 200);
    assert_eq!(server.post("{").status, 400);
    let line = |status: u16| {
        server.output.wait(|line| {
            let line: Value = serde_json::from_str(line).ok()?;
            (line["status"] == status).then_some(line)
        })
    };
    let good = line(200);
    assert_eq!((&good["type"], &good["deployment_id"], &good["model_name"]), (&"prediction".into(), &"dep".into(), &"served".into()));
    assert_eq!((&good["rows"], &good["cold_start"]), (&1.into(), &true.into()));
    assert_eq!(good["inputs"]["feature_19"], json!([0.5]));
    assert_eq!(good["predictions"], reply.json()["predictions"]);
    assert!(reply.head.contains(good["prediction_id"].as_str().unwrap()));
    let bad = line(400);
    assert!(bad["inputs"].is_null() && bad["error"].as_str().unwrap().contains("not JSON"));
}

#[test]
fn ends_after_the_requests_under_way() {
    let mut server = serve("troubled");
    assert_eq!(server.get("/health").status, 200);
    let mut stream = server.open("POST", "/predict", &[], br#"{"inputs": [[4, 1.0]]}"#);
    stream.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    let mut byte = [0];
    assert!(stream.read(&mut byte).is_err(), "the request is under way");
    server.terminate();
    stream.set_read_timeout(None).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    assert!(text.contains("\"predictions\":[1.0]"), "{text}");
    assert!(server.ended().success());
}
