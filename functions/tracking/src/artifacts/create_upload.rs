//! `POST mlflow-artifacts/mpu/create/{path+}`: begins an upload in parts that go to S3 directly.

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use serde_json::json;
use shared::http::response;
use shared::objects::keys::artifact;
use shared::{Error, Platform, Request, Response, Result};

use crate::access::Caller;
use crate::artifacts::paths;
use crate::message::Message;

/// The most parts of an upload: their URLs have to fit a response.
const MOST_PARTS: i64 = 2500;

/// Takes `path` (the file on the client's side, whose name counts), `num_parts`; gives `upload_id`, `credentials` (`url`,
/// `part_number`).
///
/// # Errors
/// In MLflow's shape and codes.
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let caller = Caller::of(platform, &request).await?;
    let message = Message::of(&request)?;
    let path = paths::of_upload(&request, &message)?;
    let parts = message.integer("num_parts")?.unwrap_or(1);
    if !(1..=MOST_PARTS).contains(&parts) {
        return Err(Error::bad_request(format!(
            "num_parts must be from 1 to {MOST_PARTS}, not {parts}; MLFLOW_MULTIPART_UPLOAD_CHUNK_SIZE sets how large a part is."
        )));
    }
    caller.may_write_artifact(platform, &path).await?;
    let (objects, key) = (platform.objects()?, artifact(&path));
    let upload_id = objects.start_multipart(&key).await?;
    let credentials: Vec<_> = stream::iter(1..=i32::try_from(parts).unwrap_or(1))
        .then(|number| {
            let (key, upload_id) = (&key, &upload_id);
            async move {
                let url = objects.presign_part(key, upload_id, number, paths::URL_LIFE).await?;
                Ok::<_, Error>(json!({ "url": url, "part_number": number }))
            }
        })
        .try_collect()
        .await?;
    response::ok(&json!({ "upload_id": upload_id, "credentials": credentials }))
}
