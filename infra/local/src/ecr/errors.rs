//! ECR's errors, under its names and in its words.

use std::io;

use crate::account::ACCOUNT_ID;
use crate::aws_error::AwsError;

pub(super) fn error(code: &str, message: impl Into<String>) -> AwsError {
    AwsError::new(400, code, message)
}

pub(super) fn invalid(message: impl Into<String>) -> AwsError {
    error("InvalidParameterException", message)
}

pub(super) fn repository_not_found(name: &str) -> AwsError {
    error("RepositoryNotFoundException", format!("The repository with name '{name}' does not exist in the registry with id '{ACCOUNT_ID}'"))
}

/// A fault of the disk; names what was being done.
pub(super) fn failed(doing: &str) -> impl FnOnce(io::Error) -> AwsError + '_ {
    move |error| AwsError::new(500, "ServerException", format!("{doing}: {error}"))
}
