//! S3's operations over the index and the files.

use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use s3s::checksum::ChecksumHasher;
use s3s::crypto::{Checksum as _, Md5};
use s3s::dto::*;
use s3s::{S3, S3Request, S3Response, S3Result, TrailingHeaders, s3_error};

use super::access;
use super::buckets::{Buckets, Removal};
use super::files::{Files, Written};
use super::index::{Attributes, Condition, Index, Listing, Part as StoredPart, Stored, Upload};

/// The smallest part but the last of an upload: 5 MB.
const SMALLEST_PART: u64 = 5 * 1024 * 1024;
/// The most keys in a page of a list.
const PAGE: i32 = 1000;

/// S3 over one folder.
#[derive(Debug)]
pub struct Operations {
    pub(super) buckets: Buckets,
    pub(super) index: Index,
    pub(super) files: Files,
}

/// The checksums that a request gives for its body, by their header's last part.
#[derive(Debug, Default)]
struct Given {
    md5: Option<String>,
    algorithm: Option<String>,
    checksums: Vec<(&'static str, String)>,
}

const CHECKSUMS: [&str; 5] = ["crc32", "crc32c", "sha1", "sha256", "crc64nvme"];

impl Operations {
    fn bucket(&self, name: &str) -> S3Result<()> {
        if self.buckets.has(name) { Ok(()) } else { Err(s3_error!(NoSuchBucket)) }
    }

    async fn object(&self, bucket: &str, key: &str) -> S3Result<Stored> {
        self.bucket(bucket)?;
        let found = self.index.get(bucket, key).await.map_err(internal)?;
        found.ok_or_else(|| s3_error!(NoSuchKey, "The specified key does not exist."))
    }

    /// Writes a body and checks what the request says about it; nothing of it is to be seen before that.
    async fn receive(
        &self,
        body: Option<StreamingBlob>,
        given: Given,
        trailers: Option<TrailingHeaders>,
        length: Option<i64>,
    ) -> S3Result<(Written, Vec<(&'static str, String)>)> {
        let body = body.ok_or_else(|| s3_error!(IncompleteBody))?;
        let mut wanted: Vec<&str> = given.checksums.iter().map(|(name, _)| *name).collect();
        let algorithm = given.algorithm.map(|algorithm| algorithm.to_lowercase());
        wanted.extend(CHECKSUMS.iter().filter(|name| algorithm.as_deref() == Some(name)));
        let mut hasher = ChecksumHasher::default();
        for name in wanted {
            match name {
                "crc32" => hasher.crc32 = Some(Default::default()),
                "crc32c" => hasher.crc32c = Some(Default::default()),
                "sha1" => hasher.sha1 = Some(Default::default()),
                "sha256" => hasher.sha256 = Some(Default::default()),
                _ => hasher.crc64nvme = Some(Default::default()),
            }
        }
        let written = self.files.write(body, hasher).await.map_err(|error| {
            // The client went away, or its signature of a chunk was wrong.
            s3_error!(IncompleteBody, "The body did not arrive whole: {error}")
        })?;
        if length.is_some_and(|length| u64::try_from(length).ok() != Some(written.size())) {
            return Err(s3_error!(IncompleteBody));
        }
        if given.md5.is_some_and(|md5| STANDARD.decode(md5).ok().as_deref() != Some(&written.md5[..])) {
            return Err(s3_error!(BadDigest, "The Content-MD5 you specified did not match what we received."));
        }
        let mut expected = given.checksums;
        if let Some(headers) = trailers.and_then(|trailers| trailers.take()) {
            for name in CHECKSUMS {
                let value = headers.get(format!("x-amz-checksum-{name}")).and_then(|value| value.to_str().ok());
                expected.extend(value.map(|value| (name, value.to_owned())));
            }
        }
        let computed = list_checksums(&written.checksums);
        for (name, value) in &expected {
            if computed.iter().any(|(other, computed)| other == name && computed != value) {
                return Err(s3_error!(BadDigest, "The {name} you specified did not match the calculated checksum."));
            }
        }
        Ok((written, computed))
    }
}

#[async_trait::async_trait]
impl S3 for Operations {
    async fn create_bucket(&self, req: S3Request<CreateBucketInput>) -> S3Result<S3Response<CreateBucketOutput>> {
        let name = req.input.bucket;
        if !is_bucket_name(&name) {
            return Err(s3_error!(InvalidBucketName, "A bucket's name has 3 to 63 small letters, digits, dots and hyphens."));
        }
        if !self.buckets.make(&self.index, &name).await.map_err(internal)? {
            return Err(s3_error!(BucketAlreadyOwnedByYou));
        }
        Ok(S3Response::new(CreateBucketOutput { location: Some(format!("/{name}")) }))
    }

