//! Where container functions get their files from: the seam between Lambda and the registry.

use std::path::PathBuf;

use futures::future::BoxFuture;

/// An image, unpacked and ready to start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreparedImage {
    /// The image's URI with its digest.
    pub resolved_uri: String,
    /// The entry point's program.
    pub program: PathBuf,
    /// The rest of entry point and command.
    pub arguments: Vec<String>,
    /// The image's own variables.
    pub environment: Vec<(String, String)>,
    /// The folder it starts in.
    pub folder: PathBuf,
}

/// Something that has images: the registry of the cloud, or a stand-in for it in a test.
pub trait Images: Send + Sync + 'static {
    /// The URI with the digest that a tag means now (or the one named). The error says what is not there.
    fn resolve(&self, uri: &str) -> Result<String, String>;

    /// Unpacks an image, or finds it unpacked. The error says what was wrong with the image or its name.
    fn prepare(&self, uri: &str) -> BoxFuture<'static, Result<PreparedImage, String>>;
}
