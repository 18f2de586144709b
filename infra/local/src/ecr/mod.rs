//! The registry: Amazon ECR's API over one OCI image layout on disk for each repository.
//!
//! Any tool that reads OCI layouts can look into a repository (`skopeo inspect oci:<folder>:<tag>`). What a call has
//! answered is on disk: every file is written beside its place, flushed and renamed, so that a process that is killed
//! at any moment leaves either the old state or the new one. Unfinished uploads end with the process.

mod base_image;
mod document;
mod downloads;
mod errors;
mod garbage;
mod images;
mod layers;
mod repositories;
mod repository;
mod uploads;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures::future::BoxFuture;
use serde::de::DeserializeOwned;
use serde_json::Value;

pub use base_image::BaseImage;

use crate::account::random_hex;
use crate::aws_api::JsonService;
use crate::aws_error::AwsError;
use repository::Repository;

/// The registry. A clone is the same registry.
#[derive(Clone)]
pub struct Ecr {
    inner: Arc<Inner>,
}

struct Inner {
    /// The folder with a folder for each repository.
    folder: PathBuf,
    /// The address of the AWS APIs, for download URLs; without a slash at its end.
    url: String,
    region: String,
    /// What makes a download's address a secret; another one each time the registry is opened.
    token: String,
    repositories: Mutex<BTreeMap<String, Arc<Repository>>>,
}

impl Ecr {
    /// Opens the registry in a folder, which is made if it is missing. Uploads that were never completed are removed.
    ///
    /// `url` is the address at which this process answers [`crate::aws_api::Downloads`], for example
    /// `http://127.0.0.1:4566`; `region` stands in the repositories' addresses.
    ///
    /// # Errors
    /// When the folder cannot be read or written, or holds what no registry wrote.
    pub fn open(folder: &Path, url: &str, region: &str) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let folder = fs::canonicalize(folder)?;
        let mut repositories = BTreeMap::new();
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            if !entry.file_type()?.is_dir() {
                continue;
            }
            if entry.file_name().to_string_lossy().starts_with('.') {
                // Half made or half deleted when the process ended.
                fs::remove_dir_all(entry.path())?;
                continue;
            }
            let repository = Repository::open(entry.path())?;
            repositories.insert(repository.name().to_owned(), Arc::new(repository));
        }
        let inner = Inner {
            folder,
            url: url.trim_end_matches('/').to_owned(),
            region: region.to_owned(),
            token: random_hex(16),
            repositories: Mutex::new(repositories),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Answers one operation of ECR's API. It reads and writes files: call it where blocking is allowed.
    ///
    /// # Errors
    /// ECR's own, by name; `UnsupportedOperation` for what this registry does not have.
    pub fn handle(&self, operation: &str, body: Value) -> Result<Value, AwsError> {
        match operation {
            "DescribeRepositories" => self.describe_repositories(parse(body)?),
            "CreateRepository" => self.create_repository(parse(body)?),
            "DeleteRepository" => self.delete_repository(parse(body)?),
            "InitiateLayerUpload" => self.initiate_layer_upload(parse(body)?),
            "UploadLayerPart" => self.upload_layer_part(parse(body)?),
            "CompleteLayerUpload" => self.complete_layer_upload(parse(body)?),
            "BatchCheckLayerAvailability" => self.batch_check_layer_availability(parse(body)?),
            "GetDownloadUrlForLayer" => self.get_download_url_for_layer(parse(body)?),
            "PutImage" => self.put_image(parse(body)?),
            "BatchGetImage" => self.batch_get_image(parse(body)?),
            "DescribeImages" => self.describe_images(parse(body)?),
            "ListImages" => self.list_images(parse(body)?),
            "BatchDeleteImage" => self.batch_delete_image(parse(body)?),
            "GetAuthorizationToken" => Ok(self.get_authorization_token()),
            other => Err(AwsError::not_implemented("ecr", other)),
        }
    }

    fn repositories(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Repository>>> {
        // The map is whole at every moment: a panic elsewhere does not make it wrong.
        self.inner.repositories.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn repository(&self, name: &str) -> Result<Arc<Repository>, AwsError> {
        self.repositories().get(name).cloned().ok_or_else(|| errors::repository_not_found(name))
    }
}

impl JsonService for Ecr {
    fn handle(&self, operation: &str, body: Bytes) -> BoxFuture<'static, Result<Value, AwsError>> {
        let (registry, operation) = (self.clone(), operation.to_owned());
        Box::pin(async move {
            let handled = tokio::task::spawn_blocking(move || {
                let body = serde_json::from_slice(&body).map_err(|error| errors::invalid(format!("The request is not JSON: {error}")))?;
                Ecr::handle(&registry, &operation, body)
            })
            .await;
            handled.unwrap_or_else(|error| Err(AwsError::new(500, "ServerException", error.to_string())))
        })
    }
}

fn parse<T: DeserializeOwned>(body: Value) -> Result<T, AwsError> {
    serde_json::from_value(body).map_err(|error| errors::invalid(format!("The request is not valid: {error}")))
}

#[cfg(test)]
mod tests;
