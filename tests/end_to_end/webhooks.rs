//! Webhooks and metrics: what happens to a deployment is told, and what is asked of it is counted.

use serde_json::{Value, json};

use crate::support::client::eventually;
use crate::support::receiver::{Received, Receiver};
use crate::support::{Cloud, scripts};

const SECRET: &str = "webhook-secret";

/// Makes a webhook; gives back its path.
async fn webhook(cloud: &Cloud, url: &str, events: &[&str]) -> String {
    let made = cloud.client.post("/api/v1/webhooks", &json!({ "url": url, "events": events, "secret": SECRET })).await;
    assert_eq!(made.status, 201, "{:?}", made.body);
    format!("/api/v1/webhooks/{}", made.body["id"].as_str().unwrap())
}

/// The attempts at a webhook, the first one first, once there are so many.
async fn attempts(cloud: &Cloud, webhook: &str, count: usize) -> Vec<Value> {
    eventually("the attempts", || async {
        let mut listed = cloud.client.get(&format!("{webhook}/deliveries")).await.body["items"].as_array().unwrap().clone();
        listed.reverse();
        (listed.len() >= count).then_some(listed)
    })
    .await
}

fn verify(received: &Received) {
    let verifier = standardwebhooks::Webhook::from_bytes(SECRET.as_bytes().to_vec()).unwrap();
    verifier.verify(received.body.as_bytes(), &received.headers).unwrap();
}

const EVENTS: [&str; 6] =
    ["deployment.created", "deployment.building", "deployment.ready", "deployment.failed", "deployment.deleted", "prediction.error"];

