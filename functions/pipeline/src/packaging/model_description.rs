//! What a model's folder says of the model: its `MLmodel` file, read as data and never executed.

use std::path::Path;

pub use shared::model_files::ModelDescription;
use shared::{Error, Result};

const LARGEST_DESCRIPTION: u64 = 4 * 1024 * 1024;

/// Reads `MLmodel` in a model's folder.
///
/// # Errors
/// `BadRequest` when it is missing or cannot be understood.
pub fn read(folder: &Path) -> Result<ModelDescription> {
    let path = folder.join("MLmodel");
    let unusable = |problem: String| Error::bad_request(format!("the model's MLmodel file cannot be used: {problem}"));
    let size = std::fs::metadata(&path).map_err(|error| unusable(error.to_string()))?.len();
    if size > LARGEST_DESCRIPTION {
        return Err(unusable(format!("it has {size} bytes")));
    }
    ModelDescription::of_text(&std::fs::read_to_string(&path).map_err(|error| unusable(error.to_string()))?)
}
