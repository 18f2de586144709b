//! Deployments' ids as this API writes them: `dep-` and a UUID, taken with and without the beginning.

use shared::domain::deployment::Deployment;
use shared::{Platform, Request, Result, jobs};

const PREFIX: &str = "dep-";

/// An id as it is shown.
pub fn shown(id: &str) -> String {
    format!("{PREFIX}{id}")
}

/// An id as it was sent, without its beginning.
pub fn read(sent: &str) -> &str {
    sent.strip_prefix(PREFIX).unwrap_or(sent)
}

/// The deployment that the path names, if it is the caller's or nobody's in particular.
///
/// # Errors
/// `NotFound` when it is not there for this caller; `Internal` when DynamoDB does not answer.
pub async fn of_path(platform: &Platform, request: &Request) -> Result<Deployment> {
    jobs::own_deployment(platform, &request.caller, read(request.path_parameter("deployment_id")?)).await
}
