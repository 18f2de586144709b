//! One synchronous invocation, from a name to an outcome.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use serde_json::json;
use tokio::sync::oneshot;

use super::model::{Function, LATEST, State, Version, function_arn};
use super::pool::Pool;
use super::runtime_api::{Delivery, Outcome};
use super::{Lambda, Qualified, RESPONSE_LIMIT};
use crate::aws_error::AwsError;
use crate::invoke::{InvocationOutput, Invoke};

/// How often an invocation that no process ever saw is given to another one.
const REDELIVERIES: usize = 3;

/// What an invocation brought back.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// The function's answer, or Lambda's error document.
    pub payload: Bytes,
    /// `Unhandled` when it failed.
    pub function_error: Option<&'static str>,
    /// The version that ran.
    pub executed_version: String,
    /// The request's id.
    pub request_id: String,
    /// The last 4 KB of what it wrote.
    pub log_tail: Vec<u8>,
}

impl Lambda {
    /// Runs a function and waits for its answer. A caller that stops waiting does not stop the function.
    ///
    /// Errors are Lambda's own: the function did not run.
    pub fn invoke(
        self: &Arc<Self>,
        target: &Qualified,
        payload: Bytes,
    ) -> impl Future<Output = Result<Invocation, AwsError>> + Send + use<> {
        let prepared = self.prepare(target);
        let lambda = Arc::clone(self);
        async move {
            let (function, pool, arn) = prepared?;
            let permit = lambda.limits.enter(&function.name, function.reserved_concurrency)?;
            let running = lambda.tasks.spawn({
                let lambda = Arc::clone(&lambda);
                async move {
                    let invocation = lambda.run(&pool, arn, payload).await;
                    // Before the caller hears of it: its next call finds room.
                    drop(permit);
                    invocation
                }
            });
            running.await.map_err(|_| AwsError::new(500, "ServiceException", "The laptop cloud is stopping."))
        }
    }

    /// Finds the function and the version that a call means.
    fn prepare(self: &Arc<Self>, target: &Qualified) -> Result<(Arc<Function>, Arc<Pool>, String), AwsError> {
        let function = self.function(&target.name).ok_or_else(|| not_found(&self.common.region, target))?;
        let label = target.label();
        let version = function
            .choose_version(label)
            .and_then(|label| function.version(label))
            .ok_or_else(|| not_found(&self.common.region, target))?;
        check_state(version)?;
        let arn = function.arn(&self.common.region, target.qualifier.as_deref());
        let pool = self.pool(&function.name, version);
        Ok((function, pool, arn))
    }

    async fn run(self: &Arc<Self>, pool: &Arc<Pool>, arn: String, payload: Bytes) -> Invocation {
        let request_id = uuid::Uuid::now_v7().to_string();
        let version = pool.version();
        let timeout = Duration::from_secs(u64::from(version.configuration.timeout));
        let failed = |kind: &str, message: String, log_tail: Vec<u8>| Invocation {
            payload: json!({ "errorType": kind, "errorMessage": message }).to_string().into(),
            function_error: Some("Unhandled"),
            executed_version: version.version.clone(),
            request_id: request_id.clone(),
            log_tail,
        };
        let mut payload = payload;
        for _ in 0..REDELIVERIES {
            let environment = match pool.acquire(self).await {
                Ok(environment) => environment,
                Err(failure) => {
                    return Invocation {
                        payload: with_request_id(&failure.0, &request_id),
                        function_error: Some("Unhandled"),
                        executed_version: version.version.clone(),
                        request_id,
                        log_tail: Vec::new(),
                    };
                }
            };
            let (sender, outcome) = oneshot::channel();
            let deadline = jiff::Timestamp::now().as_millisecond() + timeout.as_millis() as i64;
            let delivery = Delivery { request_id: request_id.clone(), payload, deadline, arn: arn.clone(), outcome: sender };
            if let Err(back) = environment.deliver(delivery) {
                // It ended just now, or its process never asked for this one's predecessor.
                environment.kill();
                payload = back.payload;
                continue;
            }
            let Ok(outcome) = tokio::time::timeout(timeout, outcome).await else {
                let message = format!("RequestId: {request_id} Error: Task timed out after {:.2} seconds", timeout.as_secs_f64());
                environment.log(&format!("{} {request_id} Task timed out after {:.2} seconds", super::model::now(), timeout.as_secs_f64()));
                environment.kill();
                return failed("Sandbox.Timedout", message, environment.log_tail());
            };
            let log_tail = environment.log_tail();
            let invocation = match outcome {
                Ok(Outcome::Response(payload)) => {
                    Invocation { payload, function_error: None, executed_version: version.version.clone(), request_id, log_tail }
                }
                Ok(Outcome::Error(payload)) => Invocation {
                    payload,
                    function_error: Some("Unhandled"),
                    executed_version: version.version.clone(),
                    request_id,
                    log_tail,
                },
                Ok(Outcome::TooLarge) => failed(
                    "Function.ResponseSizeTooLarge",
                    format!("Response payload size exceeded maximum allowed payload size ({RESPONSE_LIMIT} bytes)."),
                    log_tail,
                ),
                Ok(Outcome::NotDelivered(back)) => {
                    payload = back;
                    continue;
                }
                Ok(Outcome::Exited(reason)) => {
                    return failed("Runtime.ExitError", format!("RequestId: {request_id} Error: {reason}"), log_tail);
                }
                Err(_) => {
                    environment.kill();
                    let message = format!("RequestId: {request_id} Error: Runtime exited without providing a reason");
                    return failed("Runtime.ExitError", message, log_tail);
                }
            };
            pool.release(environment);
            return invocation;
        }
        let message = format!("RequestId: {request_id} Error: Runtime exited without providing a reason");
        failed("Runtime.ExitError", message, Vec::new())
    }
}

impl Invoke for Arc<Lambda> {
    fn invoke(&self, function: &str, payload: Bytes) -> BoxFuture<'static, Result<InvocationOutput, AwsError>> {
        let running = Qualified::parse(function, None).map(|target| Lambda::invoke(self, &target, payload));
        Box::pin(async move {
            let invocation = running?.await?;
            Ok(InvocationOutput {
                payload: invocation.payload,
                function_error: invocation.function_error.map(String::from),
                executed_version: invocation.executed_version,
            })
        })
    }
}

/// Lambda's answer for a function, version or alias that is not there.
pub fn not_found(region: &str, target: &Qualified) -> AwsError {
    let arn = function_arn(region, &target.name, target.qualifier.as_deref());
    AwsError::new(404, "ResourceNotFoundException", format!("Function not found: {arn}"))
}

fn check_state(version: &Version) -> Result<(), AwsError> {
    let state = match &version.state {
        State::Active => return Ok(()),
        State::Pending => "Pending",
        State::Failed(..) => "Failed",
    };
    let what = if version.version == LATEST { "The function" } else { "The version" };
    let message = format!("The operation cannot be performed at this time. {what} is currently in the following state: {state}");
    Err(AwsError::new(409, "ResourceConflictException", message))
}

/// Lambda puts the request's id before the message of an error of the start.
fn with_request_id(document: &Bytes, request_id: &str) -> Bytes {
    let Ok(mut value) = serde_json::from_slice::<serde_json::Value>(document) else { return document.clone() };
    if let Some(message) = value.get("errorMessage").and_then(serde_json::Value::as_str)
        && !message.starts_with("RequestId:")
    {
        let message = message.strip_prefix("Error: ").unwrap_or(message);
        value["errorMessage"] = format!("RequestId: {request_id} Error: {message}").into();
    }
    value.to_string().into()
}
