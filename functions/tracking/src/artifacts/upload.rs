//! `PUT mlflow-artifacts/artifacts/{path+}`: writes a small file.

use serde_json::json;
use shared::http::response;
use shared::objects::keys::artifact;
use shared::{Error, ErrorKind, Platform, Request, Response, Result};

use crate::access::Caller;
use crate::artifacts::paths;

/// The largest file that passes through: a function's request holds at most 6 MB, bytes written as base64.
const LARGEST_THROUGH: usize = 4 * 1024 * 1024;

/// Takes the file as the body; gives nothing.
///
/// # Errors
/// In MLflow's shape and codes.
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let caller = Caller::of(platform, &request).await?;
    let path = paths::of_request(&request)?;
    if request.body.len() > LARGEST_THROUGH {
        return Err(Error::new(
            ErrorKind::PayloadTooLarge,
            format!(
                "A file of {} bytes is too large to be sent through this server, which takes {LARGEST_THROUGH}. Set \
                 MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD=true and MLFLOW_MULTIPART_UPLOAD_MINIMUM_FILE_SIZE={LARGEST_THROUGH} in the \
                 environment of the script: MLflow then sends large files to the storage itself.",
                request.body.len()
            ),
        ));
    }
    caller.may_write_artifact(platform, path).await?;
    platform.objects()?.put(&artifact(path), request.body.clone()).await?;
    response::ok(&json!({}))
}
