//! The image over which models' images are built: the one under the tag `base` of the repository. Where there is none
//! yet, the public image that the template names is copied there, once, with what the build needs to know of it.

use std::collections::BTreeMap;

use reqwest::header::{ACCEPT, AUTHORIZATION, WWW_AUTHENTICATE};
use serde::Deserialize;
use shared::{Error, Platform, Result, config};

use crate::image::digest;
use crate::image::manifest::{BaseDocument, BaseImage, ImageSpecification, MANIFEST_MEDIA_TYPE, build, read_base};
use crate::repository::Repository;

/// The tag of the base image in the repository.
pub const TAG: &str = "base";
/// The environment variable of the base image that holds the path of its Python.
pub const PYTHON_VARIABLE: &str = "SERVEML_PYTHON";
/// The label of the base image that holds its Python's version, for example `3.12`.
pub const PYTHON_VERSION_LABEL: &str = "serveml.python-version";
/// The label of a copied base image that names what it was copied from.
const SOURCE_LABEL: &str = "serveml.base-image";
const ARCHITECTURE: &str = "amd64";
const LARGEST_DOCUMENT: usize = 4 * 1024 * 1024;

/// The base image with what the build asks of it.
#[derive(Debug, Clone)]
pub struct Base {
    /// The image.
    pub image: BaseImage,
    /// The version of its Python, for example `3.12`.
    pub python_version: String,
}

/// The base image; copied into the repository first where it is not there or the template names another one now.
///
/// # Errors
/// `Internal` when the repository or the public registry fails, or the image is none that models can be put upon.
pub async fn ensure(platform: &Platform, repository: &Repository) -> Result<Base> {
    let source = platform.config.get(config::BASE_IMAGE)?;
    if let Some(manifest) = repository.manifest(TAG).await? {
        let base = read(repository, &manifest).await?;
        // A base that somebody put there by hand has no such label and is taken as it is.
        if base.image.label(SOURCE_LABEL).is_none_or(|copied| copied == source) {
            return Ok(base);
        }
    }
    let manifest = copy(repository, &source).await?;
    read(repository, &manifest).await
}

async fn read(repository: &Repository, manifest: &str) -> Result<Base> {
    let BaseDocument::Image { configuration } = read_base(manifest.as_bytes(), ARCHITECTURE).map_err(unusable)? else {
        return Err(Error::broken(format!("the image under the tag {TAG} is a list of images; put the one for {ARCHITECTURE} there")));
    };
    let configuration = repository.small_blob(&configuration, LARGEST_DOCUMENT).await?;
    let image = BaseImage::read(manifest.as_bytes(), &configuration).map_err(unusable)?;
    let python_version = image.label(PYTHON_VERSION_LABEL).map(str::to_owned);
    let python_version = python_version.ok_or_else(|| Error::broken(format!("the base image has no label {PYTHON_VERSION_LABEL}")))?;
    if image.environment_variable(PYTHON_VARIABLE).is_none() {
        return Err(Error::broken(format!("the base image does not set {PYTHON_VARIABLE}")));
    }
    Ok(Base { image, python_version })
}

fn unusable(error: crate::image::ImageError) -> Error {
    Error::internal("reading the base image", error)
}

/// Copies a public image into the repository; returns the manifest that is put under the tag.
async fn copy(repository: &Repository, source: &str) -> Result<String> {
    tracing::info!(source, "copying the base image into the repository");
    let remote = Remote::open(source).await?;
    let mut manifest = remote.manifest(&remote.reference).await?;
    let mut read = read_base(manifest.as_bytes(), ARCHITECTURE).map_err(unusable)?;
    if let BaseDocument::Index { manifest: chosen } = &read {
        manifest = remote.manifest(chosen).await?;
        read = read_base(manifest.as_bytes(), ARCHITECTURE).map_err(unusable)?;
    }
    let BaseDocument::Image { configuration } = read else {
        return Err(Error::broken(format!("{source} is a list of lists of images")));
    };
    let configuration = remote.small_blob(&configuration).await?;
    let image = BaseImage::read(manifest.as_bytes(), &configuration).map_err(unusable)?;

    let (python, python_version) = python_of(source)?;
    let specification = ImageSpecification {
        created: "1970-01-01T00:00:00Z".to_owned(),
        layers: Vec::new(),
        entrypoint: vec![python.clone()],
        environment: BTreeMap::from([(PYTHON_VARIABLE.to_owned(), python)]),
        labels: BTreeMap::from([(PYTHON_VERSION_LABEL.to_owned(), python_version), (SOURCE_LABEL.to_owned(), source.to_owned())]),
        working_folder: "/".to_owned(),
    };
    let copied = build(&image, &specification).map_err(unusable)?;
    let present = repository.present(&copied.layer_digests).await?;
    for digest in copied.layer_digests.iter().filter(|digest| !present.contains(*digest)) {
        repository.upload(digest, remote.blob(digest).await?).await?;
    }
    repository.upload(&copied.configuration_digest, Some(copied.configuration.into())).await?;
    let text = String::from_utf8(copied.manifest).map_err(|error| Error::internal("writing the base image's manifest", error))?;
    repository.put_manifest(&text, MANIFEST_MEDIA_TYPE, &copied.manifest_digest, TAG).await?;
    Ok(text)
}

