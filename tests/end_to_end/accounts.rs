//! A platform that asks everybody who they are.

use serde_json::{Value, json};

use crate::support::{Cloud, python, scripts};

fn bearer(secret: &str) -> Vec<(String, String)> {
    vec![("authorization".to_owned(), format!("Bearer {secret}")), ("content-type".to_owned(), "application/json".to_owned())]
}

async fn ask(cloud: &Cloud, method: reqwest::Method, path: &str, secret: &str, body: Option<&Value>) -> (u16, Value) {
    let headers = bearer(secret);
    let headers: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let answer = cloud.client.request(method, path, &headers, body.map(Value::to_string).unwrap_or_default()).await;
    (answer.status, answer.body)
}

/// A user with an API key.
async fn api_key(cloud: &Cloud) -> String {
    let user = json!({ "email": "user@example.com", "username": "johndoe", "password": "secure-password", "full_name": "John Doe" });
    let registered = cloud.client.post("/api/v1/auth/register", &user).await;
    assert_eq!(registered.status, 201, "{:?}", registered.body);
    let log_in = json!({ "email": "user@example.com", "password": "secure-password" });
    let token = cloud.client.post("/api/v1/auth/login", &log_in).await.body["access_token"].as_str().unwrap().to_owned();
    let (status, made) = ask(cloud, reqwest::Method::POST, "/api/v1/api-keys", &token, Some(&json!({ "name": "test" }))).await;
    assert_eq!(status, 201, "{made}");
    made["api_key"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_asks_but_those_that_must_not() {
    let cloud = Cloud::start_with(&["--require-login"]);
    for open in ["/", "/docs", "/openapi.json", "/mlops/status", "/health", "/version"] {
        assert_eq!(cloud.client.get(open).await.status, 200, "{open}");
    }
    assert_eq!(cloud.client.get("/mlops/status").await.body["mlflow_available"], true);
    let mut asked = 0;
    for set in serveml::programs::FUNCTION_SETS.iter().filter(|set| set.name != "pipeline") {
        for route in set.routes {
            use shared::identity::Access;
            if route.access == Some(Access::Public) {
                continue;
            }
            let path = route.path.replace("{api}", "api").replace("{path+}", "x").replace(['{', '}'], "");
            for secret in ["", "Bearer nonsense", "Bearer sml_0000000000000000000000000000000000000000000000000000000000000000"] {
                let headers = [("authorization", secret), ("content-type", "application/json")];
                let headers = if secret.is_empty() { &headers[1..] } else { &headers[..] };
                let answer = cloud.client.request(route.method.clone(), &path, headers, "{}").await;
                assert_eq!(answer.status, 401, "{} {path} with {secret:?}: {:?}", route.method, answer.body);
            }
            // A job's token that was never given out opens nothing, whichever header carries it.
            let forged = "job.01890000-0000-7000-8000-000000000000.nonsense";
            for header in [("authorization", format!("Bearer {forged}")), ("x-api-key", forged.to_owned())] {
                let headers = [(header.0, header.1.as_str()), ("content-type", "application/json")];
                let answer = cloud.client.request(route.method.clone(), &path, &headers, "{}").await;
                assert_eq!(answer.status, 401, "{} {path} with {}: {:?}", route.method, header.0, answer.body);
            }
            asked += 1;
        }
    }
    assert!(asked > 70, "{asked}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_deploys_and_logs_and_is_void_once_revoked() {
    let cloud = Cloud::start_with(&["--require-login"]);
    let key = api_key(&cloud).await;
    // The script's own calls carry its job's token.
    let request = scripts::request("guarded", &scripts::constant(3));
    let (status, started) = ask(&cloud, reqwest::Method::POST, "/mlops/deploy", &key, Some(&request)).await;
    assert_eq!(status, 202, "{started}");
    let path = format!("/mlops/deployments/{}", started["job_id"].as_str().unwrap());
    let job = crate::support::client::eventually("the end of the deployment", || async {
        let (_, job) = ask(&cloud, reqwest::Method::GET, &path, &key, None).await;
        matches!(job["status"].as_str(), Some("deployed" | "failed")).then_some(job)
    })
    .await;
    assert_eq!(job["status"], "deployed", "{job:#}");
    let answer = cloud.client.predict(job["deployment_url"].as_str().unwrap(), json!([[1.0, 2.0]])).await;
    assert_eq!(answer.status, 200, "a deployed model's URL is public: {:?}", answer.body);

    // MLflow's client sends the key as its tracking token.
    let output = std::process::Command::new(python::environment("mlflow-3.13", &["mlflow==3.13.0", "scikit-learn"]))
        .args(["-c", "import mlflow; mlflow.set_experiment('keyed'); r = mlflow.start_run(); mlflow.log_param('a', 1); mlflow.end_run(); print(r.info.run_id)"])
        .env("MLFLOW_TRACKING_URI", &cloud.client.url)
        .env("MLFLOW_TRACKING_TOKEN", &key)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    let (_, keys) = ask(&cloud, reqwest::Method::GET, "/api/v1/api-keys", &key, None).await;
    let id = keys["items"][0]["id"].as_str().unwrap();
    assert_eq!(ask(&cloud, reqwest::Method::DELETE, &format!("/api/v1/api-keys/{id}"), &key, None).await.0, 200);
    assert_eq!(ask(&cloud, reqwest::Method::GET, "/mlops/models", &key, None).await.0, 401);
}
