//! The bucket: scripts, artifacts, image layers. Keys are made by the functions of [`keys`], never by hand.

use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use bytes::Bytes;

use crate::{Error, Result};

pub mod keys;

/// The objects of the platform's bucket.
#[derive(Debug, Clone)]
pub struct Objects {
    client: Client,
    bucket: String,
}

/// An object in a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectSummary {
    /// Its key.
    pub key: String,
    /// Its size in bytes.
    pub size: u64,
}

/// One level of a listing: what lies directly under a prefix.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    /// The objects directly under the prefix.
    pub objects: Vec<ObjectSummary>,
    /// The folders directly under the prefix, each with its slash at the end.
    pub folders: Vec<String>,
}

fn failed<E, R>(doing: String) -> impl FnOnce(SdkError<E, R>) -> Error
where
    E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
    R: std::fmt::Debug + Send + Sync + 'static,
{
    move |error| Error::internal(doing, DisplayErrorContext(error).to_string())
}

impl Objects {
    /// The objects of a bucket.
    pub fn new(client: Client, bucket: String) -> Self {
        Self { client, bucket }
    }

    /// The client and the bucket's name, for streaming uploads that this type has no call for.
    pub fn client(&self) -> (&Client, &str) {
        (&self.client, &self.bucket)
    }

    /// Writes an object whole, in place of one that may be there.
    ///
    /// # Errors
    /// `Internal` when S3 does not take it.
    pub async fn put(&self, key: &str, body: impl Into<Bytes>) -> Result<()> {
        let request = self.client.put_object().bucket(&self.bucket).key(key).body(ByteStream::from(body.into()));
        request.send().await.map_err(failed(format!("writing s3://{}/{key}", self.bucket)))?;
        Ok(())
    }

    /// The whole of an object; `None` where there is none.
    ///
    /// # Errors
    /// `Internal` when S3 does not answer.
    pub async fn get(&self, key: &str) -> Result<Option<Bytes>> {
        let Some(stream) = self.stream(key).await? else { return Ok(None) };
        let body = stream.collect().await.map_err(|error| Error::internal(format!("reading {key}"), error))?;
        Ok(Some(body.into_bytes()))
    }

    /// An object's bytes as they come; `None` where there is none.
    ///
    /// # Errors
    /// `Internal` when S3 does not answer.
    pub async fn stream(&self, key: &str) -> Result<Option<ByteStream>> {
        match self.client.get_object().bucket(&self.bucket).key(key).send().await {
            Ok(output) => Ok(Some(output.body)),
            Err(SdkError::ServiceError(error)) if error.err().is_no_such_key() => Ok(None),
            Err(error) => Err(failed(format!("reading s3://{}/{key}", self.bucket))(error)),
        }
    }

    /// The bytes of an object from `start` to before `end`.
    ///
    /// # Errors
    /// `Internal` when S3 does not answer or there is no such object.
    pub async fn range(&self, key: &str, start: u64, end: u64) -> Result<Bytes> {
        let range = format!("bytes={start}-{}", end.saturating_sub(1));
        let output = self.client.get_object().bucket(&self.bucket).key(key).range(range).send().await;
        let output = output.map_err(failed(format!("reading a part of s3://{}/{key}", self.bucket)))?;
        let body = output.body.collect().await.map_err(|error| Error::internal(format!("reading {key}"), error))?;
        Ok(body.into_bytes())
    }

    /// Copies an object within the bucket; `false` where there is none.
    ///
    /// # Errors
    /// `Internal` when S3 does not copy it.
    pub async fn copy(&self, from: &str, to: &str) -> Result<bool> {
        let request = self.client.copy_object().bucket(&self.bucket).key(to).copy_source(format!("{}/{from}", self.bucket));
        match request.send().await {
            Ok(_) => Ok(true),
            Err(error) if error.code() == Some("NoSuchKey") => Ok(false),
            Err(error) => Err(failed(format!("copying s3://{}/{from}", self.bucket))(error)),
        }
    }

