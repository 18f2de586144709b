//! `GET logged-models/{model_id}/artifacts/directories`: one level of a logged model's files.

use shared::http::response;
use shared::{Error, Platform, Request, Response, Result};

use crate::access::Caller;
use crate::artifacts::paths;

/// Takes `artifact_directory_path`; gives `root_uri`, `files` by their paths under it.
///
/// # Errors
/// In MLflow's shape and codes.
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let caller = Caller::of(platform, &request).await?;
    let id = request.path_parameter("model_id")?;
    let model = platform.store()?.logged_model(id).await?;
    let model = model.ok_or_else(|| Error::not_found(format!("Logged model with ID '{id}' not found.")))?;
    let folder = request.query_parameter("artifact_directory_path");
    response::ok(&paths::listing_of(platform, &caller, &model.artifact_uri, folder).await?)
}
