//! Container images of deployed models: what the build hands to the push.

use serde::{Deserialize, Serialize};

/// A layer as the registry knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layer {
    /// The SHA-256 of the compressed layer, `sha256:…`.
    pub digest: String,
    /// The SHA-256 of the layer's tar, `sha256:…`.
    pub diff_id: String,
    /// The compressed size in bytes.
    pub size: u64,
    /// The media type.
    pub media_type: String,
}

/// An image that is built and not yet pushed: everything that the push needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImagePlan {
    /// The image configuration, as the exact text of which `config_digest` is the digest.
    pub config: String,
    /// The digest of the configuration, `sha256:…`.
    pub config_digest: String,
    /// The manifest, as the exact text of which `manifest_digest` is the digest.
    pub manifest: String,
    /// The digest of the manifest, `sha256:…`: the image's identity.
    pub manifest_digest: String,
    /// The manifest's media type.
    pub manifest_media_type: String,
    /// The layers that this platform made; the base's are in the repository already.
    pub layers: Vec<Layer>,
}
