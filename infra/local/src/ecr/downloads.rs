//! Downloading a layer from the address that `GetDownloadUrlForLayer` gave.

use std::io::SeekFrom;
use std::path::PathBuf;

use futures::TryStreamExt;
use futures::future::BoxFuture;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio_util::io::ReaderStream;

use super::Ecr;
use crate::aws_api::Downloads;
use crate::http_server::{Body, json_response};

/// The paths that lead here start so; then come the secret, the repository's name and the digest.
const PREFIX: &str = "/downloads/ecr/";

impl Ecr {
    /// The address of a layer.
    pub(super) fn download_url(&self, repository: &str, digest: &str) -> String {
        format!("{}{PREFIX}{}/{repository}/{digest}", self.inner.url, self.inner.token)
    }

    /// Where a blob lies, if the repository has it.
    pub fn blob_path(&self, repository: &str, digest: &str) -> Option<PathBuf> {
        let repository = self.repository(repository).ok()?;
        repository.blob_size(digest)?;
        repository.blob_path(digest)
    }

    /// The blob that a path asks for; nothing where the secret is another one.
    fn asked(&self, path: &str) -> Option<PathBuf> {
        let (token, rest) = path.strip_prefix(PREFIX)?.split_once('/')?;
        if token != self.inner.token {
            return None;
        }
        let (repository, digest) = rest.rsplit_once('/')?;
        // Some clients write the colon as it must be written elsewhere in an address.
        self.blob_path(repository, &digest.replace("%3A", ":"))
    }
}

impl Downloads for Ecr {
    fn get(&self, path: &str, range: Option<&str>) -> BoxFuture<'static, Option<Response<Body>>> {
        let asked = self.asked(path);
        let range = range.map(str::to_owned);
        Box::pin(async move {
            let path = asked?;
            let answered = answer(path, range.as_deref()).await;
            Some(
                answered.unwrap_or_else(|_| json_response(StatusCode::INTERNAL_SERVER_ERROR, "{\"message\":\"The layer cannot be read\"}")),
            )
        })
    }
}

async fn answer(path: PathBuf, range: Option<&str>) -> std::io::Result<Response<Body>> {
    let mut file = File::open(path).await?;
    let size = file.metadata().await?.len();
    let (first, length) = match range.and_then(|range| part(range, size)) {
        Some(Err(())) => {
            let mut response = json_response(StatusCode::RANGE_NOT_SATISFIABLE, "{\"message\":\"Range not satisfiable\"}");
            set(&mut response, header::CONTENT_RANGE, format!("bytes */{size}"));
            return Ok(response);
        }
        Some(Ok((first, last))) => (Some((first, last)), last - first + 1),
        None => (None, size),
    };
    file.seek(SeekFrom::Start(first.map_or(0, |(first, _)| first))).await?;
    let stream = ReaderStream::with_capacity(file.take(length), 256 << 10).map_ok(Frame::data);
    let mut response = Response::new(StreamBody::new(stream).boxed_unsync());
    set(&mut response, header::CONTENT_TYPE, "application/octet-stream".to_owned());
    set(&mut response, header::CONTENT_LENGTH, length.to_string());
    set(&mut response, header::ACCEPT_RANGES, "bytes".to_owned());
    if let Some((first, last)) = first {
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
        set(&mut response, header::CONTENT_RANGE, format!("bytes {first}-{last}/{size}"));
    }
    Ok(response)
}

fn set(response: &mut Response<Body>, name: header::HeaderName, value: String) {
    if let Ok(value) = HeaderValue::from_str(&value) {
        response.headers_mut().insert(name, value);
    }
}

/// The first and last byte of a `Range` with one part; `None` where it is to be ignored, an error where it is outside.
fn part(range: &str, size: u64) -> Option<Result<(u64, u64), ()>> {
    let (first, last) = range.strip_prefix("bytes=")?.split_once('-')?;
    let (first, last) = match (first, last) {
        ("", suffix) => (size.saturating_sub(suffix.parse().ok()?), size.checked_sub(1)?),
        (first, "") => (first.parse().ok()?, size.checked_sub(1)?),
        (first, last) => (first.parse().ok()?, last.parse::<u64>().ok()?.min(size.checked_sub(1)?)),
    };
    Some(if first <= last && first < size { Ok((first, last)) } else { Err(()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_http_has_them() {
        assert_eq!(part("bytes=0-3", 10), Some(Ok((0, 3))));
        assert_eq!(part("bytes=4-", 10), Some(Ok((4, 9))));
        assert_eq!(part("bytes=-3", 10), Some(Ok((7, 9))));
        assert_eq!(part("bytes=5-99", 10), Some(Ok((5, 9))));
        assert_eq!(part("bytes=10-", 10), Some(Err(())));
        for ignored in ["", "items=0-1", "bytes=a-b", "bytes=0-1,3-4", "bytes=5"] {
            assert_eq!(part(ignored, 10), None, "{ignored}");
        }
        assert_eq!(part("bytes=0-", 0), None);
    }
}