    async fn delete_bucket(&self, req: S3Request<DeleteBucketInput>) -> S3Result<S3Response<DeleteBucketOutput>> {
        self.bucket(&req.input.bucket)?;
        match self.buckets.remove(&self.index, &req.input.bucket).await.map_err(internal)? {
            Removal::Removed => Ok(S3Response::new(DeleteBucketOutput::default())),
            Removal::NotEmpty => Err(s3_error!(BucketNotEmpty)),
            Removal::Declared => Err(s3_error!(AccessDenied, "The bucket belongs to the template.")),
        }
    }

    async fn head_bucket(&self, req: S3Request<HeadBucketInput>) -> S3Result<S3Response<HeadBucketOutput>> {
        self.bucket(&req.input.bucket)?;
        Ok(S3Response::new(HeadBucketOutput::default()))
    }

    async fn get_bucket_location(&self, req: S3Request<GetBucketLocationInput>) -> S3Result<S3Response<GetBucketLocationOutput>> {
        self.bucket(&req.input.bucket)?;
        Ok(S3Response::new(GetBucketLocationOutput::default()))
    }

    async fn list_buckets(&self, _: S3Request<ListBucketsInput>) -> S3Result<S3Response<ListBucketsOutput>> {
        let buckets = self.buckets.names().into_iter().map(|name| Bucket { name: Some(name), ..Default::default() }).collect();
        Ok(S3Response::new(ListBucketsOutput { buckets: Some(buckets), ..Default::default() }))
    }

    async fn put_object(&self, req: S3Request<PutObjectInput>) -> S3Result<S3Response<PutObjectOutput>> {
        let input = req.input;
        self.bucket(&input.bucket)?;
        let given = Given {
            md5: input.content_md5,
            algorithm: input.checksum_algorithm.map(|algorithm| algorithm.as_str().to_owned()),
            checksums: present([
                ("crc32", input.checksum_crc32),
                ("crc32c", input.checksum_crc32c),
                ("sha1", input.checksum_sha1),
                ("sha256", input.checksum_sha256),
                ("crc64nvme", input.checksum_crc64nvme),
            ]),
        };
        let condition = condition(input.if_match.as_ref(), input.if_none_match.as_ref())?;
        let (written, computed) = self.receive(input.body, given, req.trailing_headers, input.content_length).await?;
        let tag = hex::encode(written.md5);
        let checksum = checksum(&computed);
        let attributes = Attributes {
            content_type: input.content_type,
            content_encoding: input.content_encoding,
            content_disposition: input.content_disposition,
            content_language: input.content_language,
            cache_control: input.cache_control,
            metadata: input.metadata.unwrap_or_default().into_iter().collect(),
            checksums: computed.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        };
        let size = written.size();
        let piece = written.keep();
        let object = Stored { pieces: vec![piece.clone()], size, tag: tag.clone(), modified: now(), attributes };
        let freed = self.index.put(&input.bucket, &input.key, object, condition).await.map_err(internal)?;
        let Some(freed) = freed else {
            self.files.remove(vec![piece]).await;
            return Err(precondition_failed());
        };
        self.files.remove(freed).await;
        Ok(S3Response::new(PutObjectOutput {
            e_tag: Some(ETag::Strong(tag)),
            checksum_crc32: checksum.checksum_crc32,
            checksum_crc32c: checksum.checksum_crc32c,
            checksum_sha1: checksum.checksum_sha1,
            checksum_sha256: checksum.checksum_sha256,
            checksum_crc64nvme: checksum.checksum_crc64nvme,
            ..Default::default()
        }))
    }

