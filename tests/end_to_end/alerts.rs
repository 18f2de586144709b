//! An alert rule whose channels are a program, Slack and people: each is told once that the condition came true, and once that it
//! ended, however many evaluations overlap.

use std::collections::HashMap;
use std::path::Path;
use std::process::Command;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::client::eventually;
use crate::support::mail_server::MailServer;
use crate::support::receiver::{Received, Receiver};
use crate::support::{Client, Cloud, User, python, scripts};

const SECRET: &str = "webhook-secret";

/// What the schedule does every five minutes, now and four times at once.
struct Evaluation {
    client: Client,
    url: String,
    credential: String,
}

impl Evaluation {
    fn of(cloud: &Cloud) -> Self {
        let variables = environment(cloud.data());
        Self {
            client: cloud.client.clone(),
            url: format!("{}/2015-03-31/functions/serveml-EvaluateAlertsFunction/invocations", variables["AWS_ENDPOINT_URL"]),
            // The laptop cloud looks at whose key it is.
            credential: format!("AWS4-HMAC-SHA256 Credential={}/20260101/us-east-1/lambda/aws4_request", variables["AWS_ACCESS_KEY_ID"]),
        }
    }

    /// How many alerts changed.
    async fn run(&self) -> u64 {
        let run = || async {
            let request = self.client.http().post(&self.url).header("authorization", &self.credential).body("{}");
            let done = self.client.send(request).await.unwrap();
            assert_eq!((done.status, &done.body["troubled"]), (200, &json!(0)), "{:?}", done.body);
            done.body["changes"].as_u64().unwrap()
        };
        let (one, two, three, four) = tokio::join!(run(), run(), run(), run());
        one + two + three + four
    }
}

