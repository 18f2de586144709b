//! Paths of artifacts, and listings of the folders that they lie in.

use std::time::Duration;

use serde_json::{Value, json};
use shared::domain::artifact_uri;
use shared::objects::keys::artifact;
use shared::{Error, Platform, Request, Result};

use crate::access::Caller;
use crate::message::Message;

/// For how long a URL to S3 is good. An upload of a gigabyte over a slow line takes most of an hour.
pub const URL_LIFE: Duration = Duration::from_secs(3600);

/// A path under the artifact root as a client named it.
///
/// # Errors
/// `BadRequest` when it is empty, absolute, or leads upwards.
pub fn checked(path: &str) -> Result<&str> {
    let path = path.trim_end_matches('/');
    if !artifact_uri::is_plain(path) || path.contains('#') {
        return Err(Error::bad_request("Invalid path"));
    }
    Ok(path)
}

/// The path that a request's own path names.
///
/// # Errors
/// As [`checked`].
pub fn of_request(request: &Request) -> Result<&str> {
    checked(request.path_parameter("path")?)
}

/// The file that a multipart upload writes: the folder that the request's own path names, and the last part of the path
/// of the file on the client's side.
///
/// # Errors
/// As [`checked`].
pub fn of_upload(request: &Request, message: &Message) -> Result<String> {
    let local = message.required("path")?;
    let name = local.rsplit(['/', '\\']).next().unwrap_or_default();
    Ok(checked(&format!("{}/{name}", of_request(request)?))?.to_owned())
}

/// One level under a folder, by name. `shown_under` goes before each name.
///
/// # Errors
/// `NotFound` when the folder is not there for the one who asks; `Internal` when S3 does not answer.
pub async fn listing(platform: &Platform, caller: &Caller, folder: &str, shown_under: &str) -> Result<Vec<Value>> {
    caller.may_see_artifact(platform, folder).await?;
    let objects = platform.objects()?;
    let prefix = if folder.is_empty() { artifact("") } else { format!("{}/", artifact(folder)) };
    let listing = objects.list_level(&prefix).await?;
    let folder_is_root = folder.is_empty();
    let shown = |name: &str| if shown_under.is_empty() { name.to_owned() } else { format!("{shown_under}/{name}") };
    let folders = listing.folders.iter().filter_map(|folder| {
        let name = folder.strip_prefix(&prefix)?.trim_end_matches('/');
        // Of what projects keep, only what is in one's own project is there.
        let is_shown = !folder_is_root || artifact_uri::project_of(name).is_none();
        is_shown.then(|| (name.to_owned(), json!({ "path": shown(name), "is_dir": true })))
    });
    let files = listing.objects.iter().filter_map(|object| {
        let name = object.key.strip_prefix(&prefix).filter(|name| !name.is_empty())?;
        Some((name.to_owned(), json!({ "path": shown(name), "is_dir": false, "file_size": object.size })))
    });
    let mut entries: Vec<(String, Value)> = folders.chain(files).collect();
    entries.sort_by(|(one, _), (other, _)| one.cmp(other));
    Ok(entries.into_iter().map(|(_, entry)| entry).collect())
}

/// One level under a folder of something's artifacts, as MLflow's listings of runs and models show it: paths are
/// relative to the artifacts' root.
///
/// # Errors
/// `BadRequest` when the artifacts are not kept by the platform or the folder's path is none; `Internal` when S3 does not
/// answer.
pub async fn listing_of(platform: &Platform, caller: &Caller, root_uri: &str, folder: Option<&str>) -> Result<Value> {
    let root = artifact_uri::path(root_uri)
        .ok_or_else(|| Error::bad_request(format!("The artifacts at {root_uri} are not kept by this server; list them where they are.")))?;
    let folder = folder.filter(|folder| !folder.is_empty()).map(checked).transpose()?.unwrap_or_default();
    let path = if folder.is_empty() { root } else { format!("{root}/{folder}") };
    let files = listing(platform, caller, &path, folder).await?;
    Ok(crate::shapes::object(json!({ "root_uri": root_uri, "files": files })))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn paths_stay_under_the_root() {
        assert_eq!(checked("0/abc/artifacts/model/MLmodel").unwrap(), "0/abc/artifacts/model/MLmodel");
        for bad in ["", "/etc/passwd", "a/../../b", "..", "a//b", "a/./b", "a#b", "a\\b"] {
            assert!(checked(bad).is_err(), "{bad}");
        }
    }
}
