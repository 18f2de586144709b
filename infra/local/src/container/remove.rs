//! Removing trees.

use std::fs;
use std::io;
use std::path::Path;

/// Removes a file, a link (not what it leads to), or a folder with all that is in it.
pub fn tree(path: &Path) -> io::Result<()> {
    if fs::symlink_metadata(path)?.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }
}
