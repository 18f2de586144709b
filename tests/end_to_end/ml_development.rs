//! The ML development document's own examples, run by a shell as they are printed with their placeholders filled; and a
//! baseline recipe trained, evaluated, deployed and asked.

use std::process::Command;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::client::eventually;
use crate::support::{Client, Cloud, python};

const DOCUMENT: &str = include_str!("documents/ml-development-api.md");
const BASE: &str = "/api/ml-development";

/// The commands of the document's first example, each behind its numbered comment.
fn steps() -> Vec<String> {
    let (_, rest) = DOCUMENT.split_once("### Example 1: Create and Deploy a Pricing Model\n```bash\n").unwrap();
    let (block, _) = rest.split_once("```").unwrap();
    let steps: Vec<String> = block.split("# ").skip(1).map(|step| step.split_once('\n').unwrap().1.trim().to_owned()).collect();
    assert_eq!(steps.len(), 9);
    steps
}

struct Shell<'a> {
    client: &'a Client,
    filled: Vec<(&'static str, String)>,
}

impl Shell<'_> {
    /// Runs a step with its placeholders filled; gives the answer.
    async fn run(&self, step: &str) -> Value {
        let mut command = step.replace("http://localhost:8000", &self.client.url).replacen("curl ", "curl --silent --show-error ", 1);
        for (placeholder, value) in &self.filled {
            command = command.replace(placeholder, value);
        }
        let shown = command.clone();
        let output = tokio::task::spawn_blocking(move || python::run(Command::new("bash").arg("-c").arg(&command))).await.unwrap();
        serde_json::from_str(&output).unwrap_or_else(|_| panic!("{shown}\nnot JSON: {output}"))
    }
}

fn text(answer: &Value, field: &str) -> String {
    answer[field].as_str().unwrap_or_else(|| panic!("no {field}: {answer:#}")).to_owned()
}

async fn put(client: &Client, path: &str, body: &Value) -> (u16, Value) {
    let answer = client.request(Method::PUT, path, &[("content-type", "application/json")], body.to_string()).await;
    (answer.status, answer.body)
}

