//! `PutImage`, `BatchGetImage`, `DescribeImages`, `ListImages`, `BatchDeleteImage`.

use std::collections::BTreeSet;
use std::fs;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::document::{self, Manifest};
use super::errors::{error, failed, invalid};
use super::repository::{Image, Images, Repository, now_milliseconds};
use super::{Ecr, garbage};
use crate::account::ACCOUNT_ID;
use crate::aws_error::AwsError;

/// What names an image: a digest, a tag, or both.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ImageIdentifier {
    #[serde(skip_serializing_if = "Option::is_none")]
    image_digest: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    image_tag: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PutImage {
    repository_name: String,
    image_manifest: String,
    image_manifest_media_type: Option<String>,
    image_tag: Option<String>,
    image_digest: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct BatchGetImage {
    repository_name: String,
    image_ids: Vec<ImageIdentifier>,
    accepted_media_types: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DescribeImages {
    repository_name: String,
    image_ids: Option<Vec<ImageIdentifier>>,
    filter: Option<Filter>,
    max_results: Option<usize>,
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ListImages {
    repository_name: String,
    filter: Option<Filter>,
    max_results: Option<usize>,
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Filter {
    tag_status: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct BatchDeleteImage {
    repository_name: String,
    image_ids: Vec<ImageIdentifier>,
}

impl Ecr {
    pub(super) fn put_image(&self, request: PutImage) -> Result<Value, AwsError> {
        let repository = self.repository(&request.repository_name)?;
        let manifest = Manifest::read(&request.image_manifest, request.image_manifest_media_type.as_deref())?;
        if let Some(tag) = &request.image_tag
            && !is_tag(tag)
        {
            return Err(invalid(format!(
                "Invalid parameter at 'imageTag' failed to satisfy constraint: 'must satisfy regular expression [a-zA-Z0-9_][a-zA-Z0-9._-]{{0,127}}': '{tag}'"
            )));
        }
        let digest = document::digest(request.image_manifest.as_bytes());
        if let Some(told) = request.image_digest.as_ref().filter(|told| **told != digest) {
            return Err(error(
                "ImageDigestDoesNotMatchException",
                format!("The digest of the image manifest is '{digest}' and does not match the image digest '{told}' of the request"),
            ));
        }
        let identifier = ImageIdentifier { image_digest: Some(digest.clone()), image_tag: request.image_tag.clone() };
        let answer = json!({
            "image": {
                "registryId": ACCOUNT_ID,
                "repositoryName": request.repository_name,
                "imageId": identifier,
                "imageManifest": request.image_manifest,
                "imageManifestMediaType": manifest.media_type,
            }
        });
        let mut images = repository.images();
        check_blobs(&repository, &manifest)?;
        let new = with_image(&repository, &images, &request, manifest, digest)?;
        repository.store(request.image_manifest.as_bytes()).map_err(failed("storing the manifest"))?;
        repository.replace(&mut images, new).map_err(failed("storing the image"))?;
        Ok(answer)
    }

    pub(super) fn batch_get_image(&self, request: BatchGetImage) -> Result<Value, AwsError> {
        let repository = self.repository(&request.repository_name)?;
        check_count(&request.image_ids)?;
        let known = repository.images();
        let (mut images, mut failures) = (Vec::new(), Vec::new());
        for id in request.image_ids {
            let image = match find(&known, &id) {
                Ok(image) => image,
                Err(failure) => {
                    failures.push(failure.answer(&id));
                    continue;
                }
            };
            if request.accepted_media_types.as_ref().is_some_and(|types| !types.is_empty() && !types.contains(&image.media_type)) {
                failures.push(Failure::NotFound.answer(&id));
                continue;
            }
            let path = repository.blob_path(&image.digest).ok_or_else(|| invalid("not a digest"))?;
            let manifest = fs::read_to_string(path).map_err(failed("reading the manifest"))?;
            images.push(json!({
                "registryId": ACCOUNT_ID,
                "repositoryName": request.repository_name,
                "imageId": ImageIdentifier { image_digest: Some(image.digest.clone()), image_tag: id.image_tag },
                "imageManifest": manifest,
                "imageManifestMediaType": image.media_type,
            }));
        }
        Ok(json!({ "images": images, "failures": failures }))
    }

    pub(super) fn describe_images(&self, request: DescribeImages) -> Result<Value, AwsError> {
        let repository = self.repository(&request.repository_name)?;
        let images = repository.images();
        let name = &request.repository_name;
        if let Some(ids) = request.image_ids.filter(|ids| !ids.is_empty()) {
            check_count(&ids)?;
            let mut named = BTreeSet::new();
            for id in &ids {
                let image = find(&images, id).map_err(|_| {
                    let told = |text: &Option<String>| text.as_deref().map_or("null".to_owned(), |text| format!("'{text}'"));
                    error(
                        "ImageNotFoundException",
                        format!(
                            "The image with imageId {{imageDigest:{}, imageTag:{}}} does not exist within the repository with name '{name}' in the registry with id '{ACCOUNT_ID}'",
                            told(&id.image_digest),
                            told(&id.image_tag)
                        ),
                    )
                })?;
                named.insert(image.digest.clone());
            }
            let details: Vec<Value> = named.iter().filter_map(|digest| images.get(digest)).map(|image| detail(name, image)).collect();
            return Ok(json!({ "imageDetails": details }));
        }
        let status = TagStatus::read(request.filter)?;
        let chosen = images.values().filter(|image| status.takes(image)).map(|image| (image.digest.clone(), image));
        let (page, next) = page(chosen, request.max_results, request.next_token.as_deref());
        let details: Vec<Value> = page.into_iter().map(|image| detail(name, image)).collect();
        Ok(with_token(json!({ "imageDetails": details }), next))
    }

    pub(super) fn list_images(&self, request: ListImages) -> Result<Value, AwsError> {
        let repository = self.repository(&request.repository_name)?;
        let images = repository.images();
        let status = TagStatus::read(request.filter)?;
        let identifiers = images.values().filter(|image| status.takes(image)).flat_map(|image| {
            let of = |tag: Option<&String>| ImageIdentifier { image_digest: Some(image.digest.clone()), image_tag: tag.cloned() };
            let untagged = image.tags.is_empty().then(|| (image.digest.clone(), of(None)));
            untagged.into_iter().chain(image.tags.iter().map(move |tag| (format!("{} {tag}", image.digest), of(Some(tag)))))
        });
        let (page, next) = page(identifiers, request.max_results, request.next_token.as_deref());
        Ok(with_token(json!({ "imageIds": page }), next))
    }

    pub(super) fn batch_delete_image(&self, request: BatchDeleteImage) -> Result<Value, AwsError> {
        let repository = self.repository(&request.repository_name)?;
        check_count(&request.image_ids)?;
        let mut images = repository.images();
        let mut new = images.clone();
        let (mut deleted, mut failures) = (Vec::new(), Vec::new());
        for id in request.image_ids {
            let digest = match find(&new, &id) {
                Ok(image) => image.digest.clone(),
                Err(failure) => {
                    failures.push(failure.answer(&id));
                    continue;
                }
            };
            let of = |tag: Option<String>| ImageIdentifier { image_digest: Some(digest.clone()), image_tag: tag };
            match (&id.image_tag, new.get_mut(&digest)) {
                // A tag alone is taken off; the image goes with its last one.
                (Some(tag), Some(image)) if image.tags.len() > 1 => {
                    image.tags.remove(tag);
                    deleted.push(of(Some(tag.clone())));
                }
                (_, Some(image)) if image.tags.is_empty() => {
                    new.remove(&digest);
                    deleted.push(of(None));
                }
                (_, Some(image)) => {
                    deleted.extend(image.tags.iter().map(|tag| of(Some(tag.clone()))));
                    new.remove(&digest);
                }
                (_, None) => {}
            }
        }
        repository.replace(&mut images, new).map_err(failed("deleting the images"))?;
        garbage::collect(&repository, &images).map_err(failed("removing the images' blobs"))?;
        Ok(json!({ "imageIds": deleted, "failures": failures }))
    }

    /// The digest that a tag or a digest means now in a repository.
    ///
    /// # Errors
    /// For a person: what is not there.
    pub fn resolve(&self, repository: &str, reference: &str) -> Result<String, String> {
        let found = self.repository(repository).map_err(|error| error.message)?;
        let is_digest = document::hexadecimal(reference).is_some();
        let id = ImageIdentifier {
            image_digest: is_digest.then(|| reference.to_owned()),
            image_tag: (!is_digest).then(|| reference.to_owned()),
        };
        let images = found.images();
        find(&images, &id)
            .map(|image| image.digest.clone())
            .map_err(|_| format!("the repository '{repository}' has no image '{reference}'"))
    }
}

fn check_blobs(repository: &Repository, manifest: &Manifest) -> Result<(), AwsError> {
    let missing: Vec<&str> =
        manifest.blobs.iter().filter(|(digest, _)| repository.blob_size(digest).is_none()).map(|(digest, _)| digest.as_str()).collect();
    if !missing.is_empty() {
        return Err(error(
            "LayersNotFoundException",
            format!(
                "Layers with digests '[{}]' required for pushing image into repository with name '{}' in the registry with id '{ACCOUNT_ID}' do not exist",
                missing.join(", "),
                repository.name()
            ),
        ));
    }
    match manifest.blobs.iter().find(|(digest, size)| repository.blob_size(digest) != Some(*size)) {
        Some((digest, size)) => {
            Err(invalid(format!("Invalid parameter at 'ImageManifest' failed to satisfy constraint: 'the size of {digest} is not {size}'")))
        }
        None => Ok(()),
    }
}

/// The images after a `PutImage`.
fn with_image(
    repository: &Repository,
    images: &Images,
    request: &PutImage,
    manifest: Manifest,
    digest: String,
) -> Result<Images, AwsError> {
    let name = repository.name();
    let tag = request.image_tag.as_ref();
    if let Some(existing) = images.get(&digest)
        && tag.is_none_or(|tag| existing.tags.contains(tag))
    {
        let tagged = tag.map(|tag| format!(" and tag '{tag}'")).unwrap_or_default();
        return Err(error(
            "ImageAlreadyExistsException",
            format!(
                "Image with digest '{digest}'{tagged} already exists in the repository with name '{name}' in registry with id '{ACCOUNT_ID}'"
            ),
        ));
    }
    let mut new = images.clone();
    if let Some(tag) = tag
        && let Some(holder) = new.values_mut().find(|image| image.tags.contains(tag))
    {
        if repository.settings().image_tag_mutability == "IMMUTABLE" {
            return Err(error(
                "ImageTagAlreadyExistsException",
                format!(
                    "The image tag '{tag}' already exists in the '{name}' repository and cannot be overwritten because the repository is immutable."
                ),
            ));
        }
        holder.tags.remove(tag);
    }
    let image = new.entry(digest.clone()).or_insert_with(|| Image {
        digest,
        size: request.image_manifest.len() as u64,
        layers_size: manifest.layers_size(),
        media_type: manifest.media_type,
        pushed_at: now_milliseconds(),
        tags: BTreeSet::new(),
        blobs: manifest.blobs.into_iter().map(|(digest, _)| digest).collect(),
    });
    image.tags.extend(tag.cloned());
    Ok(new)
}

/// Why an identifier leads to no image.
enum Failure {
    NotFound,
    InvalidDigest,
    TagDoesNotMatch,
    Nothing,
}

impl Failure {
    fn answer(&self, id: &ImageIdentifier) -> Value {
        let (code, reason) = match self {
            Self::NotFound => ("ImageNotFound", "Requested image not found"),
            Self::InvalidDigest => ("InvalidImageDigest", "Invalid request parameters: image digest is not valid"),
            Self::TagDoesNotMatch => ("ImageTagDoesNotMatchDigest", "The image tag does not match the image digest"),
            Self::Nothing => ("MissingDigestAndTag", "Invalid request parameters: both tag and digest cannot be null"),
        };
        json!({ "imageId": id, "failureCode": code, "failureReason": reason })
    }
}

fn find<'a>(images: &'a Images, id: &ImageIdentifier) -> Result<&'a Image, Failure> {
    match (&id.image_digest, &id.image_tag) {
        (None, None) => Err(Failure::Nothing),
        (Some(digest), _) if document::hexadecimal(digest).is_none() => Err(Failure::InvalidDigest),
        (Some(digest), None) => images.get(digest).ok_or(Failure::NotFound),
        (None, Some(tag)) => images.values().find(|image| image.tags.contains(tag)).ok_or(Failure::NotFound),
        (Some(digest), Some(tag)) => {
            let image = images.get(digest).ok_or(Failure::NotFound)?;
            if image.tags.contains(tag) { Ok(image) } else { Err(Failure::TagDoesNotMatch) }
        }
    }
}

fn detail(repository: &str, image: &Image) -> Value {
    let mut detail = json!({
        "registryId": ACCOUNT_ID,
        "repositoryName": repository,
        "imageDigest": image.digest,
        "imageSizeInBytes": image.layers_size,
        "imagePushedAt": image.pushed_at as f64 / 1000.0,
        "imageManifestMediaType": image.media_type,
    });
    if !image.tags.is_empty() {
        detail["imageTags"] = json!(image.tags);
    }
    detail
}

enum TagStatus {
    Any,
    Tagged,
    Untagged,
}

impl TagStatus {
    fn read(filter: Option<Filter>) -> Result<Self, AwsError> {
        match filter.and_then(|filter| filter.tag_status).as_deref() {
            None | Some("ANY") => Ok(Self::Any),
            Some("TAGGED") => Ok(Self::Tagged),
            Some("UNTAGGED") => Ok(Self::Untagged),
            Some(other) => Err(invalid(format!(
                "Invalid parameter at 'filter.tagStatus' failed to satisfy constraint: 'TAGGED, UNTAGGED or ANY', not '{other}'"
            ))),
        }
    }

    fn takes(&self, image: &Image) -> bool {
        match self {
            Self::Any => true,
            Self::Tagged => !image.tags.is_empty(),
            Self::Untagged => image.tags.is_empty(),
        }
    }
}

/// The items after the token, and the token of the next page. Items come in the order of their keys; a token is the last
/// key of a page, so that what is put or deleted meanwhile moves nothing.
fn page<T>(items: impl Iterator<Item = (String, T)>, most: Option<usize>, after: Option<&str>) -> (Vec<T>, Option<String>) {
    let most = most.unwrap_or(100).clamp(1, 1000);
    let mut rest = items.skip_while(|(key, _)| after.is_some_and(|after| key.as_str() <= after)).peekable();
    let mut last = None;
    let mut page = Vec::new();
    while page.len() < most
        && let Some((key, item)) = rest.next()
    {
        last = Some(key);
        page.push(item);
    }
    (page, last.filter(|_| rest.peek().is_some()))
}

fn with_token(mut answer: Value, token: Option<String>) -> Value {
    if let Some(token) = token {
        answer["nextToken"] = token.into();
    }
    answer
}

fn check_count(ids: &[ImageIdentifier]) -> Result<(), AwsError> {
    if (1..=100).contains(&ids.len()) {
        Ok(())
    } else {
        Err(invalid("Invalid parameter at 'imageIds' failed to satisfy constraint: '1 to 100 images'"))
    }
}

fn is_tag(tag: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    (1..=128).contains(&tag.len()) && is_word(tag.as_bytes()[0]) && tag.bytes().all(|byte| is_word(byte) || byte == b'.' || byte == b'-')
}
