//! Models that fail, crash, hang or cannot be loaded.
#![allow(clippy::unwrap_used)]

mod support;

use serde_json::json;
use support::{Image, Server, is_alive, python, until};

fn troubled(variables: &[(&str, &str)]) -> Server {
    let server = Image::new(python::PINNED, "troubled").serve_with(variables);
    // A request's time limit may be shorter than loading takes.
    until(|| (server.get("/health").status == 200).then_some(())).expect("the model is not loaded");
    server
}

fn still_answers(server: &Server) {
    let reply = server.predict(&json!({"inputs": [[0, 7]]}));
    assert_eq!(reply.json()["predictions"], json!([7.0]), "{reply:?}");
}

/// The process that holds the model.
fn process(server: &Server) -> u32 {
    let detail = server.predict(&json!({"inputs": [[8, 0]]})).detail();
    detail.rsplit(' ').next().unwrap().parse().unwrap()
}

#[test]
fn an_exception_is_told_without_its_traceback() {
    let server = troubled(&[]);
    let reply = server.predict(&json!({"inputs": [[1, 0]]}));
    assert_eq!(reply.status, 500);
    assert_eq!(reply.detail(), "The model failed: ValueError: this model has had enough");
    server.errors.wait(|line| line.contains("Traceback").then_some(()));
    let reply = server.predict(&json!({"inputs": [[6, 0]]}));
    assert!(reply.status == 500 && reply.detail().contains("SystemExit"), "{reply:?}");
    still_answers(&server);
}

#[test]
fn a_process_that_ends_is_replaced() {
    let server = troubled(&[("MODEL_SERVER_WORKERS", "1")]);
    for (action, word) in [(2, "exit code 3"), (3, "signal 11")] {
        let reply = server.predict(&json!({"inputs": [[action, 0]]}));
        assert!(reply.status == 500 && reply.detail().contains(word), "{reply:?}");
        still_answers(&server);
    }
    // One that dies between requests costs no request.
    let before = process(&server);
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(before as i32), nix::sys::signal::Signal::SIGKILL).unwrap();
    until(|| (!is_alive(before)).then_some(())).unwrap();
    server.errors.wait(|line| line.contains("signal 9").then_some(()));
    still_answers(&server);
}

#[test]
fn a_hanging_model_is_stopped_at_the_deadline() {
    let server = troubled(&[("MODEL_SERVER_TIMEOUT", "1"), ("MODEL_SERVER_WORKERS", "1")]);
    let before = process(&server);
    let reply = server.predict(&json!({"inputs": [[4, 3600]]}));
    assert!(reply.status == 504 && reply.detail().contains("too long"), "{reply:?}");
    until(|| (!is_alive(before)).then_some(())).unwrap();
    until(|| (server.predict(&json!({"inputs": [[0, 7]]})).status == 200).then_some(())).unwrap();
}

#[test]
fn what_the_model_prints_goes_to_the_log() {
    let server = troubled(&[]);
    assert_eq!(server.predict(&json!({"inputs": [[5, 1]]})).status, 200);
    server.errors.wait(|line| line.contains("xxxx").then_some(()));
    assert!(server.output.all().iter().all(|line| !line.contains("xxxx")));
}

#[test]
fn the_model_sees_no_credentials() {
    let server = troubled(&[("AWS_SECRET_ACCESS_KEY", "secret"), ("AWS_SESSION_TOKEN", "token"), ("OTHER", "x"), ("DEPLOYMENT_ID", "d")]);
    let detail = server.predict(&json!({"inputs": [[7, 0]]})).detail();
    assert!(detail.contains("DEPLOYMENT_ID") && detail.contains("PATH"), "{detail}");
    assert!(!detail.contains("AWS") && !detail.contains("OTHER"), "{detail}");
}

#[test]
fn the_models_process_does_not_outlive_the_server() {
    let mut server = troubled(&[("MODEL_SERVER_WORKERS", "1")]);
    let worker = process(&server);
    assert!(is_alive(worker));
    drop(server.open("POST", "/predict", &[], br#"{"inputs": [[4, 3600]]}"#));
    server.child.kill().unwrap();
    server.child.wait().unwrap();
    until(|| (!is_alive(worker)).then_some(())).expect("the worker lives on");
}

#[test]
fn several_workers_answer_at_once() {
    let server = troubled(&[("MODEL_SERVER_WORKERS", "2")]);
    let both = until(|| {
        std::thread::scope(|scope| {
            let ask = || server.predict(&json!({"inputs": [[8, 0.2]]})).detail();
            let (first, second) = (scope.spawn(ask), scope.spawn(ask));
            (first.join().unwrap() != second.join().unwrap()).then_some(())
        })
    });
    both.expect("one worker alone answers");
}

#[test]
fn a_model_that_cannot_be_loaded_says_why() {
    for (model, word) in [("unloadable", "ModuleNotFoundError: No module named 'no_such_package'"), ("exits", "exit code 7")] {
        let server = Image::new(python::PINNED, model).serve();
        let health = server.get("/health");
        assert!(health.status == 503 && health.detail().contains(word), "{health:?}");
        assert_eq!(health.json()["status"], "unhealthy");
        let reply = server.predict(&json!({"inputs": [[1]]}));
        assert!(reply.status == 503 && reply.detail().contains(word), "{reply:?}");
        assert_eq!(server.get("/metadata").json()["loaded"], false);
        assert_eq!(server.get("/").status, 200);
    }
}

#[test]
fn an_incomplete_image_ends_the_program() {
    let image = Image::new(python::PINNED, "forest");
    std::fs::write(image.path().join("model.json"), r#"{"model_name": "m", "model_version": "1", "engine": "steam"}"#).unwrap();
    let output = image.command().args(["--port", "0"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("steam"));
    std::fs::remove_file(image.path().join("model.json")).unwrap();
    let output = image.command().args(["--port", "0"]).output().unwrap();
    assert!(String::from_utf8_lossy(&output.stderr).contains("model.json"));
}
