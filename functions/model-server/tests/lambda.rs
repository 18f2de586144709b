//! The server as a Lambda function.
#![allow(clippy::unwrap_used)]

mod support;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use std::{process::Child, time::Duration};
use support::{Image, Lines, python, runtime::Runtime};

const LONG: Duration = Duration::from_secs(120);

struct Function {
    child: Child,
    runtime: Runtime,
    output: Lines,
    _image: Image,
}

impl Function {
    fn start(model: &str) -> Self {
        let image = Image::new(python::PINNED, model);
        let runtime = Runtime::start();
        let mut command = image.command();
        command.env("AWS_LAMBDA_RUNTIME_API", runtime.address.to_string());
        for (name, value) in [
            ("AWS_LAMBDA_FUNCTION_NAME", "model"),
            ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "1024"),
            ("AWS_LAMBDA_LOG_GROUP_NAME", "group"),
            ("AWS_LAMBDA_LOG_STREAM_NAME", "stream"),
            ("DEPLOYMENT_ID", "deployment"),
        ] {
            command.env(name, value);
        }
        let mut child = command.spawn().unwrap();
        let output = Lines::follow(child.stdout.take().unwrap());
        Lines::follow(child.stderr.take().unwrap());
        Self { child, runtime, output, _image: image }
    }

    /// The status and the body of an answer.
    fn predict(&self, body: &Value, limit: Duration) -> (u64, Value) {
        answer(self.runtime.invoke("POST", "/predict", Some((&body.to_string(), false)), limit))
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn answer((kind, content): (String, Value)) -> (u64, Value) {
    assert_eq!(kind, "response", "{content}");
    let body = content["body"].as_str().map_or(Value::Null, |body| serde_json::from_str(body).unwrap());
    (content["statusCode"].as_u64().unwrap_or_else(|| panic!("{content}")), body)
}

#[test]
fn answers_events_of_a_function_url() {
    let function = Function::start("forest");
    let rows = json!({"inputs": [vec![0.5; 20]], "return_probabilities": true});
    // The first call comes before the model is loaded, and waits.
    let (status, first) = function.predict(&rows, LONG);
    assert_eq!(status, 200, "{first}");
    assert_eq!(first["probabilities"][0].as_array().unwrap().len(), 2);
    let line: Value = function.output.wait(|line| serde_json::from_str(line).ok());
    assert_eq!((&line["deployment_id"], &line["cold_start"], &line["rows"]), (&"deployment".into(), &true.into(), &1.into()));
    let encoded = STANDARD.encode(rows.to_string());
    let (status, again) = answer(function.runtime.invoke("POST", "/predict", Some((&encoded, true)), LONG));
    assert_eq!((status, &again["predictions"]), (200, &first["predictions"]));
    let colds = || function.output.all().iter().map(|line| serde_json::from_str::<Value>(line).unwrap()["cold_start"].clone()).collect();
    assert_eq!(support::until(|| Some(colds()).filter(|colds: &Vec<Value>| colds.len() == 2)).unwrap(), [true, false]);
    assert_eq!(answer(function.runtime.invoke("GET", "/health", None, LONG)).1["status"], "healthy");
    assert_eq!(answer(function.runtime.invoke("GET", "/metadata", None, LONG)).1["name"], "forest");
    assert_eq!(answer(function.runtime.invoke("GET", "/x", None, LONG)).0, 404);
    assert_eq!(function.predict(&json!({"inputs": []}), LONG).0, 400);
    let large = format!("{{\"inputs\": [[{}1]]}}", "1,".repeat(3_200_000));
    assert_eq!(answer(function.runtime.invoke("POST", "/predict", Some((&large, false)), LONG)).0, 413);
}

#[test]
fn asks_for_work_once_the_model_is_loaded() {
    let function = Function::start("forest");
    let metadata = answer(function.runtime.invoke("GET", "/metadata", None, LONG)).1;
    assert_eq!(metadata["loaded"], true);
}

#[test]
fn answers_before_lambda_ends_it() {
    let function = Function::start("troubled");
    assert_eq!(answer(function.runtime.invoke("GET", "/health", None, LONG)).0, 200);
    let (status, body) = function.predict(&json!({"inputs": [[4, 3600]]}), Duration::from_secs(2));
    assert!(status == 504 && body["detail"].as_str().unwrap().contains("too long"), "{status} {body}");
    let (status, body) = function.predict(&json!({"inputs": [[0, 3]]}), LONG);
    assert_eq!((status, &body["predictions"]), (200, &json!([3.0])));
}

#[test]
fn says_why_a_model_cannot_be_loaded() {
    let function = Function::start("unloadable");
    let (status, body) = answer(function.runtime.invoke("GET", "/health", None, LONG));
    assert!(status == 503 && body["detail"].as_str().unwrap().contains("no_such_package"), "{status} {body}");
}
