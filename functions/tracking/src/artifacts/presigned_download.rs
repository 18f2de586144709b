//! `GET mlflow-artifacts/presigned/{path+}`: a URL by which a file comes from S3 directly.

use serde_json::json;
use shared::http::response;
use shared::objects::keys::artifact;
use shared::{Error, Platform, Request, Response, Result};

use crate::access::Caller;
use crate::artifacts::paths;

/// Gives `url`, `headers`, `file_size`.
///
/// # Errors
/// In MLflow's shape and codes.
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let caller = Caller::of(platform, &request).await?;
    let path = paths::of_request(&request)?;
    caller.may_see_artifact(platform, path).await?;
    let (objects, key) = (platform.objects()?, artifact(path));
    let size = objects.size(&key).await?.ok_or_else(|| Error::not_found(format!("No such artifact: '{path}'")))?;
    let url = objects.presign_get(&key, paths::URL_LIFE).await?;
    response::ok(&json!({ "url": url, "headers": {}, "file_size": size }))
}
