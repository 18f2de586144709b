//! `DELETE mlflow-artifacts/artifacts/{path+}`: removes a file, or a folder with all in it.

use serde_json::json;
use shared::http::response;
use shared::objects::keys::artifact;
use shared::{Platform, Request, Response, Result};

use crate::access::Caller;
use crate::artifacts::paths;

/// Gives nothing.
///
/// # Errors
/// In MLflow's shape and codes.
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let caller = Caller::of(platform, &request).await?;
    let path = paths::of_request(&request)?;
    caller.may_write_artifact(platform, path).await?;
    let (objects, key) = (platform.objects()?, artifact(path));
    for object in objects.list_all(&format!("{key}/")).await? {
        objects.delete(&object.key).await?;
    }
    objects.delete(&key).await?;
    response::ok(&json!({}))
}
