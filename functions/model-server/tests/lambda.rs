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
    errors: Lines,
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
        let errors = Lines::follow(child.stderr.take().unwrap());
        Self { child, runtime, output, errors, _image: image }
    }

    /// What it answers to the platform, which hands it a request directly.
    fn predict_for_platform(&self, body: &Value, options: &Value) -> (u64, Value) {
        let body = body.to_string();
        answer(self.runtime.invoke_from("0123456789abcdef", Some(&options.to_string()), "POST", "/predict", Some((&body, false)), LONG))
    }

    /// The next line of the log after those that were there before.
    fn logged(&self, before: usize) -> Value {
        support::until(|| self.output.all().get(before).map(|line| serde_json::from_str(line).unwrap())).unwrap()
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

#[test]
fn the_platform_says_how_a_prediction_is_treated_and_nobody_else() {
    let function = Function::start("mixed");
    let rows = json!({"inputs": [{"age": 55, "city": "Köln", "income": 8500.0, "member": true}, {"age": 22, "city": "Rom", "income": 1500.0, "member": false}]});
    // Column names beyond ASCII travel in the header too.
    let policy = json!({"actions": {"postal_address": "hash"}, "column_map": {"city": "postal_address", "größe": "email"}, "key": "0123456789abcdef"});
    let options = json!({"include_contributions": true, "privacy": policy, "anonymize_logs": true});
    let (status, body) = function.predict_for_platform(&rows, &options);
    assert_eq!((status, &body["predictions"]), (200, &json!(["high", "low"])), "{body}");
    let row = body["contributions"][1].as_array().unwrap();
    let names: Vec<&str> = row.iter().map(|part| part["feature"].as_str().unwrap()).collect();
    assert_eq!(names, ["age", "city", "income", "member", "BiasTerm"]);
    // The positive class is "low", whose probability they add up to.
    let sum: f64 = row.iter().map(|part| part["value"].as_f64().unwrap()).sum();
    let (_, plain) = function.predict(&json!({"inputs": rows["inputs"], "return_probabilities": true}), LONG);
    assert!((sum - plain["probabilities"][1][1].as_f64().unwrap()).abs() < 1e-9 && sum > 0.5, "{sum} {plain}");
    assert!(plain.get("contributions").is_none());
    let line = function.logged(0);
    assert!(line["inputs"]["city"][0].as_str().unwrap().starts_with("hmac:") && line["inputs"]["age"][0] == 55, "{line}");
    assert_eq!((&line["predictions"], &line["caller"].as_str().map(str::len)), (&json!(["high", "low"]), &Some(16)));
    assert_eq!(function.logged(1)["inputs"]["city"], json!(["Köln", "Rom"]));

    // The answer has the labels, and one of them is personal here because a mapped column holds it.
    let labels = json!({"inputs": [{"age": 55, "city": "high", "income": 8500.0, "member": true}]});
    let options = json!({"privacy": policy, "anonymize_response": true, "store_payload": false});
    let (status, body) = function.predict_for_platform(&labels, &options);
    assert!(status == 200 && body["predictions"][0].as_str().unwrap().starts_with("hmac:"), "{body}");
    let line = function.logged(2);
    assert!(line["inputs"].is_null() && line["predictions"] == json!(["high"]), "{line}");

    // A header that cannot be understood is refused; from anybody else it is passed over.
    assert_eq!(function.predict_for_platform(&rows, &json!({"anonymize_logs": true})).0, 400);
    let text = rows.to_string();
    let (status, body) = answer(function.runtime.invoke_from("2001:db8::1", Some("{"), "POST", "/predict", Some((&text, false)), LONG));
    assert_eq!((status, body.get("contributions")), (200, None));
}

#[test]
fn nothing_that_the_model_prints_on_a_private_request_is_kept() {
    let function = Function::start("troubled");
    let printed = |function: &Function| function.errors.all().iter().filter(|line| line.contains("Traceback")).count();
    let trouble = json!({"inputs": [[1, 5.0]]});
    let private = json!({"store_payload": false});
    let (status, body) = function.predict_for_platform(&trouble, &private);
    assert!(status == 500 && body["detail"].as_str().unwrap().contains("enough"), "{status} {body}");
    assert!(!function.logged(0)["error"].as_str().unwrap().contains("enough"));
    assert_eq!(function.predict(&trouble, LONG).0, 500);
    // The second request's output has come: the first's would have come before it.
    function.errors.wait(|line| line.contains("Traceback").then_some(()));
    assert_eq!(printed(&function), 1);
}

#[test]
fn what_has_no_exact_contributions_says_so() {
    for (model, row) in [("troubled", json!([0, 1.0])), ("pyfunc", json!({"a": 1.0})), ("predict_fn", json!(vec![0.5; 20]))] {
        let function = Function::start(model);
        let (status, body) = function.predict_for_platform(&json!({"inputs": [row]}), &json!({"include_contributions": true}));
        assert!(status == 400 && body["detail"].as_str().unwrap().contains("not available"), "{model}: {status} {body}");
    }
}
