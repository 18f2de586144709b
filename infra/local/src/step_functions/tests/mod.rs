//! The service over a folder, with functions, build processes and a clock that the tests hold in their hands.

#![allow(clippy::unwrap_used)]

mod api;
mod builds;
mod children;
mod crash;
mod errors;
mod fakes;
mod states;
mod validation;

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Value, json};
use tempfile::TempDir;

use self::fakes::{FakeProcesses, Functions, ManualClock};
use super::definition::Definition;
use super::store::Status;
use super::{Integrations, Options, StateMachine, StepFunctions, state_machine_arn};
use crate::account::Credentials;
use crate::aws_error::AwsError;
use crate::code_build::{CodeBuild, Project};
use crate::rights::Rights;

pub const REGION: &str = "us-east-1";
pub const ACCOUNT: &str = "000000000000";

/// A cloud of nothing but state machines and builds. Functions, processes and the clock outlive a crash.
pub struct World {
    pub folder: Arc<TempDir>,
    pub machines: Vec<(&'static str, Value)>,
    pub functions: Functions,
    pub processes: FakeProcesses,
    pub clock: ManualClock,
    pub cloud: StepFunctions,
}

pub fn machine_arn(name: &str) -> String {
    state_machine_arn(REGION, ACCOUNT, name)
}

pub fn execution_arn(machine: &str, name: &str) -> String {
    format!("arn:aws:states:{REGION}:{ACCOUNT}:execution:{machine}:{name}")
}

/// A JSONata machine over `states`, beginning with the first of them.
pub fn machine(start_at: &str, states: Value) -> Value {
    json!({"QueryLanguage": "JSONata", "StartAt": start_at, "States": states})
}

/// A Task that invokes `function` with the state's input and gives its answer.
pub fn invoke(function: &str) -> Value {
    json!({
        "Type": "Task", "Resource": "arn:aws:states:::lambda:invoke",
        "Arguments": {"FunctionName": function, "Payload": "{% $states.input %}"},
        "Output": "{% $states.result.Payload %}", "End": true,
    })
}

/// `base` with further members.
pub fn with(mut base: Value, members: Value) -> Value {
    for (name, member) in members.as_object().unwrap() {
        if member.is_null() {
            base.as_object_mut().unwrap().remove(name);
        } else {
            base[name.as_str()] = member.clone();
        }
    }
    base
}

fn open(
    folder: &Path,
    machines: &[(&'static str, Value)],
    functions: &Functions,
    processes: &FakeProcesses,
    clock: &ManualClock,
) -> StepFunctions {
    let machines = machines
        .iter()
        .map(|(name, definition)| StateMachine {
            name: (*name).to_owned(),
            role_arn: "arn:aws:iam::000000000000:role/states".to_owned(),
            definition: Arc::new(Definition::load(&definition.to_string()).unwrap()),
        })
        .collect();
    let project = Project {
        name: "long-job".to_owned(),
        environment: [("MODE".to_owned(), "project".to_owned())].into(),
        timeout_minutes: 10,
        commands: vec![vec!["./bootstrap".to_owned(), "train".to_owned()]],
    };
    let clock = Arc::new(clock.clone());
    let builds = CodeBuild::new(REGION, ACCOUNT, vec![project], Arc::new(processes.clone()), Arc::clone(&clock) as _);
    let account = Credentials { access_key_id: "KEY".to_owned(), secret_access_key: "SECRET".to_owned() };
    let rights = Arc::new(Rights::unrestricted(account));
    let integrations = Integrations { invoke: Arc::new(functions.clone()), builds, rights };
    let options = Options { clock, most_events: 200, ..Options::new(folder, REGION, ACCOUNT) };
    StepFunctions::open(options, machines, integrations).unwrap()
}

impl World {
    pub fn new(machines: Vec<(&'static str, Value)>) -> Self {
        let folder = Arc::new(TempDir::new().unwrap());
        let (functions, processes, clock) = Default::default();
        let cloud = open(folder.path(), &machines, &functions, &processes, &clock);
        Self { folder, machines, functions, processes, clock, cloud }
    }

    /// One machine, called `main`.
    pub fn of(definition: Value) -> Self {
        Self::new(vec![("main", definition)])
    }

    /// Ends the process as far as the service can tell, without a word to it, and goes on in the same folder.
    pub async fn crash(self) -> Self {
        let world = self.kill().await;
        world.cloud.resume().await.unwrap();
        world
    }

    /// [`World::crash`], but nothing is resumed yet.
    pub async fn kill(self) -> Self {
        let Self { folder, machines, functions, processes, clock, cloud } = self;
        let weak = Arc::downgrade(&cloud.service);
        drop(cloud);
        while weak.strong_count() > 0 {
            tokio::task::yield_now().await;
        }
        let cloud = open(folder.path(), &machines, &functions, &processes, &clock);
        Self { folder, machines, functions, processes, clock, cloud }
    }

    pub async fn call(&self, operation: &str, body: Value) -> Result<Value, AwsError> {
        self.cloud.handle(operation, Bytes::from(body.to_string())).await
    }

    /// Starts the machine `main`.
    pub async fn start(&self, name: &str, input: Value) {
        let body = json!({"stateMachineArn": machine_arn("main"), "name": name, "input": input.to_string()});
        self.call("StartExecution", body).await.unwrap();
    }

    pub async fn describe(&self, name: &str) -> Value {
        self.call("DescribeExecution", json!({"executionArn": execution_arn("main", name)})).await.unwrap()
    }

    /// Waits for the end of an execution of `main`; gives its description.
    pub async fn end(&self, name: &str) -> Value {
        let arn = execution_arn("main", name);
        let ended = self.cloud.service.ended(&arn);
        tokio::time::timeout(std::time::Duration::from_secs(30), ended).await.expect("it ends").unwrap();
        let description = self.describe(name).await;
        assert_ne!(description["status"], Status::Running.as_str());
        description
    }

    /// Starts the machine `main` and waits for its end.
    pub async fn run(&self, input: Value) -> Value {
        self.start("run", input).await;
        self.end("run").await
    }

    /// The output of the machine `main`, which must end well.
    pub async fn output(&self, input: Value) -> Value {
        output(&self.run(input).await)
    }

    /// The error and the cause of the machine `main`, which must fail.
    pub async fn failure(&self, input: Value) -> (String, String) {
        failure(&self.run(input).await)
    }

    pub async fn stop(&self, name: &str) -> Value {
        let body = json!({"executionArn": execution_arn("main", name), "error": "Cancelled", "cause": "by a person"});
        self.call("StopExecution", body).await.unwrap()
    }

    pub async fn history(&self, name: &str) -> Vec<Value> {
        let body = json!({"executionArn": execution_arn("main", name), "maxResults": 1000});
        self.call("GetExecutionHistory", body).await.unwrap()["events"].as_array().unwrap().clone()
    }

    pub async fn event_types(&self, name: &str) -> Vec<String> {
        self.history(name).await.iter().map(|event| event["type"].as_str().unwrap().to_owned()).collect()
    }
}

pub fn output(description: &Value) -> Value {
    assert_eq!(description["status"], "SUCCEEDED", "{description:#}");
    serde_json::from_str(description["output"].as_str().unwrap()).unwrap()
}

pub fn failure(description: &Value) -> (String, String) {
    assert_eq!(description["status"], "FAILED", "{description:#}");
    let text = |name: &str| description[name].as_str().unwrap_or_default().to_owned();
    (text("error"), text("cause"))
}

pub fn assert_aborted(description: &Value) {
    assert_eq!(description["status"], "ABORTED", "{description:#}");
    assert_eq!((&description["error"], &description["cause"]), (&json!("Cancelled"), &json!("by a person")));
    assert!(description["stopDate"].is_number());
}
