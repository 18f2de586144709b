//! Putting a base image into a repository: one tiny layer and a configuration, for images whose real base is this
//! machine itself.

use std::collections::BTreeMap;
use std::io::Write;

use flate2::{Compression, GzBuilder};
use serde_json::{Value, json};

use super::Ecr;
use super::document::{self, OCI_MANIFEST};
use super::errors::failed;
use crate::aws_error::AwsError;

/// What a base image says.
#[derive(Debug, Clone)]
pub struct BaseImage {
    /// The tag under which it is put.
    pub tag: String,
    /// Its environment variables.
    pub environment: BTreeMap<String, String>,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its only file, relative to the root, and the file's text.
    pub file: (String, String),
}

impl Ecr {
    /// Puts a base image under its tag, for this machine's architecture. One that says the same is left as it is; gives
    /// the image's digest.
    ///
    /// # Errors
    /// `RepositoryNotFoundException`, `ServerException`.
    pub fn seed_base_image(&self, repository: &str, image: &BaseImage) -> Result<String, AwsError> {
        let found = self.repository(repository)?;
        let storing = "storing the base image";
        let archive = archive(&image.file.0, &image.file.1).map_err(failed(storing))?;
        let mut gzip = GzBuilder::new().mtime(0).write(Vec::new(), Compression::new(6));
        gzip.write_all(&archive).map_err(failed(storing))?;
        let layer = gzip.finish().map_err(failed(storing))?;
        let variables: Vec<String> = image.environment.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let configuration = json!({
            "architecture": architecture(),
            "config": { "Env": variables, "Labels": image.labels, "WorkingDir": "/" },
            "created": "1980-01-01T00:00:00Z",
            "history": [{ "created": "1980-01-01T00:00:00Z", "created_by": "this machine" }],
            "os": "linux",
            "rootfs": { "type": "layers", "diff_ids": [document::digest(&archive)] },
        });
        let configuration = configuration.to_string().into_bytes();
        let descriptor =
            |media_type: &str, digest: String, bytes: &[u8]| json!({ "mediaType": media_type, "digest": digest, "size": bytes.len() });
        // The blobs are stored under the images' lock no more than `PutImage` checks them: they are new, hence spared.
        let configuration_digest = found.store(&configuration).map_err(failed(storing))?;
        let layer_digest = found.store(&layer).map_err(failed(storing))?;
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": descriptor("application/vnd.oci.image.config.v1+json", configuration_digest, &configuration),
            "layers": [descriptor("application/vnd.oci.image.layer.v1.tar+gzip", layer_digest, &layer)],
        });
        self.put_base(repository, &image.tag, manifest)
    }

    fn put_base(&self, repository: &str, tag: &str, manifest: Value) -> Result<String, AwsError> {
        let manifest = manifest.to_string();
        let digest = document::digest(manifest.as_bytes());
        let request = json!({ "repositoryName": repository, "imageManifest": manifest, "imageTag": tag });
        match self.handle("PutImage", request) {
            Err(error) if error.code == "ImageAlreadyExistsException" => Ok(digest),
            other => other.map(|_| digest),
        }
    }
}

fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "aarch64" => "arm64",
        _ => "amd64",
    }
}

fn archive(path: &str, text: &str) -> std::io::Result<Vec<u8>> {
    let mut builder = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_ustar();
    header.set_size(text.len() as u64);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(315_532_800);
    builder.append_data(&mut header, path, text.as_bytes())?;
    builder.into_inner()
}