/// What `serveml environment` prints for a shell, read back.
fn environment(data: &Path) -> HashMap<String, String> {
    let printed = python::run(Command::new(env!("CARGO_BIN_EXE_serveml")).args(["environment", "--data"]).arg(data));
    let variables = printed.lines().filter_map(|line| line.strip_prefix("export ")?.split_once('='));
    variables.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// What came at a receiver of webhooks, once there is so much.
async fn received(receiver: &Receiver, count: usize) -> Vec<Received> {
    eventually("the channel is told", || async {
        let received = receiver.at("/take");
        (received.len() >= count).then_some(received)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_channel_is_told_once_that_an_alert_began_and_once_that_it_ended() {
    let mail = tokio::task::spawn_blocking(|| MailServer::start(&[])).await.unwrap();
    let port = format!("SmtpPort={}", mail.port);
    let parameters = ["SmtpHost=127.0.0.1", &port, "SmtpSecurity=none", "SmtpFrom=alerts@example.com", "AlertEmailDomains=example.com"];
    let options: Vec<&str> = parameters.iter().flat_map(|parameter| ["--parameter", *parameter]).collect();
    let cloud = Cloud::start_with(&options);
    let (program, slack) = (Receiver::start().await, Receiver::start().await);
    let owner = User::register(&cloud.client, "owner").await;

    let job_id = cloud.client.train(&scripts::request("watched", &scripts::constant(3))).await;
    let job = cloud.client.ended("/mlops/training/jobs", &job_id).await;
    assert_eq!(job["status"], "completed", "{job:#}");
    let project = owner.post("/api/mlops/projects", json!({ "name": "Watched" })).await["id"].as_str().unwrap().to_owned();
    let project = format!("/api/mlops/projects/{project}");
    let model = owner.post(&format!("{project}/models"), json!({ "model_name": "watched", "version": "1" })).await;
    let body = json!({ "model_id": model["id"], "name": "watched", "stage": "staging" });
    let deployment = owner.post(&format!("{project}/deployments"), body).await["deployment_id"].as_str().unwrap().to_owned();
    let predict = format!("/api/mlops/deployments/{deployment}/predict");
    let predicted = |inputs: Value| owner.ask(Method::POST, &predict, json!({ "inputs": inputs }));

    let rules = format!("{project}/alert-rules");
    let mut rule = json!({
        "name": "Errors", "metric": "error_rate", "operator": "gt", "threshold": 50, "severity": "critical", "deployment_id": deployment,
        "channels": [
            { "type": "webhook", "url": format!("{}/take", program.url), "secret": SECRET },
            { "type": "slack", "url": format!("{}/take", slack.url) },
            { "type": "email", "addresses": ["ann@example.com", "bob@example.com"] },
        ],
    });
    let made = owner.post(&rules, rule.clone()).await;
    rule["channels"][2]["addresses"][1] = json!("bob@example.org");
    let (status, refused) = owner.ask(Method::POST, &rules, rule).await;
    assert_eq!((status, refused["detail"].to_string().contains("must be in a domain")), (422, true), "{refused}");

    // One prediction that fails is all that there is.
    let wrong = json!([["x"]]);
    eventually("the deployment answers", || async { (predicted(wrong.clone()).await.0 != 503).then_some(()) }).await;
    let evaluation = Evaluation::of(&cloud);
    let changes = eventually("the failed prediction is counted", || async {
        let changes = evaluation.run().await;
        (owner.get(&format!("{project}/alerts")).await["total"] == 1).then_some(changes)
    })
    .await;
    assert!(changes <= 1, "{changes} evaluations began the alert");
    assert_eq!(evaluation.run().await, 0);

    let told = received(&program, 1).await;
    let verifier = standardwebhooks::Webhook::from_bytes(SECRET.as_bytes().to_vec()).unwrap();
    verifier.verify(told[0].body.as_bytes(), &told[0].headers).unwrap();
    let notice = told[0].json();
    assert_eq!(
        (&notice["event"], &notice["data"]["rule_id"], &notice["data"]["value"]),
        (&json!("alert.fired"), &made["id"], &json!(100.0)),
        "{notice}"
    );
    let subject = "[critical] Errors: error_rate &gt; 50% (watched)";
    assert_eq!(received(&slack, 1).await[0].json()["text"], subject);
    let message = mail.messages(1).remove(0);
    assert_eq!(message["to"], json!(["ann@example.com", "bob@example.com"]));
    assert_eq!(message["headers"]["subject"], subject.replace("&gt;", ">"));

    // It is acknowledged, and ends when the predictions that succeed outweigh the one that did not.
    let alert = format!("/api/mlops/alerts/{}", notice["data"]["alert_id"].as_str().unwrap());
    assert_eq!(owner.post(&format!("{alert}/acknowledge"), Value::Null).await["status"], "acknowledged");
    for _ in 0..12 {
        assert_eq!(predicted(json!([[1.0, 2.0]])).await.0, 200);
    }
    eventually("the alert ends", || async {
        evaluation.run().await;
        (owner.get(&alert).await["status"] == "resolved").then_some(())
    })
    .await;
    assert_eq!(evaluation.run().await, 0);
    let told = received(&program, 2).await;
    assert_eq!(told[1].json()["event"], "alert.resolved");
    assert_eq!(received(&slack, 2).await[1].json()["text"], subject.replace("critical", "resolved"));
    let messages = mail.messages(2);
    assert_eq!(messages[1]["headers"]["subject"], subject.replace("critical", "resolved").replace("&gt;", ">"));

    // Every attempt succeeded, and nothing else came.
    let attempts = eventually("the attempts are on record", || async {
        let attempts = owner.get(&format!("/api/mlops/alert-rules/{}/deliveries", made["id"].as_str().unwrap())).await["items"].clone();
        (attempts.as_array().unwrap().len() >= 6).then_some(attempts)
    })
    .await;
    let attempts = attempts.as_array().unwrap();
    assert!(attempts.len() == 6 && attempts.iter().all(|attempt| attempt["succeeded"] == true), "{attempts:?}");
    assert_eq!((program.at("/take").len(), slack.at("/take").len(), mail.messages(2).len()), (2, 2, 2));
}
