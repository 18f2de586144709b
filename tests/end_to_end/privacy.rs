//! Personal data that is sent to a deployment with a privacy policy is nowhere afterwards: the whole data folder is read.

use std::path::Path;
use std::process::Command;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::client::eventually;
use crate::support::{Cloud, User, scripts};

/// Trains on a table, and does on predictions what a model should not: it prints what it is given, and quotes it in an error.
const SCRIPT: &str = r#"
import mlflow, mlflow.sklearn, numpy, pandas
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

rng = numpy.random.default_rng(0)
rows = pandas.DataFrame({
    "amount": rng.normal(100, 20, 400), "hour": rng.integers(0, 24, 400), "customer": ["somebody"] * 400, "note": ["none"] * 400,
    "card": rng.integers(1, 9, 400),
})

def look(frame):
    print("the model was given", frame.to_dict("records"))
    if (frame["amount"] < 0).any():
        raise ValueError(f"negative: {frame.to_dict('records')}")
    return frame[["amount", "hour"]]

with mlflow.start_run():
    bare = RandomForestClassifier(10, random_state=0).fit(rows[["amount", "hour"]], rows["amount"] > 100)
    mlflow.sklearn.log_model(bare, "bare", registered_model_name="bare")

with mlflow.start_run():
    model = make_pipeline(FunctionTransformer(look), RandomForestClassifier(10, random_state=0))
    model.fit(rows, numpy.where(rows["amount"] > 100, "high", "low"))
    mlflow.sklearn.log_model(model, "model")
"#;

/// What is planted, each of a type that the policy treats; the name is found by its column alone.
const PLANTED: [&str; 8] = [
    "zebulon.quackenbush@planted.example",
    "+49 30 4567890",
    "4556737586899855",
    "GB82WEST12345698765432",
    "198.51.100.77",
    "536-90-4399",
    "Zebulon Quackenbush",
    "2001:db8:85a3::8a2e:370:7334",
];
/// What is not personal, and must be found: it shows that records are written, and that the folder is read where they are.
const CONTROL: &str = "control-value-93ab";

