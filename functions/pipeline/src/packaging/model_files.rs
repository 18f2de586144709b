//! The files of a registered version, brought from the bucket to the work folder.

use std::path::{Component, Path, PathBuf};

use shared::domain::registered_model::ModelVersion;
use shared::objects::keys;
use shared::{Error, Platform, Result};
use tokio::io::AsyncWriteExt as _;

/// What a container function can hold beside its packages, in bytes.
const LARGEST_MODEL: u64 = 6 * 1024 * 1024 * 1024;
const MOST_FILES: usize = 20_000;

/// Downloads a version's folder to `target`, which is made; returns its size in bytes.
///
/// # Errors
/// `BadRequest` when the version's files are not kept here, are missing or too large; `Internal` when the bucket or the
/// disk fails.
pub async fn download(platform: &Platform, version: &ModelVersion, target: &Path) -> Result<u64> {
    let shown = format!("{} version {}", version.model_name, version.version);
    let path = version.artifact_path.as_ref().ok_or_else(|| {
        Error::bad_request(format!("{shown} cannot be deployed: its source {} is not an artifact of this platform", version.source))
    })?;
    let prefix = format!("{}/", keys::artifact(path));
    let objects = platform.objects()?.list_all(&prefix).await?;
    let size: u64 = objects.iter().map(|object| object.size).sum();
    if objects.is_empty() {
        return Err(Error::bad_request(format!("{shown} cannot be deployed: its artifacts are gone")));
    }
    if objects.len() > MOST_FILES || size > LARGEST_MODEL {
        return Err(Error::bad_request(format!(
            "{shown} cannot be deployed: {} files of {} MB are more than a container function holds",
            objects.len(),
            size / 1_000_000
        )));
    }
    for object in &objects {
        let file = place(target, object.key.strip_prefix(&prefix).unwrap_or_default())?;
        write(platform, &object.key, &file).await?;
    }
    Ok(size)
}

/// Where an object's file lies under the target. A name that would lead out of it is refused.
fn place(target: &Path, relative: &str) -> Result<PathBuf> {
    let plain = !relative.is_empty() && Path::new(relative).components().all(|component| matches!(component, Component::Normal(_)));
    if !plain || relative.contains('\0') {
        return Err(Error::bad_request(format!("the model has a file with the name {relative:?}, which cannot stand in an image")));
    }
    Ok(target.join(relative))
}

async fn write(platform: &Platform, key: &str, path: &Path) -> Result<()> {
    let writing = |error| Error::internal(format!("writing {}", path.display()), error);
    if let Some(folder) = path.parent() {
        tokio::fs::create_dir_all(folder).await.map_err(writing)?;
    }
    let stream = platform.objects()?.stream(key).await?;
    let mut stream = stream.ok_or_else(|| Error::bad_request(format!("the artifact {key} was deleted meanwhile")))?;
    let mut file = tokio::fs::File::create(path).await.map_err(writing)?;
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|error| Error::internal(format!("reading {key}"), error))?;
        file.write_all(&chunk).await.map_err(writing)?;
    }
    file.flush().await.map_err(writing)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn no_name_leads_out_of_the_folder() {
        let target = Path::new("/work/model");
        assert_eq!(place(target, "data/model.pkl").unwrap(), Path::new("/work/model/data/model.pkl"));
        for bad in ["", "../x", "/etc/passwd", "a/../../x", "a\0b"] {
            assert!(place(target, bad).is_err(), "{bad:?}");
        }
    }
}
