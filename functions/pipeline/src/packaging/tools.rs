//! The programs that the build calls; the functions' layer puts them on `PATH`.

use std::path::PathBuf;

use shared::{Error, Result};

/// The absolute path of a program on `PATH`.
///
/// # Errors
/// `Internal`, naming the program, when it is not there: the function lacks its layer.
pub fn find(program: &str) -> Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .map(|folder| folder.join(program))
        .find(|candidate| candidate.is_file())
        .ok_or_else(|| Error::broken(format!("{program} is not on PATH; the function needs the layer that infra/tools/build.py makes")))
}
