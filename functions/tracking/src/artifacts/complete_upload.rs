//! `POST mlflow-artifacts/mpu/complete/{path+}`: makes the parts of an upload one file.

use serde_json::json;
use shared::http::response;
use shared::objects::keys::artifact;
use shared::{Error, Platform, Request, Response, Result};

use crate::access::Caller;
use crate::artifacts::paths;
use crate::message::Message;

/// Takes `path`, `upload_id`, `parts` (`part_number`, `etag`); gives nothing.
///
/// # Errors
/// In MLflow's shape and codes.
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let caller = Caller::of(platform, &request).await?;
    let message = Message::of(&request)?;
    let path = paths::of_upload(&request, &message)?;
    let upload_id = message.required("upload_id")?;
    let parts = message
        .messages("parts")?
        .into_iter()
        .map(|(place, part)| {
            let number = part.integer("part_number")?.and_then(|number| i32::try_from(number).ok());
            let number = number.filter(|number| (1..=10_000).contains(number));
            let number = number.ok_or_else(|| Error::bad_request(format!("{place}.part_number must be from 1 to 10000")))?;
            Ok((number, part.required("etag")?))
        })
        .collect::<Result<Vec<_>>>()?;
    if parts.is_empty() {
        return Err(Error::bad_request("parts must name at least one part."));
    }
    caller.may_write_artifact(platform, &path).await?;
    platform.objects()?.complete_multipart(&artifact(&path), &upload_id, parts).await?;
    response::ok(&json!({}))
}
