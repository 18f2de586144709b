//! Task: calls a service. Here the function call; what waits for a child execution or a build is in `run_child`.

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::clock::after;
use super::definition::{Resource, Task};
use super::error::{StateError, TIMEOUT, within_limit};
use super::record::Progress;
use super::run::{Branch, Halt};
use super::store::StoreError;
use crate::aws_error::AwsError;
use crate::invoke::InvocationOutput;
use crate::lambda::Qualified;
use crate::lambda::model::function_arn;
use crate::rights::{Needed, Refused};

impl Branch {
    /// Calls the task's service, or goes on waiting for what it called before; gives the result.
    pub(super) async fn task(&mut self, task: &Task) -> Result<Value, Halt> {
        let outcome = match &self.record.progress {
            Progress::Child { .. } => self.child_execution().await,
            Progress::Build { .. } => self.build(task).await,
            _ => self.call(task).await,
        };
        let (kind, resource) = task.resource.event_names();
        match &outcome {
            Ok(result) => {
                let details = json!({
                    "resourceType": kind, "resource": resource,
                    "output": result.to_string(), "outputDetails": {"truncated": false},
                });
                self.event("TaskSucceeded", Some(("taskSucceededEventDetails", details)));
            }
            Err(Halt::Failed(error)) => {
                let timed_out = error.error.as_deref() == Some(TIMEOUT);
                let mut details = json!({"resourceType": kind, "resource": resource});
                if let (Value::Object(details), Value::Object(error)) = (&mut details, error.details()) {
                    details.extend(error);
                }
                let (event, member) =
                    if timed_out { ("TaskTimedOut", "taskTimedOutEventDetails") } else { ("TaskFailed", "taskFailedEventDetails") };
                self.event(event, Some((member, details)));
            }
            Err(_) => {}
        }
        outcome
    }

    async fn call(&mut self, task: &Task) -> Result<Value, Halt> {
        let (arguments, deadline) = self.prepare(task)?;
        match task.resource {
            Resource::LambdaInvoke => self.invoke(&arguments, deadline).await,
            Resource::StartExecutionSync => self.start_child(arguments, deadline).await,
            Resource::StartBuildSync => self.start_build(&arguments, deadline).await,
        }
    }

    /// The call's arguments and when its time is over, with the events that announce it.
    pub(super) fn prepare(&mut self, task: &Task) -> Result<(Map<String, Value>, Option<Timestamp>), StateError> {
        let scope = self.scope(&[]);
        let arguments = task.arguments.evaluate_as(&scope, "Arguments", "object", |value| value.as_object().cloned())?;
        let known = task.resource.arguments();
        if let Some(unknown) = arguments.keys().find(|name| !known.contains(&name.as_str())) {
            return Err(StateError::runtime(format!(
                "{unknown} is not an argument that {} understands here; known are {}.",
                task.resource.arn(),
                known.join(", ")
            )));
        }
        let parameters = Value::Object(arguments);
        within_limit(&parameters, "The state's arguments")?;
        let seconds = match &task.timeout_seconds {
            Some(seconds) => Some(
                seconds
                    .evaluate_as(&scope, "TimeoutSeconds", "positive number", |value| value.as_f64().filter(|seconds| *seconds > 0.0))?,
            ),
            None => None,
        };
        let (kind, resource) = task.resource.event_names();
        let mut details = json!({
            "resourceType": kind, "resource": resource,
            "region": self.execution.service.region, "parameters": parameters.to_string(),
        });
        if let Some(seconds) = seconds {
            details["timeoutInSeconds"] = json!(seconds);
        }
        self.event("TaskScheduled", Some(("taskScheduledEventDetails", details)));
        self.event("TaskStarted", Some(("taskStartedEventDetails", json!({"resourceType": kind, "resource": resource}))));
        let deadline = seconds.map(|seconds| after(self.now(), seconds));
        match parameters {
            Value::Object(arguments) => Ok((arguments, deadline)),
            _ => Err(StateError::runtime("The arguments are not an object.")),
        }
    }

    /// Fails the state if the state machine's role may not do all that is needed.
    pub(super) fn may(&self, service: &str, needed: &[Needed]) -> Result<(), Halt> {
        let checked = self.execution.may(needed);
        checked.map_err(|refused| Halt::Failed(refusal(service, &refused)))
    }

