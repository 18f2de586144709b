//! `GET mlflow-artifacts/artifacts/{path+}`: a file; a large one by a redirect to S3.

use http::{HeaderValue, StatusCode, header};
use shared::http::response;
use shared::objects::keys::artifact;
use shared::{Error, Platform, Request, Response, Result};

use crate::access::Caller;
use crate::artifacts::{file_type, paths};

/// The largest file that passes through: a function's response holds at most 6 MB, bytes written as base64.
const LARGEST_THROUGH: u64 = 4 * 1024 * 1024;

/// Gives the file's bytes, or 302 to a URL in S3.
///
/// # Errors
/// In MLflow's shape and codes.
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    Caller::of(platform, &request).await?;
    let path = paths::of_request(&request)?;
    let (objects, key) = (platform.objects()?, artifact(path));
    let missing = || Error::not_found(format!("No such artifact: '{path}'"));
    if objects.size(&key).await?.ok_or_else(missing)? > LARGEST_THROUGH {
        return response::redirect(StatusCode::FOUND, &objects.presign_get(&key, paths::URL_LIFE).await?);
    }
    let body = objects.get(&key).await?.ok_or_else(missing)?;
    let mut file = response::with_type(StatusCode::OK, file_type::of(path), body);
    // Shown by no browser as a page of this site: anyone who can log an artifact would speak in its name.
    file.headers_mut().insert(header::CONTENT_DISPOSITION, HeaderValue::from_static("attachment"));
    file.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    Ok(file)
}