    async fn get_object(&self, req: S3Request<GetObjectInput>) -> S3Result<S3Response<GetObjectOutput>> {
        let input = req.input;
        let object = self.object(&input.bucket, &input.key).await;
        let object = object.map_err(|error| access::missing(error, &req.extensions))?;
        check_read(&object, input.if_match.as_ref(), input.if_none_match.as_ref())?;
        let (range, content_range) = match input.range {
            None => (0..object.size, None),
            Some(range) => {
                let range = range.check(object.size)?;
                let text = format!("bytes {}-{}/{}", range.start, range.end - 1, object.size);
                (range, Some(text))
            }
        };
        let whole = content_range.is_none() && input.checksum_mode.is_some();
        let checksum = if whole { stored_checksum(&object.attributes) } else { Checksum::default() };
        let length = i64::try_from(range.end - range.start).map_err(|error| s3_error!(error, InternalError))?;
        let attributes = object.attributes;
        Ok(S3Response::new(GetObjectOutput {
            body: Some(StreamingBlob::wrap(self.files.read(&object.pieces, range))),
            content_length: Some(length),
            content_range,
            accept_ranges: Some("bytes".into()),
            last_modified: Some(timestamp(object.modified)),
            e_tag: Some(ETag::Strong(object.tag)),
            content_type: Some(attributes.content_type.unwrap_or_else(|| "binary/octet-stream".into())),
            content_encoding: attributes.content_encoding,
            content_disposition: attributes.content_disposition,
            content_language: attributes.content_language,
            cache_control: attributes.cache_control,
            metadata: Some(attributes.metadata.into_iter().collect()),
            checksum_crc32: checksum.checksum_crc32,
            checksum_crc32c: checksum.checksum_crc32c,
            checksum_sha1: checksum.checksum_sha1,
            checksum_sha256: checksum.checksum_sha256,
            checksum_crc64nvme: checksum.checksum_crc64nvme,
            ..Default::default()
        }))
    }

    async fn head_object(&self, req: S3Request<HeadObjectInput>) -> S3Result<S3Response<HeadObjectOutput>> {
        let input = req.input;
        let object = self.object(&input.bucket, &input.key).await;
        let object = object.map_err(|error| access::missing(error, &req.extensions))?;
        check_read(&object, input.if_match.as_ref(), input.if_none_match.as_ref())?;
        let checksum = if input.checksum_mode.is_some() { stored_checksum(&object.attributes) } else { Checksum::default() };
        let attributes = object.attributes;
        Ok(S3Response::new(HeadObjectOutput {
            content_length: i64::try_from(object.size).ok(),
            accept_ranges: Some("bytes".into()),
            last_modified: Some(timestamp(object.modified)),
            e_tag: Some(ETag::Strong(object.tag)),
            content_type: Some(attributes.content_type.unwrap_or_else(|| "binary/octet-stream".into())),
            content_encoding: attributes.content_encoding,
            content_disposition: attributes.content_disposition,
            content_language: attributes.content_language,
            cache_control: attributes.cache_control,
            metadata: Some(attributes.metadata.into_iter().collect()),
            checksum_crc32: checksum.checksum_crc32,
            checksum_crc32c: checksum.checksum_crc32c,
            checksum_sha1: checksum.checksum_sha1,
            checksum_sha256: checksum.checksum_sha256,
            checksum_crc64nvme: checksum.checksum_crc64nvme,
            ..Default::default()
        }))
    }

    async fn delete_object(&self, req: S3Request<DeleteObjectInput>) -> S3Result<S3Response<DeleteObjectOutput>> {
        self.bucket(&req.input.bucket)?;
        let freed = self.index.delete(&req.input.bucket, vec![req.input.key]).await.map_err(internal)?;
        self.files.remove(freed).await;
        Ok(S3Response::new(DeleteObjectOutput::default()))
    }

