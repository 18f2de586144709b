//! `POST mlflow-artifacts/mpu/abort/{path+}`: gives up an upload in parts.

use serde_json::json;
use shared::http::response;
use shared::objects::keys::artifact;
use shared::{Platform, Request, Response, Result};

use crate::access::Caller;
use crate::artifacts::paths;
use crate::message::Message;

/// Takes `path`, `upload_id`; gives nothing.
///
/// # Errors
/// In MLflow's shape and codes.
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let caller = Caller::of(platform, &request).await?;
    let message = Message::of(&request)?;
    let path = paths::of_upload(&request, &message)?;
    let upload_id = message.required("upload_id")?;
    caller.may_write_artifact(platform, &path).await?;
    platform.objects()?.abort_multipart(&artifact(&path), &upload_id).await?;
    response::ok(&json!({}))
}
