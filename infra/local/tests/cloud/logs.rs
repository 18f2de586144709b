//! What functions write, who gets it, and schedules.

use serde_json::{Value, json};

use crate::sandbox::{Sandbox, eventually};

crate::tests![log_lines_reach_a_subscribed_function, a_schedule_calls_its_function];

fn lines(path: &std::path::Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

async fn log_lines_reach_a_subscribed_function() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events");
    let sandbox = Sandbox::new(
        &[
            ("log", "LoggingConfig: {LogGroup: !Ref Models}"),
            ("append", &format!("Environment: {{Variables: {{APPEND_TO: \"{}\"}}}}", path.display())),
        ],
        "  Models: {Type: AWS::Logs::LogGroup, Properties: {LogGroupName: /models}}\n  Filter:\n    Type: AWS::Logs::SubscriptionFilter\n    Properties: {LogGroupName: !Ref Models, FilterPattern: '{ $.type = \"prediction\" }', DestinationArn: !GetAtt F1.Arn}\n",
    );
    let cloud = sandbox.start().await;
    let target = local::lambda::Qualified::latest("log");
    let event = json!({ "lines": ["{\"type\":\"prediction\",\"n\":1}", "other", "{\"type\":\"prediction\",\"n\":2}"] });
    cloud.lambda().invoke(&target, event.to_string().into()).await.unwrap();
    let mut received = Vec::new();
    eventually("both events", async || {
        received = lines(&path).iter().flat_map(unpack).collect();
        received.len() == 2
    })
    .await;
    assert_eq!(received, [json!({"type":"prediction","n":1}), json!({"type":"prediction","n":2})]);
    assert_eq!(cloud.logs().events("/models").len(), 3);
    cloud.shutdown().await;
}

fn unpack(event: &Value) -> Vec<Value> {
    use base64::Engine;
    use std::io::Read;
    let data = base64::engine::general_purpose::STANDARD.decode(event["awslogs"]["data"].as_str().unwrap()).unwrap();
    let mut text = String::new();
    flate2::read::GzDecoder::new(&data[..]).read_to_string(&mut text).unwrap();
    let message: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(message["messageType"], "DATA_MESSAGE");
    assert_eq!(message["logGroup"], "/models");
    let events = message["logEvents"].as_array().unwrap();
    events.iter().map(|event| serde_json::from_str(event["message"].as_str().unwrap()).unwrap()).collect()
}

async fn a_schedule_calls_its_function() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events");
    let more = format!(
        "  Tick:\n    Type: AWS::Serverless::Function\n    Properties:\n      Handler: append\n      Environment: {{Variables: {{APPEND_TO: \"{}\"}}}}\n      Events:\n        Rate: {{Type: ScheduleV2, Properties: {{ScheduleExpression: rate(1 minute)}}}}\n",
        path.display()
    );
    let sandbox = Sandbox::new(&[], &more);
    let cloud = sandbox.start().await;
    eventually("the first run", async || lines(&path).len() == 1).await;
    let event = &lines(&path)[0];
    assert_eq!((&event["detail-type"], &event["source"]), (&json!("Scheduled Event"), &json!("aws.scheduler")));
    cloud.shutdown().await;
}