    async fn delete_objects(&self, req: S3Request<DeleteObjectsInput>) -> S3Result<S3Response<DeleteObjectsOutput>> {
        let input = req.input;
        self.bucket(&input.bucket)?;
        let keys: Vec<String> = input.delete.objects.into_iter().map(|object| object.key).collect();
        if keys.len() > PAGE as usize {
            return Err(s3_error!(MalformedXML, "At most {PAGE} keys can be deleted at once."));
        }
        let freed = self.index.delete(&input.bucket, keys.clone()).await.map_err(internal)?;
        self.files.remove(freed).await;
        let quiet = input.delete.quiet.unwrap_or(false);
        let deleted = keys.into_iter().map(|key| DeletedObject { key: Some(key), ..Default::default() }).collect();
        Ok(S3Response::new(DeleteObjectsOutput { deleted: (!quiet).then_some(deleted), ..Default::default() }))
    }

    async fn copy_object(&self, req: S3Request<CopyObjectInput>) -> S3Result<S3Response<CopyObjectOutput>> {
        let input = req.input;
        self.bucket(&input.bucket)?;
        let CopySource::Bucket { bucket, key, .. } = &input.copy_source else { return Err(s3_error!(NotImplemented)) };
        let source = self.object(bucket, key).await.map_err(|error| access::missing(error, &req.extensions))?;
        check_copy(&source, input.copy_source_if_match.as_ref(), input.copy_source_if_none_match.as_ref())?;
        // A file belongs to one object, so the bytes are copied; together, if they were in pieces.
        let body = StreamingBlob::wrap(self.files.read(&source.pieces, 0..source.size));
        let written = self
            .files
            .write(body, ChecksumHasher::default())
            .await
            .map_err(|error| s3_error!(InternalError, "The object could not be copied: {error}"))?;
        let mut attributes = source.attributes;
        if input.metadata_directive.as_ref().is_some_and(|directive| directive.as_str() == MetadataDirective::REPLACE) {
            attributes = Attributes {
                content_type: input.content_type,
                content_encoding: input.content_encoding,
                content_disposition: input.content_disposition,
                content_language: input.content_language,
                cache_control: input.cache_control,
                metadata: input.metadata.unwrap_or_default().into_iter().collect(),
                checksums: attributes.checksums,
            };
        }
        let (tag, modified) = (hex::encode(written.md5), now());
        let object = Stored { size: written.size(), pieces: vec![written.keep()], tag: tag.clone(), modified, attributes };
        let freed = self.index.put(&input.bucket, &input.key, object, Condition::default()).await.map_err(internal)?;
        self.files.remove(freed.unwrap_or_default()).await;
        let result = CopyObjectResult { e_tag: Some(ETag::Strong(tag)), last_modified: Some(timestamp(modified)), ..Default::default() };
        Ok(S3Response::new(CopyObjectOutput { copy_object_result: Some(result), ..Default::default() }))
    }

    async fn list_objects(&self, req: S3Request<ListObjectsInput>) -> S3Result<S3Response<ListObjectsOutput>> {
        let input = req.input;
        self.bucket(&input.bucket)?;
        let count = page(input.max_keys)?;
        let prefix = input.prefix.clone().unwrap_or_default();
        let listing = self.index.list(&input.bucket, &prefix, input.delimiter.clone(), input.marker.clone(), count);
        let (contents, common_prefixes, next) = render(listing.await.map_err(internal)?);
        Ok(S3Response::new(ListObjectsOutput {
            name: Some(input.bucket),
            prefix: input.prefix,
            delimiter: input.delimiter,
            marker: input.marker,
            max_keys: i32::try_from(count).ok(),
            is_truncated: Some(next.is_some()),
            next_marker: next,
            contents: Some(contents),
            common_prefixes: Some(common_prefixes),
            ..Default::default()
        }))
    }