/// The run once it has ended.
async fn ended(client: &Client, run_id: &str) -> Value {
    eventually("the end of a run", || async {
        let run = client.get(&format!("{BASE}/runs/{run_id}")).await.body;
        matches!(run["status"].as_str(), Some("succeeded" | "failed")).then_some(run)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_documents_nine_steps() {
    let client = &Cloud::shared().client;
    let steps = steps();
    let manifest = r#"{"target": "revenue", "parameters": {"region": "retail"}}"#;
    let mut shell = Shell { client, filled: vec![("{...}", manifest.to_owned()), (", ...}", "}".to_owned())] };

    let recipes = shell.run(&steps[0]).await;
    let baseline = recipes["recipes"].as_array().unwrap().iter().find(|recipe| recipe["id"] == "recipe_pricing_base");
    assert!(baseline.is_some() && recipes["total"].as_u64() >= Some(1), "{recipes:#}");

    let clone = shell.run(&steps[1]).await;
    assert_eq!((&clone["name"], &clone["parent_id"]), (&json!("Retail Pricing v1"), &json!("recipe_pricing_base")), "{clone:#}");
    let recipe_id = text(&clone, "id");
    shell.filled.push(("{new_recipe_id}", recipe_id.clone()));

    let version = shell.run(&steps[2]).await;
    assert_eq!((&version["version_number"], &version["change_note"]), (&json!("2.0.0"), &json!("Added retail features")), "{version:#}");
    shell.filled.push(("{version_id}", text(&version, "version_id")));

    assert_eq!(shell.run(&steps[3]).await["status"], "approved");

    let model = shell.run(&steps[4]).await;
    assert_eq!((&model["name"], &model["status"]), (&json!("Production Retail Pricing"), &json!("draft")), "{model:#}");
    let model_id = text(&model, "id");
    shell.filled.push(("{model_id}", model_id.clone()));

    let run = shell.run(&steps[5]).await;
    assert_eq!((&run["status"], &run["run_type"], &run["model_id"]), (&json!("queued"), &json!("train"), &model["id"]), "{run:#}");
    let run_id = text(&run, "id");
    shell.filled.push(("{run_id}", run_id.clone()));

    let run = shell.run(&steps[6]).await;
    assert_eq!((&run["status"], &run["metrics_json"]), (&json!("succeeded"), &json!({ "revenue_lift": 0.045 })), "{run:#}");
    assert_eq!(shell.run(&steps[7]).await["status"], "production");
    let snapshot = shell.run(&steps[8]).await;
    assert_eq!(snapshot["performance_metrics_json"], json!({ "revenue_lift": 0.042 }), "{snapshot:#}");

    // The second and third example.
    let runs = client.get(&format!("{BASE}/runs?model_id={model_id}&status=succeeded")).await.body;
    assert_eq!((&runs["total"], &runs["runs"][0]["id"]), (&json!(1), &json!(run_id)), "{runs:#}");
    let snapshots = client.get(&format!("{BASE}/models/{model_id}/monitoring?limit=10")).await.body;
    assert_eq!((&snapshots["total"], &snapshots["snapshots"][0]["id"]), (&json!(1), &snapshot["id"]), "{snapshots:#}");
    // MLflow sees the same run.
    let tracked = client.get(&format!("/api/2.0/mlflow/runs/get?run_id={}", run_id.trim_start_matches("run_"))).await.body;
    assert_eq!(tracked["run"]["info"]["status"], "FINISHED", "{tracked:#}");
    assert_eq!(tracked["run"]["data"]["metrics"][0]["key"], "revenue_lift", "{tracked:#}");
    // What others point at stays.
    let refused = client.delete(&format!("{BASE}/recipes/{recipe_id}")).await;
    assert!(refused.status == 400 && refused.body.to_string().contains(&model_id), "{:#}", refused.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_baseline_is_trained_evaluated_and_deployed() {
    let client = &Cloud::shared().client;
    let pricing = json!({ "recipe_id": "recipe_pricing_base", "recipe_version_id": "ver_pricing_base_v1" });
    let mut body = pricing.clone();
    body["name"] = json!("Baseline Prices");
    let model = client.post(&format!("{BASE}/models"), &body).await;
    assert_eq!(model.status, 201, "{:#}", model.body);
    let model_id = text(&model.body, "id");
    let of_type = |run_type: &str| {
        let mut body = pricing.clone();
        body["run_type"] = json!(run_type);
        body["model_id"] = json!(model_id);
        body
    };
    let begun = client.post(&format!("{BASE}/runs"), &of_type("train")).await;
    assert_eq!((begun.status, &begun.body["status"]), (201, &json!("queued")), "{:#}", begun.body);
    let run = ended(client, &text(&begun.body, "id")).await;
    assert_eq!(run["status"], "succeeded", "{run:#}");
    for metric in ["revenue_lift", "margin_impact", "MAPE", "r2"] {
        assert!(run["metrics_json"][metric].is_f64(), "{metric}: {run:#}");
    }
    assert_eq!(run["artifacts_json"]["model_uri"], "models:/Baseline Prices/1", "{run:#}");
    assert!(run["artifacts_json"]["model_path"].as_str().unwrap().starts_with("s3://"), "{run:#}");
    assert!(run["logs_text"].as_str().unwrap().contains("revenue_lift") && run["started_at"].is_string(), "{run:#}");

    // A result by hand is taken after the script's own, too.
    let (status, merged) =
        put(client, &format!("{BASE}/runs/{}", text(&run, "id")), &json!({ "status": "succeeded", "metrics_json": { "signed_off": 1 } }))
            .await;
    assert_eq!((status, &merged["metrics_json"]["signed_off"]), (200, &json!(1)), "{merged:#}");
    assert_eq!(merged["metrics_json"]["r2"], run["metrics_json"]["r2"]);

    // The evaluation loads the model that was trained; the model goes live meanwhile.
    let evaluation = client.post(&format!("{BASE}/runs"), &of_type("eval")).await.body;
    let backtest = client.post(&format!("{BASE}/runs"), &of_type("backtest")).await.body;
    let (status, live) = put(client, &format!("{BASE}/models/{model_id}"), &json!({ "status": "production" })).await;
    assert_eq!((status, &live["status"]), (200, &json!("production")), "{live:#}");
    let job = client.ended("/mlops/deployments", &text(&live, "deployment_job_id")).await;
    assert_eq!(job["status"], "deployed", "{job:#}");
    let inputs = json!({
        "segment": ["budget"], "channel": ["online"], "unit_cost": [10.0], "competitor_price": [15.0], "price": [14.0],
        "on_promotion": [0.0], "stock": [100.0], "month": [6.0],
    });
    let predicted = client.predict(job["deployment_url"].as_str().unwrap(), inputs).await;
    assert!(predicted.status == 200 && predicted.body["predictions"][0].is_f64(), "{:#}", predicted.body);
    for begun in [evaluation, backtest] {
        let run = ended(client, &text(&begun, "id")).await;
        assert!(run["status"] == "succeeded" && run["metrics_json"]["MAPE"].is_f64(), "{run:#}");
    }
}
