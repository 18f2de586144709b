//! The `/mlops` routes over HTTP: shapes, status codes, and what they say to bad input.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Cloud, scripts};

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_request_is_told_what_is_wrong_and_where() {
    let client = &Cloud::shared().client;
    let good = scripts::request("refused", "print(1)");
    let with = |field: &str, value: Value| {
        let mut request = good.clone();
        request[field] = value;
        request
    };
    let mut without_model = good.clone();
    without_model.as_object_mut().unwrap().remove("model_name");
    let cases = [
        (without_model, "model_name"),
        (with("script_name", json!("../train.py")), "script_name"),
        (with("script_name", json!(7)), "script_name"),
        (with("script_content", json!("")), "script_content"),
        (with("model_name", json!("a/b")), "model_name"),
        (with("experiment_name", json!("")), "experiment_name"),
        (with("timeout", json!(59)), "timeout"),
        (with("timeout", json!(3601)), "timeout"),
        (with("timeout", json!("soon")), "timeout"),
        (with("requirements", json!(["--index-url=http://evil"])), "requirements"),
        (with("requirements", json!(["git+https://host/x"])), "requirements"),
        (with("requirements", json!(["../local"])), "requirements"),
        (with("requirements", json!("scikit-learn")), "requirements"),
        (with("environment_vars", json!({ "LD_PRELOAD": "x" })), "LD_PRELOAD"),
        (with("environment_vars", json!({ "PYTHONPATH": "x" })), "PYTHONPATH"),
        (with("environment_vars", json!({ "AWS_SECRET_ACCESS_KEY": "x" })), "AWS_SECRET_ACCESS_KEY"),
        (with("tags", json!([1])), "tags"),
        (with("tiemout", json!(300)), "tiemout"),
    ];
    for path in ["/mlops/training/upload", "/mlops/deploy"] {
        for (request, named) in &cases {
            let answer = client.post(path, request).await;
            assert_eq!(answer.status, 400, "{path} {request}: {:?}", answer.body);
            assert!(answer.body["detail"].as_str().unwrap().contains(named), "{path} {request}: {:?}", answer.body);
        }
        for body in ["", "{", "[]", "null", "\u{0}", "{\"a\": NaN}"] {
            let answer = client.request(Method::POST, path, &[("content-type", "application/json")], body).await;
            assert_eq!(answer.status, 400, "{path} {body:?}: {:?}", answer.body);
            assert!(answer.body["detail"].is_string(), "{path} {body:?}: {:?}", answer.body);
        }
        let huge = format!("{{\"script_content\": \"{}\"}}", "x".repeat(5 * 1024 * 1024));
        let answer = client.request(Method::POST, path, &[("content-type", "application/json")], huge).await;
        assert!(matches!(answer.status, 400 | 413), "{}: {:?}", answer.status, answer.body);
    }
    let answer = client.post("/mlops/deploy", &json!({ "model_name": "nobody", "model_version": "1" })).await;
    assert_eq!(answer.status, 404, "{:?}", answer.body);
    let answer = client.post("/mlops/deploy", &with("replicas", json!(0))).await;
    assert_eq!(answer.status, 400, "{:?}", answer.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_exist_is_a_404_that_says_so() {
    let client = &Cloud::shared().client;
    let id = "0198c0de-0000-7000-8000-000000000000";
    for path in [
        format!("/mlops/training/jobs/{id}"),
        "/mlops/training/jobs/abc-123-def".to_owned(),
        format!("/mlops/deployments/{id}"),
        "/mlops/deployments/..%2f..%2fetc".to_owned(),
        "/mlops/models/nobody".to_owned(),
        "/mlops/models/%F0%9F%92%A9".to_owned(),
    ] {
        let answer = client.get(&path).await;
        assert_eq!(answer.status, 404, "{path}: {:?}", answer.body);
        assert!(answer.body["detail"].as_str().unwrap().contains("not found"), "{path}: {:?}", answer.body);
    }
    assert_eq!(client.post(&format!("/mlops/training/jobs/{id}/cancel"), &json!({})).await.status, 404);
    assert_eq!(client.delete(&format!("/mlops/deployments/{id}")).await.status, 404);
    assert_eq!(client.get("/mlops/nothing").await.status, 404);
    let answer = client.post("/mlops/registry", &json!({ "model_name": "m", "run_id": "mlflow-run-id-123" })).await;
    assert_eq!(answer.status, 404, "{:?}", answer.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_request_under_one_key_starts_one_job() {
    let cloud = Cloud::start();
    let client = &cloud.client;
    let request = scripts::bare_request("idempotent", "print('once')").to_string();
    let headers = [("content-type", "application/json"), ("idempotency-key", "key-1")];
    for path in ["/mlops/training/upload", "/mlops/deploy"] {
        let first = client.request(Method::POST, path, &headers, request.clone()).await;
        let again = client.request(Method::POST, path, &headers, request.clone()).await;
        assert_eq!((first.status, again.status), (202, 202), "{:?}", again.body);
        assert_eq!(first.body["job_id"], again.body["job_id"]);
        let other = client.request(Method::POST, path, &headers, request.replace("once", "twice")).await;
        assert_eq!(other.status, 409, "{:?}", other.body);
    }
    for list in ["/mlops/training/jobs", "/mlops/deployments"] {
        assert_eq!(client.get(list).await.body["total"], 1, "{list}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_are_listed_page_by_page_newest_first() {
    let cloud = Cloud::start();
    let client = &cloud.client;
    let mut ids = Vec::new();
    for number in 0..5 {
        ids.push(client.train(&scripts::bare_request("listed", &format!("print({number})"))).await);
    }
    ids.reverse();
    let (mut seen, mut token) = (Vec::new(), String::new());
    loop {
        let page = client.get(&format!("/mlops/training/jobs?limit=2&page_token={token}")).await.body;
        assert_eq!(page["total"], 5, "{page:#}");
        seen.extend(page["jobs"].as_array().unwrap().iter().map(|job| job["job_id"].as_str().unwrap().to_owned()));
        match page["next_page_token"].as_str() {
            Some(next) => token = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(seen, ids);
    for query in ["limit=0", "limit=-1", "limit=1000000", "limit=x", "page_token=%00"] {
        let answer = client.get(&format!("/mlops/training/jobs?{query}")).await;
        assert_eq!(answer.status, 400, "{query}: {:?}", answer.body);
    }
    for id in ids {
        client.ended("/mlops/training/jobs", &id).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_status_is_what_is_really_there() {
    let cloud = Cloud::start();
    let status = cloud.client.get("/mlops/status").await;
    assert_eq!(status.status, 200);
    let body = status.body;
    assert_eq!(body["mlflow_tracking_uri"], cloud.client.url);
    assert_eq!(body["mlflow_available"], true, "{body:#}");
    assert_eq!((&body["feast_store_available"], &body["feature_views"]), (&json!(false), &json!(0)), "{body:#}");
    assert_eq!(body["registered_models"], 0, "{body:#}");
    assert!(body["active_experiments"].is_u64() && body["timestamp"].is_string(), "{body:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_documentation_is_served() {
    let client = &Cloud::shared().client;
    let docs = client.get("/docs").await;
    assert_eq!(docs.status, 200);
    assert!(docs.headers["content-type"].to_str().unwrap().starts_with("text/html"));
    assert!(docs.body.as_str().unwrap().contains("openapi.json"));
    let openapi = client.get("/openapi.json").await;
    assert_eq!((openapi.status, openapi.body["openapi"].as_str().unwrap().starts_with('3')), (200, true));
    assert!(openapi.body["paths"]["/mlops/deploy"]["post"].is_object(), "{:?}", openapi.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_registered_by_hand() {
    let client = &Cloud::shared().client;
    let job_id = client.train(&scripts::request("by_script", &scripts::constant(1))).await;
    let job = client.ended("/mlops/training/jobs", &job_id).await;
    let request = json!({
        "model_name": "by_hand", "run_id": job["run_id"], "description": "Production model v2.0",
        "tags": { "data_version": "2025-10", "trained_by": "john.doe" },
    });
    let answer = client.post("/mlops/registry", &request).await;
    assert_eq!(answer.status, 201, "{:?}", answer.body);
    assert_eq!((&answer.body["version"], &answer.body["status"]), (&json!("1"), &json!("registered")), "{:?}", answer.body);
    assert_eq!(client.post("/mlops/registry", &request).await.body["version"], "2");
    let model = client.get("/mlops/models/by_hand").await.body;
    let latest = &model["latest_versions"][0];
    assert_eq!((&latest["version"], &latest["stage"], &latest["run_id"]), (&json!("2"), &json!("None"), &job["run_id"]), "{model:#}");
}
