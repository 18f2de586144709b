//! A file as a response.

use http::{HeaderValue, StatusCode, header};
use shared::http::response;
use shared::objects::Objects;
use shared::objects::keys::artifact;
use shared::{Error, Response, Result};

use crate::artifacts::{file_type, paths};

/// The largest file that passes through: a function's response holds at most 6 MB, bytes written as base64.
const LARGEST_THROUGH: u64 = 4 * 1024 * 1024;

/// The file at a path under the artifact root: its bytes, or 302 to a URL in S3 where it is large.
///
/// # Errors
/// `NotFound` when there is none; `Internal` when S3 does not answer.
pub async fn response(objects: &Objects, path: &str) -> Result<Response> {
    let key = artifact(path);
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