/// The path and version of the Python in a public image, told by its name: AWS's images keep it in `/var/lang`, the
/// official ones in `/usr/local`.
fn python_of(source: &str) -> Result<(String, String)> {
    let tag = source.rsplit_once(':').map_or("", |(_, tag)| tag);
    let version: Vec<&str> = tag.split(['.', '-']).take(2).collect();
    match version.as_slice() {
        ["3", minor] if !minor.is_empty() && minor.bytes().all(|digit| digit.is_ascii_digit()) => {
            let folder = if source.contains("/lambda/python") { "/var/lang/bin" } else { "/usr/local/bin" };
            Ok((format!("{folder}/python3.{minor}"), format!("3.{minor}")))
        }
        _ => Err(Error::broken(format!(
            "the base image {source:?} must be a Python image whose tag begins with its version, for example public.ecr.aws/lambda/python:3.12"
        ))),
    }
}

/// A public image in somebody's registry, over the distribution API with an anonymous token.
struct Remote {
    client: reqwest::Client,
    base: String,
    reference: String,
    token: Option<String>,
}

#[derive(Deserialize)]
struct TokenAnswer {
    token: Option<String>,
    access_token: Option<String>,
}

impl Remote {
    async fn open(source: &str) -> Result<Self> {
        let (registry, rest) = source.split_once('/').unwrap_or_default();
        let (name, reference) = rest.rsplit_once(':').unwrap_or((rest, "latest"));
        if !registry.contains('.') || name.is_empty() {
            return Err(Error::broken(format!("{source:?} is not <registry>/<name>:<tag>")));
        }
        let mut remote = Self {
            client: crate::http_client()?,
            base: format!("https://{registry}/v2/{name}"),
            reference: reference.to_owned(),
            token: None,
        };
        let probe = remote.client.get(format!("{}/manifests/{reference}", remote.base)).send().await.map_err(unreachable)?;
        if let Some(challenge) = probe.headers().get(WWW_AUTHENTICATE).and_then(|value| value.to_str().ok()) {
            let field =
                |name: &str| challenge.split([',', ' ']).find_map(|part| part.strip_prefix(name)?.strip_prefix("=\"")?.strip_suffix('"'));
            let realm =
                field("realm").ok_or_else(|| Error::broken(format!("{registry} asks for credentials in a way that is not known")))?;
            let service = field("service").unwrap_or(registry);
            let request = remote.client.get(format!("{realm}?service={service}&scope=repository:{name}:pull"));
            let answer: TokenAnswer = request.send().await.map_err(unreachable)?.json().await.map_err(unreachable)?;
            remote.token = answer.token.or(answer.access_token);
        }
        Ok(remote)
    }

    async fn get(&self, path: &str, accept: &str) -> Result<reqwest::Response> {
        let mut request = self.client.get(format!("{}/{path}", self.base)).header(ACCEPT, accept);
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        request.send().await.and_then(reqwest::Response::error_for_status).map_err(unreachable)
    }

    async fn manifest(&self, reference: &str) -> Result<String> {
        let accept = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, \
                      application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json";
        self.get(&format!("manifests/{reference}"), accept).await?.text().await.map_err(unreachable)
    }

    async fn blob(&self, digest: &str) -> Result<reqwest::Response> {
        self.get(&format!("blobs/{digest}"), "*/*").await
    }

    async fn small_blob(&self, wanted: &str) -> Result<Vec<u8>> {
        let body = self.blob(wanted).await?.bytes().await.map_err(unreachable)?;
        if body.len() > LARGEST_DOCUMENT || digest::sha256(&body) != wanted {
            return Err(Error::broken(format!("the registry sent something else than {wanted}")));
        }
        Ok(body.into())
    }
}

fn unreachable(error: reqwest::Error) -> Error {
    Error::internal("reading the base image from its registry", error)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::python_of;

    #[test]
    fn the_python_of_an_image_is_told_by_its_name() {
        let of = |source: &str| python_of(source).map(|(path, version)| format!("{path} {version}")).unwrap_or_default();
        assert_eq!(of("public.ecr.aws/lambda/python:3.12"), "/var/lang/bin/python3.12 3.12");
        assert_eq!(of("public.ecr.aws/docker/library/python:3.13-slim"), "/usr/local/bin/python3.13 3.13");
        for bad in ["public.ecr.aws/lambda/python", "public.ecr.aws/lambda/python:latest", "x:3.", ""] {
            assert!(python_of(bad).is_err(), "{bad}");
        }
    }
}
