//! Layers on their way to the registry: in the bucket until they are pushed, remembered in the table by what went into
//! them.

use std::collections::HashSet;
use std::path::Path;

use bytes::Bytes;
use shared::domain::image::Layer;
use shared::objects::keys;
use shared::{Error, Platform, Result};
use tokio::io::AsyncReadExt as _;

use super::{LAYER_MEDIA_TYPE, blocking, image_error};
use crate::image::layer::{LayerContent, LayerFile};
use crate::repository::Repository;

/// How much of a layer is sent to the bucket at once, in bytes; a part of a multipart upload has at least 5 MiB.
const PART_BYTES: usize = 16 * 1024 * 1024;

/// The layer that was made of these ingredients, where it can still be had: in the repository, or in the bucket.
///
/// # Errors
/// `Internal` when AWS does not answer.
pub async fn known(platform: &Platform, repository: &Repository, cache_key: &str) -> Result<Option<Layer>> {
    let Some(layer) = platform.store()?.layer(cache_key).await? else { return Ok(None) };
    let pushed = !repository.present(std::slice::from_ref(&layer.digest)).await?.is_empty();
    let there = pushed || platform.objects()?.size(&keys::layer(&layer.digest)).await? == Some(layer.size);
    Ok(there.then_some(layer))
}

/// Writes a layer, keeps it in the bucket for the push, and remembers it under its ingredients where it has a key.
///
/// # Errors
/// `BadRequest` when the content cannot be put into an image; `Internal` when the disk or AWS fails.
pub async fn make(
    platform: &Platform,
    repository: &Repository,
    work: &Path,
    content: LayerContent,
    cache_key: Option<&str>,
) -> Result<Layer> {
    let archive = work.join(format!("layer-{}", shared::id::new_id()));
    let written = blocking(move || content.write_file(&archive).map_err(image_error)).await?;
    let layer = Layer {
        digest: written.layer.digest.clone(),
        diff_id: written.layer.diff_id.clone(),
        size: written.layer.size,
        media_type: LAYER_MEDIA_TYPE.to_owned(),
    };
    let pushed: HashSet<String> = repository.present(std::slice::from_ref(&layer.digest)).await?;
    if pushed.is_empty() {
        keep(platform, &layer, &written).await?;
    }
    let removed = tokio::fs::remove_file(&written.path).await;
    removed.map_err(|error| Error::internal("removing a layer from the work folder", error))?;
    if let Some(cache_key) = cache_key {
        platform.store()?.remember_layer(cache_key, &layer).await?;
    }
    Ok(layer)
}

async fn keep(platform: &Platform, layer: &Layer, written: &LayerFile) -> Result<()> {
    let objects = platform.objects()?;
    let key = keys::layer(&layer.digest);
    if objects.size(&key).await? == Some(layer.size) {
        return Ok(());
    }
    let mut file = tokio::fs::File::open(&written.path).await.map_err(|error| Error::internal("reading a layer", error))?;
    if layer.size <= PART_BYTES as u64 {
        return objects.put(&key, read_part(&mut file).await?).await;
    }
    let upload = objects.start_multipart(&key).await?;
    let mut parts = Vec::new();
    let outcome = async {
        for number in 1.. {
            let part = read_part(&mut file).await?;
            if part.is_empty() {
                break;
            }
            parts.push((number, objects.put_part(&key, &upload, number, part).await?));
        }
        objects.complete_multipart(&key, &upload, parts).await
    }
    .await;
    if outcome.is_err() {
        objects.abort_multipart(&key, &upload).await?;
    }
    outcome
}

async fn read_part(file: &mut tokio::fs::File) -> Result<Bytes> {
    let mut part = Vec::with_capacity(PART_BYTES);
    let mut limited = file.take(PART_BYTES as u64);
    limited.read_to_end(&mut part).await.map_err(|error| Error::internal("reading a layer", error))?;
    Ok(part.into())
}
