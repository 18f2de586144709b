//! The repository of the models' images, through the registry's own API: blobs go up in parts, manifests are put and
//! read. Every call can be made twice.

use std::collections::HashSet;

use aws_sdk_ecr::Client;
use aws_sdk_ecr::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_ecr::primitives::Blob;
use aws_sdk_ecr::types::{ImageIdentifier, LayerAvailability};
use bytes::{Bytes, BytesMut};
use shared::{Error, Platform, Result, config};

/// The media types of manifests that this platform can read.
const MANIFEST_TYPES: [&str; 4] = [
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
];
/// How much of a blob is sent at once where the registry names no size, in bytes; it takes 5 to 20 MiB.
const PART_BYTES: usize = 10 * 1024 * 1024;
/// The registry answers for at most this many layers at once.
const AVAILABILITY_LIMIT: usize = 100;

/// One repository of the registry.
#[derive(Debug, Clone)]
pub struct Repository {
    client: Client,
    name: String,
}

/// A source of bytes, read piece by piece, so that no blob has to fit into memory.
pub trait Chunks {
    /// The next piece; `None` at the end.
    fn next(&mut self) -> impl Future<Output = Result<Option<Bytes>>> + Send;
}

impl Chunks for aws_sdk_s3::primitives::ByteStream {
    async fn next(&mut self) -> Result<Option<Bytes>> {
        self.next().await.transpose().map_err(|error| Error::internal("reading a layer", error))
    }
}

impl Chunks for reqwest::Response {
    async fn next(&mut self) -> Result<Option<Bytes>> {
        self.chunk().await.map_err(|error| Error::internal("downloading a blob", error))
    }
}

impl Chunks for Option<Bytes> {
    async fn next(&mut self) -> Result<Option<Bytes>> {
        Ok(self.take())
    }
}

fn failed<E, R>(doing: impl Into<String>, error: SdkError<E, R>) -> Error
where
    E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
    R: std::fmt::Debug + Send + Sync + 'static,
{
    Error::internal(doing, DisplayErrorContext(error).to_string())
}

impl Repository {
    /// The repository that the environment names.
    ///
    /// # Errors
    /// `Internal` when `REPOSITORY_NAME` is not set.
    pub fn of(platform: &Platform) -> Result<Self> {
        Ok(Self { client: platform.image_registry().clone(), name: platform.config.get(config::REPOSITORY_NAME)? })
    }

    /// The repository's address, to which `@sha256:…` is added.
    ///
    /// # Errors
    /// `Internal` when the registry does not answer.
    pub async fn uri(&self) -> Result<String> {
        let output = self.client.describe_repositories().repository_names(&self.name).send().await;
        let output = output.map_err(|error| failed("describing the image repository", error))?;
        let uri = output.repositories().first().and_then(|repository| repository.repository_uri());
        uri.map(str::to_owned).ok_or_else(|| Error::broken(format!("the repository {} has no address", self.name)))
    }

    /// Those of the digests that the repository holds.
    ///
    /// # Errors
    /// `Internal` when the registry does not answer.
    pub async fn present(&self, digests: &[String]) -> Result<HashSet<String>> {
        let mut present = HashSet::new();
        for digests in digests.chunks(AVAILABILITY_LIMIT) {
            let request = self.client.batch_check_layer_availability().repository_name(&self.name);
            let output = request.set_layer_digests(Some(digests.to_vec())).send().await;
            let output = output.map_err(|error| failed("asking which layers the repository holds", error))?;
            present.extend(output.layers().iter().filter_map(|layer| {
                let there = layer.layer_availability() == Some(&LayerAvailability::Available);
                layer.layer_digest().filter(|_| there).map(str::to_owned)
            }));
        }
        Ok(present)
    }

