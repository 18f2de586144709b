//! The layer of the model server: the same for every model until the program changes.

use std::path::Path;

use sha2::{Digest, Sha256};
use shared::domain::image::Layer;
use shared::{Error, Platform, Result};

use super::{ROOT, blocking, image_error, layer_store, tools};
use crate::image::BUILDER_FORMAT;
use crate::image::layer::LayerContent;
use crate::repository::Repository;

/// The program's name on `PATH` and in the image.
const PROGRAM: &str = "model-server";

/// The program's path in the image: its entry point.
pub fn entry_point() -> String {
    format!("{ROOT}/bin/{PROGRAM}")
}

/// The layer, made once for each build of the program; `true` when it was made before.
///
/// # Errors
/// `Internal` when the program is missing or AWS fails.
pub async fn ensure(platform: &Platform, repository: &Repository, work: &Path) -> Result<(Layer, bool)> {
    let program = tools::find(PROGRAM)?;
    let hashed = program.clone();
    let digest = blocking(move || {
        let mut file = std::fs::File::open(&hashed).map_err(|error| Error::internal("reading the model server's program", error))?;
        let mut hash = Sha256::new();
        std::io::copy(&mut file, &mut HashWriter(&mut hash))
            .map_err(|error| Error::internal("reading the model server's program", error))?;
        Ok(hex::encode(hash.finalize()))
    })
    .await?;
    let cache_key = format!("server-{BUILDER_FORMAT}-{digest}");
    if let Some(layer) = layer_store::known(platform, repository, &cache_key).await? {
        return Ok((layer, true));
    }
    let content = LayerContent::new().file(&entry_point(), &program, true).map_err(image_error)?;
    Ok((layer_store::make(platform, repository, work, content, Some(&cache_key)).await?, false))
}

struct HashWriter<'a>(&'a mut Sha256);

impl std::io::Write for HashWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
