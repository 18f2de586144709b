//! What is needed of an image's manifest and configuration to unpack and start it.

use std::fs;

use oci_spec::image::{Arch, ImageConfiguration, ImageManifest, Os};

use crate::ecr::Ecr;

/// The most bytes of a manifest or configuration.
const LARGEST: u64 = 4 << 20;

/// A layer to unpack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerDocument {
    /// SHA-256 of the blob.
    pub digest: String,
    /// SHA-256 of the archive in it.
    pub diff_id: String,
    /// Whether the blob is compressed.
    pub gzip: bool,
}

/// An image's documents.
#[derive(Debug, Clone)]
pub struct ImageDocuments {
    /// The lowest layer first.
    pub layers: Vec<LayerDocument>,
    /// How it is started.
    pub configuration: ImageConfiguration,
}

impl ImageDocuments {
    /// Reads an image of a repository.
    ///
    /// # Errors
    /// For a person: what is missing or cannot run on this machine.
    pub fn read(registry: &Ecr, repository: &str, digest: &str) -> Result<Self, String> {
        let manifest: ImageManifest = document(registry, repository, digest, "manifest")?;
        let configuration = manifest.config().digest().to_string();
        let configuration: ImageConfiguration = document(registry, repository, &configuration, "configuration")?;
        if *configuration.os() != Os::Linux || configuration.architecture() != &machine() {
            return Err(format!(
                "the image is for {} on {}, this machine is {}; build it for this one",
                configuration.os(),
                configuration.architecture(),
                machine()
            ));
        }
        let diff_ids = configuration.rootfs().diff_ids();
        if diff_ids.len() != manifest.layers().len() {
            return Err(format!("the image's manifest has {} layers, its configuration {}", manifest.layers().len(), diff_ids.len()));
        }
        let layers = manifest.layers().iter().zip(diff_ids).map(|(descriptor, diff_id)| {
            let media_type = descriptor.media_type().to_string();
            let gzip = media_type.ends_with("+gzip") || media_type.ends_with(".tar.gzip");
            if !gzip && !media_type.ends_with(".tar") {
                return Err(format!("the image has a layer of type {media_type}; plain and gzip archives are unpacked"));
            }
            Ok(LayerDocument { digest: descriptor.digest().to_string(), diff_id: diff_id.clone(), gzip })
        });
        Ok(Self { layers: layers.collect::<Result<_, _>>()?, configuration })
    }
}

fn machine() -> Arch {
    match std::env::consts::ARCH {
        "aarch64" => Arch::ARM64,
        _ => Arch::Amd64,
    }
}

fn document<T: serde::de::DeserializeOwned>(registry: &Ecr, repository: &str, digest: &str, what: &str) -> Result<T, String> {
    let path = registry.blob_path(repository, digest).ok_or_else(|| format!("the image's {what} {digest} is missing"))?;
    let unreadable = |error: &dyn std::fmt::Display| format!("the image's {what} {digest} is not readable: {error}");
    if fs::metadata(&path).map_err(|error| unreadable(&error))?.len() > LARGEST {
        return Err(unreadable(&"it is larger than 4 MiB"));
    }
    let bytes = fs::read(&path).map_err(|error| unreadable(&error))?;
    serde_json::from_slice(&bytes).map_err(|error| unreadable(&error))
}
