//! Tasks that start something and wait for its end: a nested execution, a build. What stops the task stops that too.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::definition::Task;
use super::error::{StateError, TASK_FAILED};
use super::execution::Stop;
use super::record::Progress;
use super::run::{Branch, Halt};
use super::run_task::{service_error, text, timed_out};
use super::service::{Ended, Start};
use super::store::{Status, StoreError, StoredExecution};
use super::{api, random_uuid};
use crate::aws_error::AwsError;
use crate::code_build::{Build, BuildRequest};
use crate::rights::required;

impl Branch {
    /// Notes which execution is to be started, on disk before it is: a resumed task finds it again.
    pub(super) async fn start_child(&mut self, arguments: Map<String, Value>, deadline: Option<Timestamp>) -> Result<Value, Halt> {
        let machine = text(&arguments, "StateMachineArn")?.to_owned();
        let name = match arguments.get("Name") {
            None => random_uuid(),
            Some(_) => text(&arguments, "Name")?.to_owned(),
        };
        let refused = |error: AwsError| Halt::Failed(service_error("StepFunctions", &error));
        api::check_name(&name).map_err(refused)?;
        let machine_name = machine.rsplit(':').next().unwrap_or_default();
        let arn = self.execution.service.execution_arn(machine_name, &name);
        self.may("StepFunctions", &required::states::nested(&machine, &arn))?;
        let input = arguments.get("Input").cloned().unwrap_or_else(|| json!({}));
        self.record.progress = Progress::Child { arn, machine, name, input, deadline };
        self.commit(false).await?;
        self.child_execution().await
    }

    /// Starts the noted execution, or attaches to it, and waits for its end.
    pub(super) async fn child_execution(&mut self) -> Result<Value, Halt> {
        let Progress::Child { arn, machine, name, input, deadline } = self.record.progress.clone() else {
            return Err(Halt::Failed(StateError::runtime("The task's record is damaged.")));
        };
        let service = std::sync::Arc::clone(&self.execution.service);
        if !self.cancel.is_cancelled() {
            let parent = format!(
                "{}#{}#{}#{}",
                self.execution.arn,
                self.path,
                self.record.entered.as_millisecond(),
                self.record.retries.iter().sum::<u32>()
            );
            match service.start(Start { machine_arn: machine, name, input, parent: Some(parent) }).await {
                Ok(started) => {
                    let started = json!({"ExecutionArn": started.arn, "StartDate": started.started});
                    self.submitted(&started, ("states", "startExecution.sync:2"));
                    self.commit(false).await?;
                }
                Err(error) if error.status >= 500 => return Err(Halt::Suspended(StoreError(error.message))),
                Err(error) => return Err(Halt::Failed(service_error("StepFunctions", &error))),
            }
        }
        let halt = tokio::select! {
            biased;
            () = self.cancel.cancelled() => Halt::Aborted,
            ended = service.ended(&arn) => return match ended? {
                Ended::Yes(child) => Ok(child_result(&child)?),
                Ended::Unknown => Err(Halt::Failed(StateError::new(TASK_FAILED, format!("The execution {arn} is no longer known.")))),
                Ended::Suspended => Err(Halt::Suspended(StoreError("a nested execution is suspended".to_owned()))),
            },
            () = self.time_over(deadline) => Halt::Failed(timed_out()),
        };
        let cause = format!("The execution {} that waited for it was stopped or gave up.", self.execution.arn);
        service.stop(&arn, Stop { status: Status::Aborted, error: None, cause: Some(cause) }).await?;
        Err(halt)
    }

    /// Starts a build and waits for its end.
    pub(super) async fn start_build(&mut self, arguments: &Map<String, Value>, deadline: Option<Timestamp>) -> Result<Value, Halt> {
        let request = BuildRequest::from_arguments(arguments).map_err(|error| Halt::Failed(service_error("CodeBuild", &error)))?;
        let service = &self.execution.service;
        self.may("CodeBuild", &required::code_build::waited_for(&service.region, &request.project))?;
        let builds = std::sync::Arc::clone(&service.integrations.builds);
        let build = builds.start(request).map_err(|error| Halt::Failed(service_error("CodeBuild", &error)))?;
        self.record.progress = Progress::Build { id: build.id.clone(), deadline };
        self.submitted(&json!({"Build": build.document(true)}), ("codebuild", "startBuild.sync"));
        self.commit(false).await?;
        self.wait_for_build(build.id, deadline).await
    }

    /// Goes on waiting for a build; one that ended with a former process is started again.
    pub(super) async fn build(&mut self, task: &Task) -> Result<Value, Halt> {
        let Progress::Build { id, deadline } = self.record.progress.clone() else {
            return Err(Halt::Failed(StateError::runtime("The task's record is damaged.")));
        };
        if self.execution.service.integrations.builds.get(&id).is_some() {
            return self.wait_for_build(id, deadline).await;
        }
        if self.cancel.is_cancelled() {
            return Err(Halt::Aborted);
        }
        let (arguments, _) = self.prepare(task)?;
        self.start_build(&arguments, deadline).await
    }

    async fn wait_for_build(&mut self, id: String, deadline: Option<Timestamp>) -> Result<Value, Halt> {
        let builds = std::sync::Arc::clone(&self.execution.service.integrations.builds);
        let halt = tokio::select! {
            biased;
            () = self.cancel.cancelled() => Halt::Aborted,
            build = builds.ended(&id) => return match build {
                Some(build) => Ok(build_result(&build)?),
                // The builds are closing: this one is started again after the next start.
                None => Err(Halt::Suspended(StoreError(format!("the build {id} broke off")))),
            },
            () = self.time_over(deadline) => Halt::Failed(timed_out()),
        };
        builds.stop(&id).await;
        Err(halt)
    }

    fn submitted(&mut self, output: &Value, (kind, resource): (&str, &str)) {
        let details = json!({
            "resourceType": kind, "resource": resource,
            "output": output.to_string(), "outputDetails": {"truncated": false},
        });
        self.event("TaskSubmitted", Some(("taskSubmittedEventDetails", details)));
    }
}

/// The result of a nested execution that succeeded, or the error of one that did not.
fn child_result(child: &StoredExecution) -> Result<Value, StateError> {
    let parsed = |text: &str| serde_json::from_str::<Value>(text).unwrap_or(Value::Null);
    let mut document = json!({
        "ExecutionArn": child.arn,
        "Input": child.input,
        "InputDetails": {"Included": true},
        "Name": child.name,
        "StartDate": child.started,
        "StateMachineArn": child.machine,
        "Status": child.status.as_str(),
        "StopDate": child.stopped,
    });
    if child.status == Status::Succeeded {
        document["Input"] = parsed(&child.input);
        document["Output"] = child.output.as_deref().map_or(Value::Null, parsed);
        document["OutputDetails"] = json!({"Included": true});
        return Ok(document);
    }
    for (name, text) in [("Error", &child.error), ("Cause", &child.cause)] {
        if let Some(text) = text {
            document[name] = json!(text);
        }
    }
    Err(StateError::new(TASK_FAILED, document.to_string()))
}

fn build_result(build: &Build) -> Result<Value, StateError> {
    let document = json!({"Build": build.document(true)});
    if build.succeeded() { Ok(document) } else { Err(StateError::new(TASK_FAILED, document.to_string())) }
}