    /// Ends at the deadline, or never.
    pub(super) async fn time_over(&self, deadline: Option<Timestamp>) {
        match deadline {
            Some(deadline) => self.execution.service.clock.sleep_until(deadline).await,
            None => std::future::pending().await,
        }
    }

    async fn invoke(&mut self, arguments: &Map<String, Value>, deadline: Option<Timestamp>) -> Result<Value, Halt> {
        let mut function = text(arguments, "FunctionName")?.to_owned();
        if arguments.contains_key("Qualifier") {
            function = format!("{function}:{}", text(arguments, "Qualifier")?);
        }
        if let Ok(target) = Qualified::parse(&function, None) {
            let arn = function_arn(&self.execution.service.region, &target.name, target.qualifier.as_deref());
            self.may("Lambda", &[Needed::new("lambda:InvokeFunction", arn)])?;
        }
        let payload = arguments.get("Payload").map_or_else(|| "{}".to_owned(), Value::to_string);
        self.commit(false).await?;
        // A task of its own: a stopped or timed out state does not end the function, as on AWS.
        let invocation = tokio::spawn(self.execution.service.integrations.invoke.invoke(&function, Bytes::from(payload)));
        let answer = tokio::select! {
            biased;
            () = self.cancel.cancelled() => return Err(Halt::Aborted),
            answer = invocation => answer,
            () = self.time_over(deadline) => return Err(Halt::Failed(timed_out())),
        };
        match answer {
            Ok(Ok(output)) => Ok(function_result(&output)?),
            Ok(Err(error)) => Err(Halt::Failed(service_error("Lambda", &error))),
            // The process is shutting down: the task runs again after the next start.
            Err(gone) if gone.is_cancelled() => Err(Halt::Suspended(StoreError("an invocation was given up".to_owned()))),
            Err(panic) => Err(Halt::Failed(StateError::new("Lambda.ServiceException", format!("The invocation broke off: {panic}")))),
        }
    }
}

/// A required argument that is a string.
pub(super) fn text<'a>(arguments: &'a Map<String, Value>, name: &str) -> Result<&'a str, StateError> {
    match arguments.get(name) {
        Some(Value::String(text)) if !text.is_empty() => Ok(text),
        Some(other) => Err(StateError::runtime(format!("The argument {name} must be a string that is not empty, not {other}."))),
        None => Err(StateError::runtime(format!("The argument {name} is missing."))),
    }
}

/// The error of a task that took too long.
pub(super) fn timed_out() -> StateError {
    StateError::new(TIMEOUT, "The task did not end within its TimeoutSeconds.")
}

/// A service's refusal as a state's error: `Service.ExceptionName`.
pub(super) fn service_error(service: &str, error: &AwsError) -> StateError {
    let code = if error.code.contains("Exception") { error.code.clone() } else { format!("{}Exception", error.code) };
    StateError::new(format!("{service}.{code}"), format!("{} (Service: {service}, Status Code: {})", error.message, error.status))
}

/// A call that the state machine's role may not make, as a state's error.
fn refusal(service: &str, refused: &Refused) -> StateError {
    let cause = format!("{} (Service: {service}, Status Code: 403, Error Code: AccessDeniedException)", refused.message());
    StateError::new(format!("{service}.AWS{service}Exception"), cause)
}

/// The result of a function that answered, or the error of one that failed.
fn function_result(output: &InvocationOutput) -> Result<Value, StateError> {
    let text = String::from_utf8_lossy(&output.payload);
    if output.function_error.is_some() {
        let document: Value = serde_json::from_str(&text).unwrap_or(Value::Null);
        return Err(match document.get("errorType").and_then(Value::as_str) {
            Some(name) if !name.is_empty() => StateError::new(name, text),
            _ => StateError::new(
                "Lambda.Unknown",
                format!("The cause could not be determined because Lambda did not return an error type. Returned payload: {text}"),
            ),
        });
    }
    let payload: Value = if text.is_empty() {
        Value::Null
    } else {
        serde_json::from_str(&text).map_err(|error| StateError::runtime(format!("The function's answer is not valid JSON: {error}.")))?
    };
    let result = json!({"ExecutedVersion": output.executed_version, "Payload": payload, "StatusCode": 200});
    within_limit(&result, "The function's answer")?;
    Ok(result)
}
