//! What MLflow's API has and this server does not: traces, the AI gateway, prompts, scorers and evaluation.

use shared::{Error, ErrorKind, Platform, Request, Response, Result};

use crate::access::Caller;

/// Gives nothing.
///
/// # Errors
/// `NotImplemented` always, in MLflow's shape.
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    Caller::of(platform, &request).await?;
    let message = format!("This server does not implement {} {}.", request.method, request.path);
    Err(Error::new(ErrorKind::NotImplemented, message))
}
