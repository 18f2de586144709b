//! From a registered version to the layers of its image: the model's files, the dependency layer that many models share,
//! the layer of the model server. The digests of layers that were made before are remembered, so that what has not
//! changed is neither made nor uploaded again.

pub mod dependency_layer;
pub mod layer_store;
pub mod model_description;
pub mod model_files;
pub mod model_layer;
pub mod server_layer;
pub mod tools;

/// The media type of every layer that this platform makes.
pub const LAYER_MEDIA_TYPE: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
/// Where the platform's part of an image lies.
pub const ROOT: &str = "/opt/serveml";

/// A builder's error as the platform's: the user's mistakes keep their words, the rest is ours.
pub fn image_error(error: crate::image::ImageError) -> shared::Error {
    if error.is_users() { shared::Error::bad_request(error.to_string()) } else { shared::Error::internal("building the image", error) }
}

/// Runs work that blocks (files, compression) where blocking is allowed.
///
/// # Errors
/// Those of the work; `Internal` when it panicked.
pub async fn blocking<T: Send + 'static>(work: impl FnOnce() -> shared::Result<T> + Send + 'static) -> shared::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(|error| shared::Error::internal("building the image", error))?
}
