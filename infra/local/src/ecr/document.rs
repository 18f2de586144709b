//! Image manifests as a registry reads them, and digests.

use oci_spec::image::ImageManifest;
use sha2::{Digest, Sha256};

use super::errors::invalid;
use crate::aws_error::AwsError;

/// OCI's manifest of one image.
pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// Docker's manifest of one image, version 2, schema 2.
pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";

/// The most bytes of a manifest.
const LARGEST: usize = 4 << 20;

/// What a registry needs to know of a manifest.
#[derive(Debug)]
pub struct Manifest {
    pub media_type: String,
    /// The configuration first, then the layers: digest and size.
    pub blobs: Vec<(String, u64)>,
}

impl Manifest {
    /// The bytes of the layers, as `DescribeImages` counts them.
    pub fn layers_size(&self) -> u64 {
        self.blobs.iter().skip(1).map(|(_, size)| size).sum()
    }

    /// Reads a manifest; `media_type` is what the caller says it is, if anything.
    pub fn read(text: &str, media_type: Option<&str>) -> Result<Self, AwsError> {
        let refused = |reason: String| invalid(format!("Invalid parameter at 'ImageManifest' failed to satisfy constraint: '{reason}'"));
        if text.len() > LARGEST {
            return Err(refused("at most 4194304 bytes".into()));
        }
        let manifest: ImageManifest = serde_json::from_str(text).map_err(|error| refused(format!("a manifest of one image: {error}")))?;
        if manifest.schema_version() != 2 {
            return Err(refused("schema version 2".into()));
        }
        let own = manifest.media_type().as_ref().map(ToString::to_string);
        let media_type = match (media_type, own) {
            (Some(told), Some(own)) if told != own => return Err(refused(format!("its own media type, {own}"))),
            (Some(told), _) => told.to_owned(),
            (None, Some(own)) => own,
            (None, None) => OCI_MANIFEST.to_owned(),
        };
        if media_type != OCI_MANIFEST && media_type != DOCKER_MANIFEST {
            return Err(refused(format!("media type {OCI_MANIFEST} or {DOCKER_MANIFEST}, not {media_type}")));
        }
        let descriptors = std::iter::once(manifest.config()).chain(manifest.layers());
        let blobs = descriptors.map(|descriptor| (descriptor.digest().to_string(), descriptor.size())).collect();
        Ok(Self { media_type, blobs })
    }
}

/// The digest of bytes, as registries write it.
pub fn digest(bytes: &[u8]) -> String {
    written(Sha256::new_with_prefix(bytes))
}

/// A finished hash as registries write it.
pub fn written(hash: Sha256) -> String {
    format!("sha256:{}", hex::encode(hash.finalize()))
}

/// The hexadecimal part of a digest, if it is one: safe as a file's name.
pub fn hexadecimal(digest: &str) -> Option<&str> {
    let hexadecimal = digest.strip_prefix("sha256:")?;
    let lower = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    (hexadecimal.len() == 64 && hexadecimal.bytes().all(lower)).then_some(hexadecimal)
}