#[tokio::test(flavor = "multi_thread")]
async fn receivers_that_fail_hang_or_redirect_are_tried_again() {
    let cloud = Cloud::start_with(&["--parameter", "WebhookRetrySeconds=1"]);
    let receiver = Receiver::start().await;
    let [take, second, away, hang] = ["/take", "/second", "/away", "/hang"].map(|path| format!("{}{path}", receiver.url));
    let hooks = [
        webhook(&cloud, &take, &EVENTS).await,
        webhook(&cloud, &second, &["deployment.created"]).await,
        webhook(&cloud, &away, &["deployment.created"]).await,
        webhook(&cloud, &hang, &["deployment.created"]).await,
    ];
    // A deployment that is cancelled and deleted at once: no training, and three events.
    let job_id = cloud.client.deploy(&scripts::bare_request("told", "import mlflow")).await;
    let path = format!("/mlops/deployments/{job_id}");
    let cancelled = cloud.client.post(&format!("{path}/cancel"), &json!({})).await;
    assert!(cancelled.status < 300, "{:?}", cancelled.body);
    let deleted = cloud.client.delete(&path).await;
    assert!(deleted.status < 300, "{:?}", deleted.body);

    let taken = eventually("the events", || async {
        let taken = receiver.at("/take");
        (taken.len() >= 3).then_some(taken)
    })
    .await;
    taken.iter().for_each(verify);
    let mut told: Vec<Value> = taken.iter().map(Received::json).collect();
    told.sort_by_key(|told| told["timestamp"].as_str().unwrap().to_owned());
    let names: Vec<_> = told.iter().map(|told| told["event"].as_str().unwrap()).collect();
    assert_eq!(names, ["deployment.created", "deployment.failed", "deployment.deleted"]);
    let data = &told[0]["data"];
    let id = data["deployment_id"].as_str().unwrap();
    assert!(id.starts_with("dep-"), "{data}");
    assert_eq!(data, &json!({ "deployment_id": id, "name": "told", "endpoint_url": format!("{}/api/v1/predict/{id}", cloud.client.url) }));

    let tried = attempts(&cloud, &hooks[1], 2).await;
    assert_eq!((&tried[0]["status_code"], &tried[0]["succeeded"], &tried[0]["attempt"]), (&json!(500), &json!(false), &json!(1)));
    assert_eq!((&tried[1]["status_code"], &tried[1]["succeeded"], &tried[1]["attempt"]), (&json!(204), &json!(true), &json!(2)));
    assert_eq!(tried[0]["id"], tried[1]["id"]);
    let ids: Vec<_> = receiver.at("/second").iter().map(|received| received.headers["webhook-id"].clone()).collect();
    assert!(ids.iter().all(|id| *id == tried[0]["id"].as_str().unwrap()), "{ids:?}");
    let tried = attempts(&cloud, &hooks[2], 2).await;
    assert!(tried.iter().all(|attempt| attempt["status_code"] == 302), "{tried:?}");
    let tried = attempts(&cloud, &hooks[3], 1).await;
    assert_eq!((&tried[0]["status_code"], &tried[0]["error"]), (&Value::Null, &json!("There was no answer within 15s.")));
    assert_eq!(receiver.at("/take").len(), 3, "a redirect is not followed");

    let tested = cloud.client.post(&format!("{}/test", hooks[0]), &json!({})).await;
    assert_eq!(tested.status, 202, "{:?}", tested.body);
    let tried = attempts(&cloud, &hooks[0], 4).await;
    assert_eq!((&tried[3]["id"], &tried[3]["event"]), (&tested.body["delivery_id"], &json!("webhook.test")));
    for hook in hooks {
        assert_eq!(cloud.client.delete(&hook).await.status, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_survives_the_platform() {
    let mut cloud = Cloud::start_with(&["--parameter", "WebhookRetrySeconds=1"]);
    let receiver = Receiver::start().await;
    let hook = webhook(&cloud, &format!("{}/second", receiver.url), &EVENTS).await;
    let tested = cloud.client.post(&format!("{hook}/test"), &json!({})).await;
    assert_eq!(tested.status, 202);
    let job_id = cloud.client.deploy(&scripts::bare_request("survivor", "import mlflow")).await;
    cloud.kill();
    cloud.start_again();
    cloud.client.post(&format!("/mlops/deployments/{job_id}/cancel"), &json!({})).await;
    eventually("both events", || async {
        let told: Vec<Value> = receiver.at("/second").iter().map(Received::json).collect();
        let has = |name: &str| told.iter().any(|told| told["event"] == name);
        (has("deployment.created") && has("deployment.failed") && has("webhook.test")).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_tells_its_life_and_its_predictions_are_counted() {
    let cloud = Cloud::start();
    let receiver = Receiver::start().await;
    webhook(&cloud, &format!("{}/take", receiver.url), &EVENTS).await;
    let job = cloud.client.deployed(&scripts::request("lively", &scripts::constant(3))).await;
    let url = job["deployment_url"].as_str().unwrap();
    for _ in 0..5 {
        assert_eq!(cloud.client.predict(url, json!([[1.0, 2.0]])).await.status, 200);
    }
    assert!(cloud.client.predict(url, json!([["x"]])).await.status >= 400);

    let told = eventually("the failed prediction", || async {
        let told: Vec<Value> = receiver.at("/take").iter().map(Received::json).collect();
        told.iter().any(|told| told["event"] == "prediction.error").then_some(told)
    })
    .await;
    let mut names: Vec<_> = told.iter().map(|told| (told["timestamp"].as_str().unwrap(), told["event"].as_str().unwrap())).collect();
    names.sort_unstable();
    let names: Vec<_> = names.into_iter().map(|(_, name)| name).collect();
    assert_eq!(names, ["deployment.created", "deployment.building", "deployment.ready", "prediction.error"]);
    receiver.at("/take").iter().for_each(verify);

    let user = json!({ "email": "user@example.com", "username": "johndoe", "password": "secure-password" });
    let token = cloud.client.post("/api/v1/auth/register", &user).await.body["access_token"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/metrics/{}?resolution=1m", told[0]["data"]["deployment_id"].as_str().unwrap());
    let metrics = eventually("the counts", || async {
        let headers = [("authorization", format!("Bearer {token}"))];
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let answer = cloud.client.request(reqwest::Method::GET, &path, &headers, "").await;
        assert_eq!(answer.status, 200, "{:?}", answer.body);
        (answer.body["metrics"]["request_count"] == 6).then_some(answer.body)
    })
    .await;
    let figures = &metrics["metrics"];
    assert_eq!((&figures["error_count"], &figures["unique_users"]), (&json!(1), &json!(1)), "{figures}");
    assert!(figures["avg_latency_ms"].as_f64().unwrap() > 0.0 && figures["p99_latency_ms"].as_f64() >= figures["p95_latency_ms"].as_f64());
    let counts: u64 = metrics["time_series"]["request_counts"].as_array().unwrap().iter().map(|count| count.as_u64().unwrap()).sum();
    assert_eq!(counts, 6);
    let cost = &metrics["cost_estimate"];
    assert!(cost["breakdown"]["compute"].as_f64().unwrap() > 0.0 && cost["breakdown"]["storage"].as_f64().is_some(), "{cost}");
    let status = cloud.client.get("/api/v1/status").await;
    assert_eq!((status.status, &status.body["issues"]), (200, &json!([])), "{:?}", status.body);
}