    /// Uploads a blob in parts. One that is there already is no error.
    ///
    /// # Errors
    /// `Internal` when the source or the registry fails, or the bytes are not those of the digest.
    pub async fn upload(&self, digest: &str, mut source: impl Chunks) -> Result<()> {
        let upload = self.client.initiate_layer_upload().repository_name(&self.name).send().await;
        let upload = upload.map_err(|error| failed(format!("starting the upload of {digest}"), error))?;
        let upload_id = upload.upload_id().ok_or_else(|| Error::broken("the registry gave an upload no id"))?;
        let part_bytes = upload.part_size().and_then(|size| usize::try_from(size).ok()).unwrap_or(PART_BYTES).min(PART_BYTES * 2);
        let mut first_byte = 0i64;
        let mut pending = BytesMut::new();
        loop {
            let chunk = source.next().await?;
            let ended = chunk.is_none();
            pending.extend_from_slice(&chunk.unwrap_or_default());
            while pending.len() >= part_bytes || (ended && !pending.is_empty()) {
                let part = pending.split_to(pending.len().min(part_bytes));
                let last_byte = first_byte + i64::try_from(part.len()).unwrap_or(i64::MAX) - 1;
                let request = self.client.upload_layer_part().repository_name(&self.name).upload_id(upload_id);
                let request = request.part_first_byte(first_byte).part_last_byte(last_byte).layer_part_blob(Blob::new(part));
                request.send().await.map_err(|error| failed(format!("uploading a part of {digest}"), error))?;
                first_byte = last_byte + 1;
            }
            if ended {
                break;
            }
        }
        let complete = self.client.complete_layer_upload().repository_name(&self.name).upload_id(upload_id).layer_digests(digest);
        match complete.send().await {
            Ok(_) => Ok(()),
            Err(error) if error.code() == Some("LayerAlreadyExistsException") => Ok(()),
            Err(error) => Err(failed(format!("completing the upload of {digest}"), error)),
        }
    }

    /// Puts a manifest under a tag. The same manifest under the same tag again is no error.
    ///
    /// # Errors
    /// `Internal` when the registry refuses it.
    pub async fn put_manifest(&self, manifest: &str, media_type: &str, digest: &str, tag: &str) -> Result<()> {
        let request = self.client.put_image().repository_name(&self.name).image_manifest(manifest);
        let request = request.image_manifest_media_type(media_type).image_digest(digest).image_tag(tag);
        match request.send().await {
            Ok(_) => Ok(()),
            Err(error) if error.code() == Some("ImageAlreadyExistsException") => Ok(()),
            Err(error) => Err(failed("putting the image's manifest", error)),
        }
    }

    /// The manifest under a tag; `None` where there is none.
    ///
    /// # Errors
    /// `Internal` when the registry does not answer.
    pub async fn manifest(&self, tag: &str) -> Result<Option<String>> {
        let request = self.client.batch_get_image().repository_name(&self.name);
        let request = request.image_ids(ImageIdentifier::builder().image_tag(tag).build());
        let output = request.set_accepted_media_types(Some(MANIFEST_TYPES.map(str::to_owned).to_vec())).send().await;
        let output = output.map_err(|error| failed(format!("reading the image {tag}"), error))?;
        Ok(output.images().first().and_then(|image| image.image_manifest()).map(str::to_owned))
    }

    /// A blob of at most `most` bytes, whole: an image's configuration.
    ///
    /// # Errors
    /// `Internal` when the registry does not answer or the blob is larger.
    pub async fn small_blob(&self, digest: &str, most: usize) -> Result<Bytes> {
        let request = self.client.get_download_url_for_layer().repository_name(&self.name).layer_digest(digest);
        let output = request.send().await.map_err(|error| failed(format!("reading {digest}"), error))?;
        let url = output.download_url().ok_or_else(|| Error::broken(format!("the registry gave no URL for {digest}")))?;
        let reading = |error| Error::internal(format!("reading {digest}"), error);
        let mut response = crate::http_client()?.get(url).send().await.and_then(reqwest::Response::error_for_status).map_err(reading)?;
        let mut body = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(reading)? {
            body.extend_from_slice(&chunk);
            if body.len() > most {
                return Err(Error::broken(format!("{digest} is larger than {most} bytes")));
            }
        }
        Ok(body.freeze())
    }
}
