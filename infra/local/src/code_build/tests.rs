#![allow(clippy::unwrap_used)]

use std::future::pending;
use std::sync::Arc;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::{Value, json};

use super::process::{BuildCommand, BuildProcess, StartProcess};
use super::{CodeBuild, Project};
use crate::aws_error::AwsError;
use crate::step_functions::clock::SystemClock;

/// Processes named after their end: `true`, `false`, `forever`; anything else cannot be started.
struct ByName;

enum Process {
    Ends(Option<i32>),
    Runs,
}

impl StartProcess for ByName {
    fn start(&self, command: BuildCommand) -> BoxFuture<'static, Result<Box<dyn BuildProcess>, String>> {
        let process = match command.program.as_str() {
            "true" => Ok(Process::Ends(Some(0))),
            "false" => Ok(Process::Ends(Some(1))),
            "killed" => Ok(Process::Ends(None)),
            "forever" => Ok(Process::Runs),
            _ => Err("there is no such program".to_owned()),
        };
        async { process.map(|process| Box::new(process) as Box<dyn BuildProcess>) }.boxed()
    }
}

impl BuildProcess for Process {
    fn wait(&mut self) -> BoxFuture<'_, Result<Option<i32>, String>> {
        match self {
            Self::Ends(code) => futures::future::ready(Ok(*code)).boxed(),
            Self::Runs => pending().boxed(),
        }
    }

    fn kill(&mut self) -> BoxFuture<'_, ()> {
        async {}.boxed()
    }
}

fn properties(commands: &str) -> Value {
    json!({
        "ServiceRole": "role", "Artifacts": {"Type": "NO_ARTIFACTS"}, "TimeoutInMinutes": "75",
        "Environment": {
            "Type": "LINUX_CONTAINER", "ComputeType": "BUILD_GENERAL1_MEDIUM", "Image": "image",
            "EnvironmentVariables": [{"Name": "URL", "Value": "http://localhost"}, {"Name": "SIZE", "Value": 7000}],
        },
        "Source": {"Type": "NO_SOURCE", "BuildSpec": format!(
            "version: 0.2\nphases:\n  install:\n    commands:\n      - curl \"$(fetch)\" && unzip x\n  build:\n    commands:\n{commands}"
        )},
    })
}

fn commands(commands: &[&str]) -> Result<Vec<Vec<String>>, String> {
    let lines: String = commands.iter().map(|command| format!("      - {}\n", json!(command))).collect();
    Project::read("p", &properties(&lines)).map(|project| project.commands)
}

#[test]
fn a_project_is_read_from_its_properties() {
    let project = Project::read("p", &properties("      - ./bootstrap train\n      - tool 'a b' \"c d\" ''\n")).unwrap();
    assert_eq!(project.timeout_minutes, 75);
    assert_eq!(project.environment, [("SIZE".to_owned(), "7000".to_owned()), ("URL".to_owned(), "http://localhost".to_owned())].into());
    assert_eq!(project.commands, [vec!["./bootstrap", "train"], vec!["tool", "a b", "c d", ""]]);
}

#[test]
fn commands_that_need_a_shell_are_refused() {
    for command in ["a && b", "a | b", "a > file", "a $HOME", "a `b`", "a \"$X\"", "a; b", "X=1 a", "a *.txt", "a 'open", "a\nb", "  "] {
        let error = commands(&[command]).unwrap_err();
        assert!(error.starts_with("build project p: "), "{command}: {error}");
    }
    assert_eq!(commands(&["a '$X | *'"]).unwrap(), [["a", "$X | *"]]);
}

#[test]
fn what_is_not_understood_is_refused_by_name() {
    let with = |path: &[&str], value: Value| {
        let mut properties = properties("      - ./bootstrap\n");
        let mut at = &mut properties;
        for name in path {
            at = &mut at[*name];
        }
        *at = value;
        Project::read("p", &properties).unwrap_err()
    };
    for (error, message) in [
        (with(&["VpcConfig"], json!({})), "VpcConfig"),
        (with(&["Source", "Type"], json!("GITHUB")), "Source.Type must be NO_SOURCE, not GITHUB"),
        (with(&["Artifacts", "Type"], json!("S3")), "Artifacts.Type must be NO_ARTIFACTS"),
        (with(&["TimeoutInMinutes"], json!(4)), "TimeoutInMinutes must be"),
        (with(&["Source", "BuildSpec"], json!("version: 0.1")), "version must be 0.2"),
        (with(&["Source", "BuildSpec"], json!("version: 0.2\nphases: {install: {}}")), "no build phase"),
        (with(&["Source", "BuildSpec"], json!("version: 0.2\nphases: {build: {commands: [x]}, post_build: {}}")), "post_build"),
        (with(&["Source", "BuildSpec"], json!("version: 0.2\nphases: {build: {commands: []}}")), "no commands"),
        (with(&["Source", "BuildSpec"], json!("version: 0.2\nreports: {}")), "reports"),
        (with(&["Source", "BuildSpec"], json!("{")), "not valid YAML"),
        (with(&["Source", "BuildSpec"], json!(null)), "BuildSpec is missing"),
        (with(&["Environment", "EnvironmentVariables"], json!([{"Name": "A", "Value": "x", "Type": "PARAMETER_STORE"}])), "PLAINTEXT"),
        (with(&["Environment", "EnvironmentVariables"], json!([{"Name": "CODEBUILD_X", "Value": "x"}])), "CODEBUILD_X"),
    ] {
        assert!(error.contains(message), "{message}: {error}");
    }
}