    /// The size of an object in bytes; `None` where there is none.
    ///
    /// # Errors
    /// `Internal` when S3 does not answer.
    pub async fn size(&self, key: &str) -> Result<Option<u64>> {
        match self.client.head_object().bucket(&self.bucket).key(key).send().await {
            Ok(output) => Ok(Some(output.content_length().unwrap_or_default().unsigned_abs())),
            Err(SdkError::ServiceError(error)) if error.err().is_not_found() => Ok(None),
            Err(error) => Err(failed(format!("reading the head of s3://{}/{key}", self.bucket))(error)),
        }
    }

    /// One level under a prefix that ends with a slash.
    ///
    /// # Errors
    /// `Internal` when S3 does not answer.
    pub async fn list_level(&self, prefix: &str) -> Result<Listing> {
        self.list_with(prefix, Some("/")).await
    }

    /// Every object under a prefix.
    ///
    /// # Errors
    /// `Internal` when S3 does not answer.
    pub async fn list_all(&self, prefix: &str) -> Result<Vec<ObjectSummary>> {
        Ok(self.list_with(prefix, None).await?.objects)
    }

    async fn list_with(&self, prefix: &str, delimiter: Option<&str>) -> Result<Listing> {
        let mut listing = Listing::default();
        let mut pages = self
            .client
            .list_objects_v2()
            .bucket(&self.bucket)
            .prefix(prefix)
            .set_delimiter(delimiter.map(str::to_owned))
            .into_paginator()
            .send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(failed(format!("listing s3://{}/{prefix}", self.bucket)))?;
            listing.objects.extend(page.contents().iter().filter_map(|object| {
                Some(ObjectSummary { key: object.key()?.to_owned(), size: object.size().unwrap_or_default().unsigned_abs() })
            }));
            listing.folders.extend(page.common_prefixes().iter().filter_map(|folder| folder.prefix().map(str::to_owned)));
        }
        Ok(listing)
    }

    /// That the bucket answers at all, for health checks.
    ///
    /// # Errors
    /// `Internal` when it does not.
    pub async fn check(&self) -> Result<()> {
        let request = self.client.list_objects_v2().bucket(&self.bucket).prefix("health/").max_keys(1);
        request.send().await.map(drop).map_err(failed(format!("listing s3://{}", self.bucket)))
    }

    /// Removes an object; there being none is no error.
    ///
    /// # Errors
    /// `Internal` when S3 does not answer.
    pub async fn delete(&self, key: &str) -> Result<()> {
        let request = self.client.delete_object().bucket(&self.bucket).key(key);
        request.send().await.map_err(failed(format!("deleting s3://{}/{key}", self.bucket)))?;
        Ok(())
    }

    /// A URL with which anyone may read the object until it expires.
    ///
    /// # Errors
    /// `Internal` when it cannot be signed.
    pub async fn presign_get(&self, key: &str, valid: Duration) -> Result<String> {
        let request = self.client.get_object().bucket(&self.bucket).key(key).presigned(presigning(valid)?).await;
        Ok(request.map_err(failed(format!("signing a URL for {key}")))?.uri().to_owned())
    }

    /// A URL with which anyone may read the object until it expires, as a download of that type and disposition (the value of
    /// the header `Content-Disposition`).
    ///
    /// # Errors
    /// `Internal` when it cannot be signed.
    pub async fn presign_download(&self, key: &str, content_type: &str, disposition: &str, valid: Duration) -> Result<String> {
        let request = self.client.get_object().bucket(&self.bucket).key(key);
        let request = request.response_content_type(content_type).response_content_disposition(disposition);
        let request = request.presigned(presigning(valid)?).await;
        Ok(request.map_err(failed(format!("signing a URL for {key}")))?.uri().to_owned())
    }

    /// A URL with which anyone may write the object until it expires.
    ///
    /// # Errors
    /// `Internal` when it cannot be signed.
    pub async fn presign_put(&self, key: &str, valid: Duration) -> Result<String> {
        let request = self.client.put_object().bucket(&self.bucket).key(key).presigned(presigning(valid)?).await;
        Ok(request.map_err(failed(format!("signing a URL for {key}")))?.uri().to_owned())
    }

    /// A URL with which anyone may write an object of exactly that many bytes until it expires.
    ///
    /// # Errors
    /// `Internal` when it cannot be signed.
    pub async fn presign_sized_put(&self, key: &str, size: u64, valid: Duration) -> Result<String> {
        let size = i64::try_from(size).map_err(|error| Error::internal("signing a URL", error))?;
        let request = self.client.put_object().bucket(&self.bucket).key(key).content_length(size).presigned(presigning(valid)?).await;
        Ok(request.map_err(failed(format!("signing a URL for {key}")))?.uri().to_owned())
    }

    /// Starts a multipart upload; returns its id.
    ///
    /// # Errors
    /// `Internal` when S3 does not take it.
    pub async fn start_multipart(&self, key: &str) -> Result<String> {
        let output = self.client.create_multipart_upload().bucket(&self.bucket).key(key).send().await;
        let output = output.map_err(failed(format!("starting an upload of {key}")))?;
        output.upload_id().map(str::to_owned).ok_or_else(|| Error::broken(format!("S3 gave the upload of {key} no id")))
    }

    /// A URL with which anyone may write part `number` (from 1) of a multipart upload until it expires.
    ///
    /// # Errors
    /// `Internal` when it cannot be signed.
    pub async fn presign_part(&self, key: &str, upload_id: &str, number: i32, valid: Duration) -> Result<String> {
        let request = self.client.upload_part().bucket(&self.bucket).key(key).upload_id(upload_id).part_number(number);
        let request = request.presigned(presigning(valid)?).await;
        Ok(request.map_err(failed(format!("signing a URL for part {number} of {key}")))?.uri().to_owned())
    }

    /// Writes part `number` (from 1) of a multipart upload; returns its entity tag.
    ///
    /// # Errors
    /// `Internal` when S3 does not take it.
    pub async fn put_part(&self, key: &str, upload_id: &str, number: i32, body: Bytes) -> Result<String> {
        let request = self.client.upload_part().bucket(&self.bucket).key(key).upload_id(upload_id).part_number(number);
        let output = request.body(ByteStream::from(body)).send().await;
        let output = output.map_err(failed(format!("writing part {number} of {key}")))?;
        output.e_tag().map(str::to_owned).ok_or_else(|| Error::broken(format!("S3 gave part {number} of {key} no tag")))
    }

    /// Completes a multipart upload from its parts' numbers and entity tags.
    ///
    /// # Errors
    /// `BadRequest` when the upload or a part is not as named; `Internal` when S3 does not answer.
    pub async fn complete_multipart(&self, key: &str, upload_id: &str, parts: Vec<(i32, String)>) -> Result<()> {
        let parts = parts.into_iter().map(|(number, tag)| CompletedPart::builder().part_number(number).e_tag(tag).build());
        let upload = CompletedMultipartUpload::builder().set_parts(Some(parts.collect())).build();
        let request = self.client.complete_multipart_upload().bucket(&self.bucket).key(key).upload_id(upload_id);
        match request.multipart_upload(upload).send().await {
            Ok(_) => Ok(()),
            Err(error) => match error.code() {
                Some(code @ ("NoSuchUpload" | "InvalidPart" | "InvalidPartOrder" | "EntityTooSmall" | "InvalidRequest")) => {
                    Err(Error::bad_request(format!("the upload of {key} cannot be completed: {code}")))
                }
                _ => Err(failed(format!("completing the upload of {key}"))(error)),
            },
        }
    }

    /// Ends a multipart upload and frees its parts; there being none is no error.
    ///
    /// # Errors
    /// `Internal` when S3 does not answer.
    pub async fn abort_multipart(&self, key: &str, upload_id: &str) -> Result<()> {
        let request = self.client.abort_multipart_upload().bucket(&self.bucket).key(key).upload_id(upload_id);
        match request.send().await {
            Ok(_) => Ok(()),
            Err(error) if error.code() == Some("NoSuchUpload") => Ok(()),
            Err(error) => Err(failed(format!("aborting the upload of {key}"))(error)),
        }
    }
}

fn presigning(valid: Duration) -> Result<PresigningConfig> {
    PresigningConfig::expires_in(valid).map_err(|error| Error::internal("signing a URL", error))
}
