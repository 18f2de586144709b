//! Every kind of model answers through the server exactly as it answers in a Python process of its own.
#![allow(clippy::unwrap_used)]

mod support;

use serde_json::json;
use support::{Image, python};

/// Serves a model and holds each of its cases against the answer; gives `/metadata`.
fn same_answers(version: &str, model: &str) -> serde_json::Value {
    let server = Image::new(version, model).serve();
    let health = server.get("/health");
    assert_eq!(health.status, 200, "{model}: {health:?}");
    assert_eq!(health.json()["status"], "healthy");
    assert!(!server.image.cases.is_empty());
    for case in &server.image.cases {
        let asked = case.get("probabilities").is_some();
        let reply = server.predict(&json!({"inputs": case["inputs"], "return_probabilities": asked}));
        assert_eq!(reply.status, 200, "{model}: {reply:?} to {case}");
        let answer = reply.json();
        assert_eq!(answer["predictions"], case["predictions"], "{model}: {case}");
        assert_eq!(answer.get("probabilities"), case.get("probabilities"), "{model}: {case}");
        assert_eq!((&answer["model_name"], &answer["model_version"]), (&model.into(), &"1".into()));
        assert!(answer["inference_time_ms"].as_f64().unwrap() > 0.0);
        assert!(answer["timestamp"].as_str().unwrap().ends_with('Z'));
    }
    let metadata = server.get("/metadata").json();
    println!("{model}: {} in {} ms, {}", metadata["loader"], metadata["load_ms"], metadata["imports"]);
    metadata
}

/// A model that needs neither MLflow nor pandas is loaded without them.
fn lean(model: &str) {
    let metadata = same_answers(python::PINNED, model);
    assert_eq!(metadata["imports"]["mlflow"], false, "{model}");
    assert_eq!(metadata["imports"]["pandas"], false, "{model}");
}

#[test]
fn forests_on_bare_numbers() {
    lean("forest");
    lean("tensor");
    lean("outputs");
    lean("missing");
}

#[test]
fn linear_models() {
    lean("two");
    lean("narrow");
    lean("predict_fn");
    lean("named");
    lean("text");
}

#[test]
fn models_of_tables() {
    for model in ["mixed", "unsigned", "custom_step"] {
        let metadata = same_answers(python::PINNED, model);
        assert_eq!(metadata["imports"]["mlflow"], false, "{model}");
    }
}

#[test]
fn xgboost_models() {
    for model in ["xgb_classifier", "xgb_regressor", "xgb_booster", "xgb_count"] {
        lean(model);
    }
}

#[test]
fn lightgbm_models() {
    lean("lgb_classifier");
    lean("lgb_booster");
}

#[test]
fn custom_models_go_through_mlflow() {
    let metadata = same_answers(python::PINNED, "pyfunc");
    assert_eq!(metadata["imports"]["mlflow"], true);
}

#[test]
fn skops_files() {
    same_answers(python::PINNED, "skops");
}

#[test]
fn models_of_the_newest_mlflow() {
    for model in ["forest", "skops", "mixed", "xgb_classifier", "lgb_classifier", "pyfunc"] {
        same_answers(python::NEWEST, model);
    }
}

#[test]
fn contributions_are_those_of_the_shap_package() {
    python::contributions();
}
