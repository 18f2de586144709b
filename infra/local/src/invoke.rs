//! How the services of the laptop cloud invoke a function: the seam between Lambda and those who call it.

use bytes::Bytes;
use futures::future::BoxFuture;

use crate::aws_error::AwsError;

/// What a synchronous invocation brought back.
#[derive(Debug, Clone)]
pub struct InvocationOutput {
    /// The function's answer; when `function_error` is set, Lambda's error document (`errorType`, `errorMessage`).
    pub payload: Bytes,
    /// `Unhandled` when the function failed, timed out or exited; Lambda's `X-Amz-Function-Error`.
    pub function_error: Option<String>,
    /// The version that ran, for example `$LATEST` or `3`.
    pub executed_version: String,
}

/// Something that runs functions: the Lambda service, or a stand-in for it in a test.
pub trait Invoke: Send + Sync + 'static {
    /// Runs a function and waits for its answer (invocation type `RequestResponse`).
    ///
    /// `function` is a name, `name:qualifier`, or an ARN with or without qualifier; `payload` is the event as JSON.
    /// Errors are Lambda's own (`ResourceNotFoundException`, `TooManyRequestsException`, …): the function did not run.
    fn invoke(&self, function: &str, payload: Bytes) -> BoxFuture<'static, Result<InvocationOutput, AwsError>>;
}
