//! A file as a response.

use http::{HeaderValue, StatusCode, header};
use shared::http::response;
use shared::objects::keys::artifact;
use shared::{Error, Platform, Response, Result};

use crate::access::Caller;
use crate::artifacts::{file_type, paths};

/// The largest file that passes through: a function's response holds at most 6 MB, bytes written as base64.
const LARGEST_THROUGH: u64 = 4 * 1024 * 1024;

/// The file at a path under the artifact root: its bytes, or 302 to a URL in S3 where it is large.
///
/// # Errors
/// `NotFound` when there is none for the one who asks; `Internal` when S3 does not answer.
pub async fn response(platform: &Platform, caller: &Caller, path: &str) -> Result<Response> {
    caller.may_see_artifact(platform, path).await?;
    let objects = platform.objects()?;
    let key = artifact(path);
    let missing = || Error::not_found(format!("No such artifact: '{path}'"));
    if objects.size(&key).await?.ok_or_else(missing)? > LARGEST_THROUGH {
        let url = objects.presign_download(&key, file_type::of(path), &disposition(path), paths::URL_LIFE).await?;
        return response::redirect(StatusCode::FOUND, &url);
    }
    let body = objects.get(&key).await?.ok_or_else(missing)?;
    let mut file = response::with_type(StatusCode::OK, file_type::of(path), body);
    // Shown by no browser as a page of this site: anyone who can log an artifact would speak in its name.
    let disposition = HeaderValue::from_str(&disposition(path)).unwrap_or(HeaderValue::from_static("attachment"));
    file.headers_mut().insert(header::CONTENT_DISPOSITION, disposition);
    file.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    Ok(file)
}

/// A download under the file's own name, in RFC 6266's form: a name that is no token stands in quotes, one beyond ASCII is
/// told in UTF-8 too.
fn disposition(path: &str) -> String {
    let name = path.rsplit('/').next().unwrap_or_default();
    let is_token = |character: char| character.is_ascii_alphanumeric() || "!#$&+-.^_`|~".contains(character);
    if !name.is_empty() && name.chars().all(is_token) {
        return format!("attachment; filename={name}");
    }
    let plain = |character: char| if matches!(character, ' '..='~') && !matches!(character, '"' | '\\') { character } else { '_' };
    let ascii: String = name.chars().map(plain).collect();
    let encoded: String =
        name.bytes().map(|byte| if is_token(char::from(byte)) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect();
    match name.is_ascii() {
        true => format!("attachment; filename=\"{ascii}\""),
        false => format!("attachment; filename=\"{ascii}\"; filename*=UTF-8''{encoded}"),
    }
}

#[cfg(test)]
mod tests {
    use super::disposition;

    #[test]
    fn a_download_has_the_name_of_its_file() {
        assert_eq!(disposition("0/r/artifacts/a.txt"), "attachment; filename=a.txt");
        assert_eq!(disposition("dog+step+20.png"), "attachment; filename=dog+step+20.png");
        assert_eq!(disposition("my \"file\".txt"), "attachment; filename=\"my _file_.txt\"");
        assert_eq!(disposition("größe.txt"), "attachment; filename=\"gr__e.txt\"; filename*=UTF-8''gr%C3%B6%C3%9Fe.txt");
    }
}
