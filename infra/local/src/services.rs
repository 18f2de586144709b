//! The services whose calls are JSON, as the internal port knows them.

use std::sync::Arc;

use bytes::Bytes;
use futures::future::BoxFuture;
use serde_json::Value;

use crate::aws_api::JsonService;
use crate::aws_error::AwsError;
use crate::code_build::CodeBuild;
use crate::step_functions::StepFunctions;

/// Step Functions.
pub struct States(pub Arc<StepFunctions>);

impl JsonService for States {
    fn handle(&self, operation: &str, body: Bytes) -> BoxFuture<'static, Result<Value, AwsError>> {
        let (service, operation) = (Arc::clone(&self.0), operation.to_owned());
        Box::pin(async move { service.handle(&operation, body).await })
    }
}

/// CodeBuild.
pub struct Builder(pub Arc<CodeBuild>);

impl JsonService for Builder {
    fn handle(&self, operation: &str, body: Bytes) -> BoxFuture<'static, Result<Value, AwsError>> {
        let (service, operation) = (Arc::clone(&self.0), operation.to_owned());
        Box::pin(async move { service.handle(&operation, body).await })
    }
}