    async fn list_objects_v2(&self, req: S3Request<ListObjectsV2Input>) -> S3Result<S3Response<ListObjectsV2Output>> {
        let input = req.input;
        self.bucket(&input.bucket)?;
        let count = page(input.max_keys)?;
        let prefix = input.prefix.clone().unwrap_or_default();
        let after = match &input.continuation_token {
            Some(token) => {
                let key = STANDARD.decode(token).ok().and_then(|key| String::from_utf8(key).ok());
                Some(key.ok_or_else(|| s3_error!(InvalidArgument, "The continuation token provided is incorrect"))?)
            }
            None => input.start_after.clone(),
        };
        let listing = self.index.list(&input.bucket, &prefix, input.delimiter.clone(), after, count);
        let (contents, common_prefixes, next) = render(listing.await.map_err(internal)?);
        Ok(S3Response::new(ListObjectsV2Output {
            name: Some(input.bucket),
            prefix: input.prefix,
            delimiter: input.delimiter,
            start_after: input.start_after,
            continuation_token: input.continuation_token,
            max_keys: i32::try_from(count).ok(),
            key_count: i32::try_from(contents.len() + common_prefixes.len()).ok(),
            is_truncated: Some(next.is_some()),
            next_continuation_token: next.map(|key| STANDARD.encode(key)),
            contents: Some(contents),
            common_prefixes: Some(common_prefixes),
            ..Default::default()
        }))
    }

    async fn create_multipart_upload(
        &self,
        req: S3Request<CreateMultipartUploadInput>,
    ) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
        let input = req.input;
        self.bucket(&input.bucket)?;
        let id = crate::account::random_hex(24);
        let upload = Upload {
            bucket: input.bucket.clone(),
            key: input.key.clone(),
            attributes: Attributes {
                content_type: input.content_type,
                content_encoding: input.content_encoding,
                content_disposition: input.content_disposition,
                content_language: input.content_language,
                cache_control: input.cache_control,
                metadata: input.metadata.unwrap_or_default().into_iter().collect(),
                checksums: Default::default(),
            },
        };
        self.index.start_upload(&id, upload, now()).await.map_err(internal)?;
        Ok(S3Response::new(CreateMultipartUploadOutput {
            bucket: Some(input.bucket),
            key: Some(input.key),
            upload_id: Some(id),
            ..Default::default()
        }))
    }

    async fn upload_part(&self, req: S3Request<UploadPartInput>) -> S3Result<S3Response<UploadPartOutput>> {
        let input = req.input;
        if !(1..=10_000).contains(&input.part_number) {
            return Err(s3_error!(InvalidArgument, "Part number must be an integer between 1 and 10000, inclusive"));
        }
        self.upload(&input.upload_id, &input.bucket, &input.key).await?;
        let given = Given {
            md5: input.content_md5,
            algorithm: input.checksum_algorithm.map(|algorithm| algorithm.as_str().to_owned()),
            checksums: present([
                ("crc32", input.checksum_crc32),
                ("crc32c", input.checksum_crc32c),
                ("sha1", input.checksum_sha1),
                ("sha256", input.checksum_sha256),
                ("crc64nvme", input.checksum_crc64nvme),
            ]),
        };
        let (written, computed) = self.receive(input.body, given, req.trailing_headers, input.content_length).await?;
        let checksum = checksum(&computed);
        let tag = hex::encode(written.md5);
        let piece = written.keep();
        let part = StoredPart { number: input.part_number, piece: piece.clone(), tag: tag.clone(), modified: now() };
        let Some(freed) = self.index.add_part(&input.upload_id, part).await.map_err(internal)? else {
            self.files.remove(vec![piece]).await;
            return Err(s3_error!(NoSuchUpload));
        };
        self.files.remove(freed).await;
        Ok(S3Response::new(UploadPartOutput {
            e_tag: Some(ETag::Strong(tag)),
            checksum_crc32: checksum.checksum_crc32,
            checksum_crc32c: checksum.checksum_crc32c,
            checksum_sha1: checksum.checksum_sha1,
            checksum_sha256: checksum.checksum_sha256,
            checksum_crc64nvme: checksum.checksum_crc64nvme,
            ..Default::default()
        }))
    }

