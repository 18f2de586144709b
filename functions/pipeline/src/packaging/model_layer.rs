//! The layer of the model itself: its folder, and `model.json`, which tells the model server what it serves.

use std::path::Path;

use serde_json::json;
use shared::domain::image::Layer;
use shared::domain::registered_model::ModelVersion;
use shared::{Error, Platform, Result};

use super::model_description::ModelDescription;
use super::{ROOT, image_error, layer_store};
use crate::image::layer::LayerContent;
use crate::repository::Repository;

/// Makes the layer of a version whose files lie in `folder`.
///
/// # Errors
/// `BadRequest` when a file cannot be put into an image; `Internal` when the disk or AWS fails.
pub async fn make(
    platform: &Platform,
    repository: &Repository,
    work: &Path,
    folder: &Path,
    version: &ModelVersion,
    description: &ModelDescription,
    python_version: &str,
) -> Result<Layer> {
    let served = json!({
        // How the server holds the model; the build may choose another engine only where it is proven equal to this one.
        "engine": "python",
        "model_name": version.model_name,
        "model_version": version.version.to_string(),
        "framework": description.framework(),
        "run_id": version.run_id,
        "model_uri": version.source,
        "created_at": version.created_at,
        "python_version": python_version,
    });
    let served = serde_json::to_vec_pretty(&served).map_err(|error| Error::internal("describing the model", error))?;
    let content = LayerContent::new().folder(&format!("{ROOT}/model"), folder).map_err(image_error)?;
    let content = content.bytes(&format!("{ROOT}/model.json"), served).map_err(image_error)?;
    layer_store::make(platform, repository, work, content, None).await
}
