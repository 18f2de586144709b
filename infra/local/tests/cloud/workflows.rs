//! State machines and builds, over the cloud's own APIs.

use std::path::Path;

use local::cloud::Cloud;
use serde_json::{Value, json};

use crate::http::send;
use crate::sandbox::{Sandbox, eventually, is_alive};

crate::tests![
    a_state_machine_calls_functions_and_goes_on_after_a_restart,
    a_build_runs_the_functions_program,
    a_build_that_fails_says_so,
    a_cloud_that_stops_takes_its_builds_along,
];

/// Calls a service in JSON.
async fn call(cloud: &Cloud, service: &str, target: &str, body: Value) -> Value {
    let key = cloud.aws_environment().into_iter().find(|(name, _)| *name == "AWS_ACCESS_KEY_ID").unwrap().1;
    let authorization =
        format!("AWS4-HMAC-SHA256 Credential={key}/20240101/us-east-1/{service}/aws4_request, SignedHeaders=host, Signature=0");
    let headers = [("authorization", authorization.as_str()), ("x-amz-target", target), ("content-type", "application/x-amz-json-1.0")];
    let answer = send("POST", &cloud.aws_endpoint(), &headers, body.to_string()).await;
    assert_eq!(answer.status, 200, "{target}: {}", answer.text());
    answer.json()
}

fn machine(sandbox: &Sandbox, definition: &Value) {
    std::fs::write(sandbox.path().join("machine.json"), definition.to_string()).unwrap();
}

async fn start(cloud: &Cloud) -> String {
    let machine = "arn:aws:states:us-east-1:000000000000:stateMachine:machine";
    let started = call(cloud, "states", "AWSStepFunctions.StartExecution", json!({ "stateMachineArn": machine, "input": "{}" })).await;
    started["executionArn"].as_str().unwrap().to_owned()
}

async fn ended(cloud: &Cloud, execution: &str) -> Value {
    let mut last = Value::Null;
    eventually("the end of the execution", async || {
        last = call(cloud, "states", "AWSStepFunctions.DescribeExecution", json!({ "executionArn": execution })).await;
        last["status"] != "RUNNING"
    })
    .await;
    last
}

async fn a_state_machine_calls_functions_and_goes_on_after_a_restart() {
    let sandbox = Sandbox::new(
        &[("plain", "")],
        "  Machine: {Type: AWS::Serverless::StateMachine, Properties: {Name: machine, DefinitionUri: machine.json, DefinitionSubstitutions: {Plain: !GetAtt F0.Arn}, Policies: {Statement: {Effect: Allow, Action: lambda:InvokeFunction, Resource: !GetAtt F0.Arn}}}}\n",
    );
    machine(
        &sandbox,
        &json!({
            "QueryLanguage": "JSONata",
            "StartAt": "Pause",
            "States": {
                "Pause": { "Type": "Wait", "Seconds": 1, "Next": "Call" },
                "Call": {
                    "Type": "Task",
                    "Resource": "arn:aws:states:::lambda:invoke",
                    "Arguments": { "FunctionName": "${Plain}", "Payload": {} },
                    "Output": "{% $states.result.Payload %}",
                    "End": true,
                },
            },
        }),
    );
    let cloud = sandbox.start().await;
    let execution = start(&cloud).await;
    cloud.shutdown().await;
    let cloud = sandbox.start().await;
    let end = ended(&cloud, &execution).await;
    assert_eq!((&end["status"], &end["output"]), (&json!("SUCCEEDED"), &json!("{\"hello\":\"world\"}")), "{end}");
    cloud.shutdown().await;
}

fn build_sandbox(argument: &str, told: &Path) -> Sandbox {
    let more = format!(
        "  Project:\n    Type: AWS::CodeBuild::Project\n    Properties:\n      Name: project\n      ServiceRole: arn:aws:iam::000000000000:role/r\n      Artifacts: {{Type: NO_ARTIFACTS}}\n      Environment:\n        Type: LINUX_CONTAINER\n        ComputeType: BUILD_GENERAL1_SMALL\n        Image: aws/codebuild/standard:7.0\n        EnvironmentVariables:\n          - {{Name: FUNCTION, Value: !GetAtt F0.Arn}}\n          - {{Name: APPEND_TO, Value: \"{}\"}}\n      Source:\n        Type: NO_SOURCE\n        BuildSpec: |\n          version: 0.2\n          phases:\n            build:\n              commands:\n                - ./bootstrap {argument}\n",
        told.display()
    );
    Sandbox::new(&[("plain", "")], &more)
}

async fn run_build(cloud: &Cloud) -> String {
    let body = json!({ "projectName": "project", "environmentVariablesOverride": [{ "name": "OWN", "value": "yes" }] });
    let started = call(cloud, "codebuild", "CodeBuild_20161006.StartBuild", body).await;
    started["build"]["id"].as_str().unwrap().to_owned()
}

async fn build_status(cloud: &Cloud, id: &str) -> String {
    let mut status = String::new();
    eventually("the end of the build", async || {
        let builds = call(cloud, "codebuild", "CodeBuild_20161006.BatchGetBuilds", json!({ "ids": [id] })).await;
        status = builds["builds"][0]["buildStatus"].as_str().unwrap().to_owned();
        status != "IN_PROGRESS"
    })
    .await;
    status
}

fn told(path: &Path) -> Option<Value> {
    serde_json::from_str(&std::fs::read_to_string(path).ok()?).ok()
}

async fn a_build_runs_the_functions_program() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("told");
    let sandbox = build_sandbox("train once", &path);
    let cloud = sandbox.start().await;
    let id = run_build(&cloud).await;
    assert_eq!(build_status(&cloud, &id).await, "SUCCEEDED");
    let told = told(&path).unwrap();
    assert_eq!(told["arguments"], json!(["train", "once"]));
    assert_eq!(told["own"], "yes");
    assert_eq!(told["endpoint"], cloud.aws_endpoint());
    assert!(!Path::new(told["folder"].as_str().unwrap()).exists(), "the build's folder is left behind");
    cloud.shutdown().await;
}

async fn a_build_that_fails_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let sandbox = build_sandbox("fail", &folder.path().join("told"));
    let cloud = sandbox.start().await;
    let id = run_build(&cloud).await;
    assert_eq!(build_status(&cloud, &id).await, "FAILED");
    cloud.shutdown().await;
}

async fn a_cloud_that_stops_takes_its_builds_along() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("told");
    let sandbox = build_sandbox("wait", &path);
    let cloud = sandbox.start().await;
    run_build(&cloud).await;
    eventually("the start of the build", async || told(&path).is_some()).await;
    let pid = told(&path).unwrap()["pid"].as_i64().unwrap();
    assert!(is_alive(pid));
    cloud.shutdown().await;
    assert!(!is_alive(pid));
}