    async fn list_parts(&self, req: S3Request<ListPartsInput>) -> S3Result<S3Response<ListPartsOutput>> {
        let input = req.input;
        self.upload(&input.upload_id, &input.bucket, &input.key).await?;
        let after = input.part_number_marker.as_ref().and_then(|marker| marker.to_string().parse().ok()).unwrap_or(0);
        let count = page(input.max_parts)?;
        let parts = self.index.parts(&input.upload_id).await.map_err(internal)?;
        let mut rest = parts.into_iter().filter(|part| part.number > after);
        let parts: Vec<Part> = rest
            .by_ref()
            .take(count)
            .map(|part| Part {
                part_number: Some(part.number),
                size: i64::try_from(part.piece.size).ok(),
                e_tag: Some(ETag::Strong(part.tag)),
                last_modified: Some(timestamp(part.modified)),
                ..Default::default()
            })
            .collect();
        let next = parts.last().and_then(|part| part.part_number).filter(|_| rest.next().is_some());
        Ok(S3Response::new(ListPartsOutput {
            bucket: Some(input.bucket),
            key: Some(input.key),
            upload_id: Some(input.upload_id),
            is_truncated: Some(next.is_some()),
            next_part_number_marker: next,
            parts: Some(parts),
            ..Default::default()
        }))
    }

    async fn complete_multipart_upload(
        &self,
        req: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
        let input = req.input;
        let upload = self.upload(&input.upload_id, &input.bucket, &input.key).await?;
        let condition = condition(input.if_match.as_ref(), input.if_none_match.as_ref())?;
        let wanted = input.multipart_upload.and_then(|upload| upload.parts).unwrap_or_default();
        if wanted.is_empty() {
            return Err(s3_error!(MalformedXML, "You must specify at least one part"));
        }
        let have = self.index.parts(&input.upload_id).await.map_err(internal)?;
        let mut pieces = Vec::with_capacity(wanted.len());
        let mut digests = Md5::new();
        let (count, mut last) = (wanted.len(), 0);
        for (index, part) in wanted.into_iter().enumerate() {
            let number = part.part_number.ok_or_else(|| s3_error!(InvalidPart))?;
            if number <= last {
                return Err(s3_error!(InvalidPartOrder));
            }
            last = number;
            let found = have.iter().find(|have| have.number == number);
            let found = found.filter(|have| part.e_tag.as_ref().is_none_or(|tag| tag.value() == have.tag));
            let found = found.ok_or_else(|| s3_error!(InvalidPart, "Part {number} was not uploaded, or has another tag."))?;
            if index + 1 < count && found.piece.size < SMALLEST_PART {
                return Err(s3_error!(EntityTooSmall));
            }
            digests.update(&hex::decode(&found.tag).unwrap_or_default());
            pieces.push(found.piece.clone());
        }
        let tag = format!("{}-{count}", hex::encode(digests.finalize()));
        let size = pieces.iter().map(|piece| piece.size).sum();
        let object = Stored { pieces, size, tag: tag.clone(), modified: now(), attributes: upload.attributes };
        let target = (input.bucket.clone(), input.key.clone());
        let freed = self.index.complete(&input.upload_id, target, object, condition).await.map_err(internal)?;
        let Some(freed) = freed else { return Err(precondition_failed()) };
        self.files.remove(freed).await;
        Ok(S3Response::new(CompleteMultipartUploadOutput {
            location: Some(format!("/{}/{}", input.bucket, input.key)),
            bucket: Some(input.bucket),
            key: Some(input.key),
            e_tag: Some(ETag::Strong(tag)),
            ..Default::default()
        }))
    }

    async fn abort_multipart_upload(&self, req: S3Request<AbortMultipartUploadInput>) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
        self.upload(&req.input.upload_id, &req.input.bucket, &req.input.key).await?;
        let freed = self.index.abort(&req.input.upload_id).await.map_err(internal)?;
        self.files.remove(freed).await;
        Ok(S3Response::new(AbortMultipartUploadOutput::default()))
    }
}

impl Operations {
    async fn upload(&self, id: &str, bucket: &str, key: &str) -> S3Result<Upload> {
        self.bucket(bucket)?;
        let upload = self.index.upload(id).await.map_err(internal)?;
        let upload = upload.filter(|upload| upload.bucket == bucket && upload.key == key);
        upload.ok_or_else(|| s3_error!(NoSuchUpload))
    }
}

fn internal(error: std::io::Error) -> s3s::S3Error {
    s3_error!(error, InternalError)
}

fn precondition_failed() -> s3s::S3Error {
    s3_error!(PreconditionFailed, "At least one of the pre-conditions you specified did not hold")
}

