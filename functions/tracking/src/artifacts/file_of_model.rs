//! `GET logged-models/{model_id}/artifacts/files`: a file of a logged model, as MLflow's web pages ask for it.

use shared::domain::artifact_uri;
use shared::{Error, Platform, Request, Response, Result};

use crate::access::Caller;
use crate::artifacts::{file, paths};

/// Takes `artifact_file_path`; gives the file's bytes, or 302 to a URL in S3.
///
/// # Errors
/// In MLflow's shape and codes.
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let caller = Caller::of(platform, &request).await?;
    let id = request.path_parameter("model_id")?;
    let path = request.query_parameter("artifact_file_path").filter(|path| !path.is_empty());
    let path = paths::checked(path.ok_or_else(|| Error::bad_request("Request must include the \"artifact_file_path\" query parameter."))?)?;
    let model = platform.store()?.logged_model(id).await?;
    let model = model.ok_or_else(|| Error::not_found(format!("Logged model with ID '{id}' not found.")))?;
    let root = artifact_uri::path(&model.artifact_uri).ok_or_else(|| Error::bad_request("These artifacts are not kept by this server."))?;
    file::response(platform, &caller, &format!("{root}/{path}")).await
}
