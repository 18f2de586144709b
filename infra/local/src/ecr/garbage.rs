//! Removing blobs that no image names.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::time::{Duration, SystemTime};

use super::document;
use super::repository::{Images, Repository};

/// A blob that was uploaded or asked for within this time may be part of an image that is about to be put.
pub const GRACE: Duration = Duration::from_secs(3600);

/// Removes what no image names and nobody asked for lately; gives the number of blobs and bytes that are gone.
///
/// The caller holds the images, so that none is put meanwhile.
pub fn collect(repository: &Repository, images: &Images) -> io::Result<(usize, u64)> {
    let named: HashSet<&str> = images
        .values()
        .flat_map(|image| image.blobs.iter().chain([&image.digest]))
        .filter_map(|digest| document::hexadecimal(digest))
        .collect();
    let (mut count, mut bytes) = (0, 0);
    for entry in fs::read_dir(repository.blobs())? {
        let entry = entry?;
        if entry.file_name().to_str().is_some_and(|name| named.contains(name)) {
            continue;
        }
        let metadata = entry.metadata()?;
        // A time in the future, after the clock was set back, counts as now.
        let age = SystemTime::now().duration_since(metadata.modified()?).unwrap_or_default();
        if age > GRACE {
            fs::remove_file(entry.path())?;
            count += 1;
            bytes += metadata.len();
        }
    }
    Ok((count, bytes))
}
