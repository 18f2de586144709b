//! `GET mlflow-artifacts/artifacts/{path+}`: a file; a large one by a redirect to S3.

use shared::{Platform, Request, Response, Result};

use crate::access::Caller;
use crate::artifacts::{file, paths};

/// Gives the file's bytes, or 302 to a URL in S3.
///
/// # Errors
/// In MLflow's shape and codes.
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let caller = Caller::of(platform, &request).await?;
    file::response(platform, &caller, paths::of_request(&request)?).await
}
