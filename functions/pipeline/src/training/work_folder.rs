//! The folder in which one script runs: fresh, its owner's alone, and gone afterwards.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tempfile::TempDir;

const PREFIX: &str = "training-";
/// A folder this old was left by a program that was killed: no training takes as long.
const LEFT_BEHIND: Duration = Duration::from_secs(6 * 60 * 60);

/// The folder; removed when this is dropped, whatever became of the script.
#[derive(Debug)]
pub struct WorkFolder(TempDir);

impl WorkFolder {
    /// A new folder, with its own folder for temporary files.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn new() -> io::Result<Self> {
        remove_left_behind(&std::env::temp_dir());
        let folder = tempfile::Builder::new().prefix(PREFIX).permissions(fs::Permissions::from_mode(0o700)).tempdir()?;
        let folder = Self(folder);
        fs::create_dir(folder.temporary())?;
        Ok(folder)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Its folder for temporary files.
    pub fn temporary(&self) -> PathBuf {
        self.0.path().join("tmp")
    }
}

fn remove_left_behind(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else { return };
    for entry in entries.flatten().filter(|entry| entry.file_name().to_string_lossy().starts_with(PREFIX)) {
        let age =
            entry.metadata().and_then(|found| found.modified()).map(|then| SystemTime::now().duration_since(then).unwrap_or_default());
        if age.is_ok_and(|age| age > LEFT_BEHIND)
            && let Err(error) = fs::remove_dir_all(entry.path())
        {
            tracing::warn!(%error, path = %entry.path().display(), "a folder that an earlier training left cannot be removed");
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn it_is_its_owners_alone_and_goes_when_dropped() {
        let folder = WorkFolder::new().unwrap();
        let path = folder.path().to_owned();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
        fs::write(path.join("train.py"), "").unwrap();
        drop(folder);
        assert!(!path.exists());
    }
}
