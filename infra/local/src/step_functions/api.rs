//! The API's operations, as the AWS SDK calls them (AWS JSON 1.0): shapes, limits and errors.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::clock::epoch_seconds;
use super::error::within_limit;
use super::execution::Stop;
use super::random_uuid;
use super::service::{Service, Start};
use super::store::{Status, StoredExecution};
use crate::aws_error::AwsError;

/// The longest name of an execution, in characters.
const LONGEST_NAME: usize = 80;
/// The longest error name in a stop request, in characters.
const LONGEST_ERROR: usize = 256;
/// The longest cause in a stop request, in characters.
const LONGEST_CAUSE: usize = 32_768;
/// Items of a page where the caller names no number.
const DEFAULT_PAGE: usize = 100;
/// The most items of a page.
const LARGEST_PAGE: usize = 1000;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct StartExecution {
    state_machine_arn: String,
    name: Option<String>,
    input: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OneExecution {
    execution_arn: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct StopExecution {
    execution_arn: String,
    error: Option<String>,
    cause: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ListExecutions {
    state_machine_arn: String,
    status_filter: Option<String>,
    max_results: Option<i64>,
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct GetExecutionHistory {
    execution_arn: String,
    max_results: Option<i64>,
    #[serde(default)]
    reverse_order: bool,
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OneStateMachine {
    state_machine_arn: String,
}

/// Answers an operation.
pub(super) async fn handle(service: &Arc<Service>, operation: &str, body: &[u8]) -> Result<Value, AwsError> {
    match operation {
        "StartExecution" => start_execution(service, parse(body)?).await,
        "DescribeExecution" => describe_execution(service, parse(body)?).await,
        "StopExecution" => stop_execution(service, parse(body)?).await,
        "ListExecutions" => list_executions(service, parse(body)?).await,
        "GetExecutionHistory" => get_execution_history(service, parse(body)?).await,
        "DescribeStateMachine" => describe_state_machine(service, &parse(body)?),
        "ListStateMachines" => Ok(list_state_machines(service)),
        other => Err(AwsError::not_implemented("Step Functions", other)),
    }
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, AwsError> {
    serde_json::from_slice(body)
        .map_err(|error| AwsError::new(400, "ValidationException", format!("The request's body is not valid: {error}.")))
}

fn check_arn(arn: &str, kind: &str) -> Result<(), AwsError> {
    let parts: Vec<&str> = arn.split(':').collect();
    let right = arn.len() <= 2048 && parts.len() >= 7 && parts[..3] == ["arn", "aws", "states"] && parts[5] == kind;
    if right { Ok(()) } else { Err(AwsError::new(400, "InvalidArn", format!("Invalid Arn: '{arn}' is not the ARN of a {kind}."))) }
}

/// Refuses a name that Step Functions would refuse.
pub(super) fn check_name(name: &str) -> Result<(), AwsError> {
    let refused = |character: char| character.is_whitespace() || character.is_control() || "<>{}[]?*\"#%\\^|~`$&,;:/".contains(character);
    if name.is_empty() || name.chars().count() > LONGEST_NAME || name.contains(refused) {
        return Err(AwsError::new(
            400,
            "InvalidName",
            format!(
                "Invalid Name: '{name}' must have 1 to {LONGEST_NAME} characters, without white space and < > {{ }} [ ] ? * \" # % \\ ^ | ~ ` $ & , ; : /"
            ),
        ));
    }
    Ok(())
}

async fn start_execution(service: &Arc<Service>, request: StartExecution) -> Result<Value, AwsError> {
    check_arn(&request.state_machine_arn, "stateMachine")?;
    let name = request.name.unwrap_or_else(random_uuid);
    check_name(&name)?;
    let invalid = |reason: String| AwsError::new(400, "InvalidExecutionInput", format!("Invalid State Machine Execution Input: {reason}"));
    let input: Value = match &request.input {
        None => json!({}),
        Some(input) => serde_json::from_str(input).map_err(|error| invalid(format!("it is not valid JSON: {error}.")))?,
    };
    within_limit(&input, "The input").map_err(|error| invalid(error.cause.unwrap_or_default()))?;
    let started = service.start(Start { machine_arn: request.state_machine_arn, name, input, parent: None }).await?;
    Ok(json!({"executionArn": started.arn, "startDate": epoch_seconds(started.started)}))
}

fn no_execution(arn: &str) -> AwsError {
    AwsError::new(400, "ExecutionDoesNotExist", format!("Execution Does Not Exist: '{arn}'"))
}

async fn find(service: &Service, arn: &str) -> Result<StoredExecution, AwsError> {
    check_arn(arn, "execution")?;
    service.store.get(arn).await?.ok_or_else(|| no_execution(arn))
}

fn summary(execution: &StoredExecution) -> Value {
    let mut summary = json!({
        "executionArn": execution.arn,
        "stateMachineArn": execution.machine,
        "name": execution.name,
        "status": execution.status.as_str(),
        "startDate": epoch_seconds(execution.started),
        "redriveCount": 0,
    });
    if let Some(stopped) = execution.stopped {
        summary["stopDate"] = epoch_seconds(stopped);
    }
    summary
}

async fn describe_execution(service: &Service, request: OneExecution) -> Result<Value, AwsError> {
    let execution = find(service, &request.execution_arn).await?;
    let mut description = summary(&execution);
    description["input"] = json!(execution.input);
    description["inputDetails"] = json!({"included": true});
    if let Some(output) = &execution.output {
        description["output"] = json!(output);
        description["outputDetails"] = json!({"included": true});
    }
    for (name, text) in [("error", &execution.error), ("cause", &execution.cause)] {
        if let Some(text) = text {
            description[name] = json!(text);
        }
    }
    Ok(description)
}

async fn stop_execution(service: &Service, request: StopExecution) -> Result<Value, AwsError> {
    check_arn(&request.execution_arn, "execution")?;
    for (name, text, longest) in [("error", &request.error, LONGEST_ERROR), ("cause", &request.cause, LONGEST_CAUSE)] {
        if text.as_ref().is_some_and(|text| text.chars().count() > longest) {
            return Err(AwsError::new(400, "ValidationException", format!("{name} must have at most {longest} characters.")));
        }
    }
    let stop = Stop { status: Status::Aborted, error: request.error, cause: request.cause };
    let stopped = service.stop(&request.execution_arn, stop).await?.ok_or_else(|| no_execution(&request.execution_arn))?;
    let time = stopped.stopped.unwrap_or_else(|| service.clock.now().as_millisecond());
    Ok(json!({"stopDate": epoch_seconds(time)}))
}

/// The number of items of a page: the caller's, or the default for none and 0.
fn page_size(max_results: Option<i64>) -> Result<usize, AwsError> {
    match max_results {
        None | Some(0) => Ok(DEFAULT_PAGE),
        Some(number) => usize::try_from(number)
            .ok()
            .filter(|number| *number <= LARGEST_PAGE)
            .ok_or_else(|| AwsError::new(400, "ValidationException", format!("maxResults must be from 0 to {LARGEST_PAGE}."))),
    }
}

fn token(position: i64) -> String {
    URL_SAFE_NO_PAD.encode(position.to_be_bytes())
}

fn position(token: Option<&str>) -> Result<Option<i64>, AwsError> {
    let Some(token) = token else { return Ok(None) };
    URL_SAFE_NO_PAD
        .decode(token)
        .ok()
        .and_then(|bytes| <[u8; 8]>::try_from(bytes).ok())
        .map(|bytes| Some(i64::from_be_bytes(bytes)))
        .ok_or_else(|| AwsError::new(400, "InvalidToken", format!("Invalid Token: '{token}'")))
}

async fn list_executions(service: &Service, request: ListExecutions) -> Result<Value, AwsError> {
    find_machine(service, &request.state_machine_arn)?;
    let status = match &request.status_filter {
        None => None,
        Some(word) => Some(Status::from_word(word).ok_or_else(|| {
            let words: Vec<_> = Status::ALL.into_iter().map(Status::as_str).collect();
            AwsError::new(400, "ValidationException", format!("statusFilter must be one of {}.", words.join(", ")))
        })?),
    };
    let size = page_size(request.max_results)?;
    let before = position(request.next_token.as_deref())?.unwrap_or(i64::MAX);
    let mut executions = service.store.list(&request.state_machine_arn, status, before, size + 1).await?;
    let more = executions.len() > size;
    executions.truncate(size);
    let mut answer = json!({"executions": executions.iter().map(summary).collect::<Vec<_>>()});
    if let Some(last) = executions.last().filter(|_| more) {
        answer["nextToken"] = json!(token(last.id));
    }
    Ok(answer)
}

async fn get_execution_history(service: &Service, request: GetExecutionHistory) -> Result<Value, AwsError> {
    let execution = find(service, &request.execution_arn).await?;
    let size = page_size(request.max_results)?;
    let first = if request.reverse_order { i64::MAX } else { 0 };
    let from = position(request.next_token.as_deref())?.unwrap_or(first);
    let mut events = service.store.events(execution.id, request.reverse_order, from, size + 1).await?;
    let more = events.len() > size;
    events.truncate(size);
    let next = events.last().filter(|_| more).map(|event| token(event.id));
    let mut answer = json!({"events": events.into_iter().map(|event| event.event).collect::<Vec<_>>()});
    if let Some(next) = next {
        answer["nextToken"] = json!(next);
    }
    Ok(answer)
}

fn find_machine<'a>(service: &'a Service, arn: &str) -> Result<&'a super::StateMachine, AwsError> {
    check_arn(arn, "stateMachine")?;
    service
        .machines
        .get(arn)
        .ok_or_else(|| AwsError::new(400, "StateMachineDoesNotExist", format!("State Machine Does Not Exist: '{arn}'")))
}

fn describe_state_machine(service: &Service, request: &OneStateMachine) -> Result<Value, AwsError> {
    let machine = find_machine(service, &request.state_machine_arn)?;
    Ok(json!({
        "stateMachineArn": request.state_machine_arn,
        "name": machine.name,
        "status": "ACTIVE",
        "type": "STANDARD",
        "definition": machine.definition.text,
        "roleArn": machine.role_arn,
        "creationDate": epoch_seconds(service.opened),
        "loggingConfiguration": {"level": "OFF", "includeExecutionData": false},
        "tracingConfiguration": {"enabled": false},
    }))
}

fn list_state_machines(service: &Service) -> Value {
    let machines: Vec<Value> = service
        .machines
        .iter()
        .map(|(arn, machine)| {
            json!({"stateMachineArn": arn, "name": machine.name, "type": "STANDARD", "creationDate": epoch_seconds(service.opened)})
        })
        .collect();
    json!({"stateMachines": machines})
}