fn condition(if_match: Option<&ETagCondition>, if_none_match: Option<&ETagCondition>) -> S3Result<Condition> {
    let mut condition = Condition::default();
    match if_match {
        None => {}
        Some(ETagCondition::Any) => condition.present = true,
        Some(ETagCondition::ETag(tag)) => condition.tag = Some(tag.value().to_owned()),
    }
    match if_none_match {
        None => {}
        Some(ETagCondition::Any) => condition.absent = true,
        Some(ETagCondition::ETag(_)) => return Err(s3_error!(NotImplemented, "If-None-Match can only be * here")),
    }
    Ok(condition)
}

fn matches(object: &Stored, condition: &ETagCondition) -> bool {
    match condition {
        ETagCondition::Any => true,
        ETagCondition::ETag(tag) => tag.value() == object.tag,
    }
}

fn check_read(object: &Stored, if_match: Option<&ETagCondition>, if_none_match: Option<&ETagCondition>) -> S3Result<()> {
    if if_match.is_some_and(|condition| !matches(object, condition)) {
        return Err(precondition_failed());
    }
    if if_none_match.is_some_and(|condition| matches(object, condition)) {
        return Err(s3_error!(NotModified));
    }
    Ok(())
}

fn check_copy(object: &Stored, if_match: Option<&ETagCondition>, if_none_match: Option<&ETagCondition>) -> S3Result<()> {
    check_read(object, if_match, if_none_match).map_err(|_| precondition_failed())
}

fn page(count: Option<i32>) -> S3Result<usize> {
    let count = count.unwrap_or(PAGE).min(PAGE);
    usize::try_from(count).map_err(|_| s3_error!(InvalidArgument, "A page cannot have {count} entries"))
}

fn render(listing: Listing) -> (Vec<Object>, Vec<CommonPrefix>, Option<String>) {
    let contents = listing
        .objects
        .into_iter()
        .map(|(key, object)| Object {
            key: Some(key),
            size: i64::try_from(object.size).ok(),
            e_tag: Some(ETag::Strong(object.tag)),
            last_modified: Some(timestamp(object.modified)),
            ..Default::default()
        })
        .collect();
    let prefixes = listing.prefixes.into_iter().map(|prefix| CommonPrefix { prefix: Some(prefix) }).collect();
    (contents, prefixes, listing.next)
}

fn present<const COUNT: usize>(given: [(&'static str, Option<String>); COUNT]) -> Vec<(&'static str, String)> {
    given.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

fn list_checksums(checksum: &Checksum) -> Vec<(&'static str, String)> {
    present([
        ("crc32", checksum.checksum_crc32.clone()),
        ("crc32c", checksum.checksum_crc32c.clone()),
        ("sha1", checksum.checksum_sha1.clone()),
        ("sha256", checksum.checksum_sha256.clone()),
        ("crc64nvme", checksum.checksum_crc64nvme.clone()),
    ])
}

fn checksum(list: &[(&'static str, String)]) -> Checksum {
    let get = |name: &str| list.iter().find(|(other, _)| *other == name).map(|(_, value)| value.clone());
    Checksum {
        checksum_crc32: get("crc32"),
        checksum_crc32c: get("crc32c"),
        checksum_sha1: get("sha1"),
        checksum_sha256: get("sha256"),
        checksum_crc64nvme: get("crc64nvme"),
        ..Default::default()
    }
}

fn stored_checksum(attributes: &Attributes) -> Checksum {
    let list: Vec<(&'static str, String)> = present(CHECKSUMS.map(|name| (name, attributes.checksums.get(name).cloned())));
    checksum(&list)
}

/// S3's rules for names, but those on reserved beginnings and endings.
fn is_bucket_name(name: &str) -> bool {
    let edge = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    (3..=63).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'.' || byte == b'-')
        && edge(name.as_bytes().first())
        && edge(name.as_bytes().last())
        && !name.contains("..")
}

fn now() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

fn timestamp(milliseconds: i64) -> Timestamp {
    let since = Duration::from_millis(u64::try_from(milliseconds).unwrap_or(0));
    Timestamp::from(SystemTime::UNIX_EPOCH + since)
}