fn service() -> Arc<CodeBuild> {
    let project = |name: &str, commands: &[&str]| Project {
        name: name.to_owned(),
        environment: Default::default(),
        timeout_minutes: 5,
        commands: commands.iter().map(|command| vec![(*command).to_owned()]).collect(),
    };
    let projects = vec![
        project("good", &["true", "true"]),
        project("bad", &["true", "false", "missing"]),
        project("killed", &["killed"]),
        project("missing", &["missing"]),
        project("endless", &["forever"]),
    ];
    CodeBuild::new("us-east-1", "000000000000", projects, Arc::new(ByName), Arc::new(SystemClock))
}

async fn call(service: &Arc<CodeBuild>, operation: &str, body: Value) -> Result<Value, AwsError> {
    service.handle(operation, Bytes::from(body.to_string())).await
}

#[tokio::test]
async fn builds_are_started_and_described() {
    let service = service();
    for (project, status, reason) in [
        ("good", "SUCCEEDED", None),
        ("bad", "FAILED", Some("Error while executing command: false. Reason: it exited with status 1.")),
        ("killed", "FAILED", Some("Error while executing command: killed. Reason: it was killed by a signal.")),
        ("missing", "FAILED", Some("The command 'missing' could not be started: there is no such program")),
    ] {
        let started = call(&service, "StartBuild", json!({"projectName": project})).await.unwrap();
        let build = &started["build"];
        assert_eq!((&build["buildStatus"], &build["projectName"]), (&json!("IN_PROGRESS"), &json!(project)));
        let id = build["id"].as_str().unwrap();
        service.ended(id).await.unwrap();
        let found = call(&service, "BatchGetBuilds", json!({"ids": [id, "none:1"]})).await.unwrap();
        assert_eq!(found["buildsNotFound"], json!(["none:1"]));
        let build = &found["builds"][0];
        assert_eq!((&build["buildStatus"], &build["buildComplete"]), (&json!(status), &json!(true)));
        assert_eq!(build["phases"][0]["contexts"][0]["message"].as_str(), reason);
        assert!(build["endTime"].is_f64());
    }
}

#[tokio::test]
async fn a_build_is_stopped() {
    let service = service();
    let started = call(&service, "StartBuild", json!({"projectName": "endless"})).await.unwrap();
    let stopped = call(&service, "StopBuild", json!({"id": started["build"]["id"]})).await.unwrap();
    assert_eq!((&stopped["build"]["buildStatus"], &stopped["build"]["currentPhase"]), (&json!("STOPPED"), &json!("COMPLETED")));
}

#[tokio::test]
async fn closing_ends_the_processes_without_an_end_of_the_build() {
    let service = service();
    let started = call(&service, "StartBuild", json!({"projectName": "endless"})).await.unwrap();
    service.close().await;
    assert_eq!(service.ended(started["build"]["id"].as_str().unwrap()).await, None);
}

#[tokio::test]
async fn bad_requests_have_their_own_errors() {
    let service = service();
    for (operation, body, code) in [
        ("StartBuild", json!({}), "InvalidInputException"),
        ("StartBuild", json!({"projectName": "other"}), "ResourceNotFoundException"),
        ("StartBuild", json!({"projectName": "good", "imageOverride": "x"}), "InvalidInputException"),
        (
            "StartBuild",
            json!({"projectName": "good", "environmentVariablesOverride": [{"name": "1", "value": "x"}]}),
            "InvalidInputException",
        ),
        ("StopBuild", json!({"id": "none:1"}), "ResourceNotFoundException"),
        ("StopBuild", json!({}), "InvalidInputException"),
        ("BatchGetBuilds", json!({"ids": []}), "InvalidInputException"),
        ("ListBuilds", json!({}), "UnsupportedOperation"),
    ] {
        assert_eq!(call(&service, operation, body.clone()).await.unwrap_err().code, code, "{operation} {body}");
    }
}