/// The files in a folder, of names that match, that hold any of these texts. grep reads gigabytes of packages in seconds.
fn holders(folder: &Path, names: &str, texts: &[&str]) -> Vec<String> {
    let mut grep = Command::new("grep");
    grep.args(["--recursive", "--files-with-matches", "--text", "--fixed-strings", "--no-messages"]).arg(format!("--include={names}"));
    for text in texts {
        grep.args(["-e", text]);
    }
    let found = grep.arg("--").arg(folder).output().unwrap().stdout;
    String::from_utf8_lossy(&found).lines().map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_personal_is_left_in_the_data_folder() {
    let cloud = Cloud::start();
    let client = &cloud.client;
    let owner = User::register(client, "owner").await;
    let mut request = scripts::request("private", SCRIPT);
    request["requirements"] = json!(["scikit-learn", "pandas"]);
    let job_id = client.train(&request).await;
    let job = client.ended("/mlops/training/jobs", &job_id).await;
    assert_eq!(job["status"], "completed", "{job:#}");

    // What `fit` saw was taken on the way, without a line in the script: each model has its own, with no rows in it.
    let profiles = profiles(&cloud.data().join("s3"));
    let features = |profile: &drift::Profile| profile.features.keys().cloned().collect::<Vec<_>>().join(" ");
    let mut seen: Vec<(u64, String)> = profiles.iter().map(|profile| (profile.rows, features(profile))).collect();
    seen.sort();
    assert_eq!(seen, [(400, "amount card customer hour note".to_owned()), (400, "amount hour".to_owned())]);

    let project = owner.post("/api/mlops/projects", json!({ "name": "Privacy" })).await["id"].as_str().unwrap().to_owned();
    let project = format!("/api/mlops/projects/{project}");
    let model = owner.post(&format!("{project}/models"), json!({ "model_name": "private", "version": 1 })).await;
    let policy = json!({
        "name": "Everything", "column_map": { "customer": "person_name" },
        "actions": { "email": "hash", "phone": "mask", "credit_card": "hash", "iban": "remove", "ip_address": "mask", "national_id": "mask", "person_name": "hash" },
    });
    let policy = owner.post(&format!("{project}/privacy-policies"), policy).await;
    let deployment = json!({
        "model_id": model["id"], "name": "private", "stage": "staging", "privacy_policy_id": policy["id"],
        "privacy_anonymize_logs": true, "privacy_anonymize_response": true,
    });
    let deployment = owner.post(&format!("{project}/deployments"), deployment).await;
    let deployment = format!("/api/mlops/deployments/{}", deployment["deployment_id"].as_str().unwrap());
    let predict = format!("{deployment}/predict");
    let record = |amount: Value, planted: &str, request: u32| {
        let note = format!("{CONTROL}{request} wrote {planted} and {}", PLANTED[0]);
        json!({ "amount": amount, "hour": 3, "customer": PLANTED[6], "note": note, "card": 4_556_737_586_899_855_u64 })
    };
    let first = json!({ "inputs": record(json!(120.0), PLANTED[1], 1) });
    let (status, answer) = eventually("the deployment", || async {
        let answered = owner.ask(Method::POST, &predict, first.clone()).await;
        (answered.0 != 503).then_some(answered)
    })
    .await;
    assert_eq!((status, &answer["predictions"][0]["prediction"]), (200, &json!("high")), "{answer}");
    let batch: Vec<Value> = PLANTED.iter().map(|planted| record(json!(80.0), planted, 2)).collect();
    assert_eq!(owner.ask(Method::POST, &predict, json!({ "inputs": batch })).await.0, 200);
    let unstored = json!({ "inputs": record(json!(80.0), PLANTED[2], 3), "options": { "store_payload": false } });
    assert_eq!(owner.ask(Method::POST, &predict, unstored).await.0, 200);
    // A model that fails quotes what it was given; a column of the wrong type is quoted too. The answer is treated as well.
    let (status, failed) = owner.ask(Method::POST, &predict, json!({ "inputs": record(json!(-1.0), PLANTED[4], 4) })).await;
    let told = failed.to_string();
    assert!(status >= 400 && PLANTED.iter().all(|planted| !told.contains(planted)), "{status} {told}");
    // Where the caller wants it as it is, the caller has it, and still no log.
    let plain = json!({ "inputs": record(json!(-1.0), PLANTED[4], 5), "options": { "anonymize_response": false } });
    let (status, failed) = owner.ask(Method::POST, &predict, plain).await;
    assert!(status >= 400 && failed.to_string().contains(PLANTED[4]), "{status} {failed}");
    let (status, refused) = owner.ask(Method::POST, &predict, json!({ "inputs": record(json!(PLANTED[0]), PLANTED[5], 6) })).await;
    assert!(status >= 400, "{refused}");
    assert_eq!(owner.ask(Method::POST, &predict, json!({ "inputs": { PLANTED[0]: 1 } })).await.0, 422);

    // What may be stored is: the folder is read where records are, and all of them have been written.
    for request in [1, 2, 4, 5, 6] {
        let control = format!("{CONTROL}{request}");
        eventually("the record", || async { (!holders(cloud.data(), "dynamodb*", &[&control]).is_empty()).then_some(()) }).await;
    }
    let unstored = holders(cloud.data(), "*", &[&format!("{CONTROL}3")]);
    assert!(unstored.is_empty(), "what was not to be stored is in {unstored:?}");
    for planted in PLANTED {
        let found = holders(cloud.data(), "*", &[planted]);
        assert!(found.is_empty(), "{planted} is in {found:?}");
    }
}

/// The profiles among a folder's files, whatever they are called.
fn profiles(folder: &Path) -> Vec<drift::Profile> {
    let texts = holders(folder, "*", &["\"features\""]).into_iter().map(|path| std::fs::read(path).unwrap());
    texts.filter_map(|text| serde_json::from_slice(&text).ok()).collect()
}
