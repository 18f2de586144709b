//! `CreateRepository`, `DescribeRepositories`, `DeleteRepository`, `GetAuthorizationToken`.

use std::fs::{self, File};
use std::path::PathBuf;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Ecr;
use super::errors::{error, failed, invalid, repository_not_found};
use super::repository::{Repository, Settings, now_milliseconds};
use crate::account::{ACCOUNT_ID, arn, random_hex};
use crate::aws_error::AwsError;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CreateRepository {
    repository_name: String,
    image_tag_mutability: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DescribeRepositories {
    repository_names: Option<Vec<String>>,
    max_results: Option<usize>,
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DeleteRepository {
    repository_name: String,
    #[serde(default)]
    force: bool,
}

impl Ecr {
    /// The address of a repository, to which `:tag` or `@sha256:…` is added.
    pub fn repository_uri(&self, name: &str) -> String {
        format!("{}/{name}", self.host())
    }

    fn host(&self) -> String {
        format!("{ACCOUNT_ID}.dkr.ecr.{}.amazonaws.com", self.inner.region)
    }

    /// The repository's name and the `tag` or `sha256:…` that an image's URI names.
    ///
    /// # Errors
    /// For a person: what is wrong with the URI.
    pub fn parse_uri<'a>(&self, uri: &'a str) -> Result<(&'a str, &'a str), String> {
        let path = uri.strip_prefix(&self.host()).and_then(|path| path.strip_prefix('/'));
        let path = path.ok_or_else(|| format!("{uri} is not in this registry, {}", self.host()))?;
        match path.split_once('@').or_else(|| path.split_once(':')) {
            Some((repository, reference)) if !reference.is_empty() => Ok((repository, reference)),
            _ => Err(format!("{uri} names neither a tag nor a digest")),
        }
    }

    /// Makes a repository, or leaves the one of that name as it is.
    ///
    /// # Errors
    /// `InvalidParameterException` for a name that is none; `ServerException`.
    pub fn ensure_repository(&self, name: &str, image_tag_mutability: Option<&str>) -> Result<(), AwsError> {
        let request = CreateRepository { repository_name: name.to_owned(), image_tag_mutability: image_tag_mutability.map(str::to_owned) };
        match self.create_repository(request) {
            Err(error) if error.code == "RepositoryAlreadyExistsException" => Ok(()),
            other => other.map(drop),
        }
    }

    pub(super) fn create_repository(&self, request: CreateRepository) -> Result<Value, AwsError> {
        let name = request.repository_name;
        if !is_name(&name) {
            return Err(invalid(format!(
                "Invalid parameter at 'repositoryName' failed to satisfy constraint: 'must satisfy regular expression \
                 (?:[a-z0-9]+(?:[._-][a-z0-9]+)*/)*[a-z0-9]+(?:[._-][a-z0-9]+)*' and have 2 to 256 characters: '{name}'"
            )));
        }
        let mutability = request.image_tag_mutability.unwrap_or_else(|| "MUTABLE".to_owned());
        if !matches!(mutability.as_str(), "MUTABLE" | "IMMUTABLE") {
            return Err(invalid(format!(
                "Invalid parameter at 'imageTagMutability' failed to satisfy constraint: 'MUTABLE or IMMUTABLE', not '{mutability}'"
            )));
        }
        let mut repositories = self.repositories();
        if repositories.contains_key(&name) {
            return Err(error(
                "RepositoryAlreadyExistsException",
                format!("The repository with name '{name}' already exists in the registry with id '{ACCOUNT_ID}'"),
            ));
        }
        let settings =
            Settings { repository_name: name.clone(), created_at: now_milliseconds() as f64 / 1000.0, image_tag_mutability: mutability };
        let repository = Repository::create(&self.inner.folder, settings).map_err(failed("making the repository"))?;
        let described = self.described(&repository);
        repositories.insert(name, Arc::new(repository));
        Ok(json!({ "repository": described }))
    }

    pub(super) fn describe_repositories(&self, request: DescribeRepositories) -> Result<Value, AwsError> {
        let repositories = self.repositories();
        if let Some(names) = request.repository_names.filter(|names| !names.is_empty()) {
            let found = names.iter().map(|name| {
                let repository = repositories.get(name).ok_or_else(|| repository_not_found(name))?;
                Ok(self.described(repository))
            });
            return Ok(json!({ "repositories": found.collect::<Result<Vec<_>, AwsError>>()? }));
        }
        let most = request.max_results.unwrap_or(100).clamp(1, 1000);
        let after = request.next_token.unwrap_or_default();
        let mut rest = repositories.range::<String, _>((
            if after.is_empty() { std::ops::Bound::Unbounded } else { std::ops::Bound::Excluded(after) },
            std::ops::Bound::Unbounded,
        ));
        let page: Vec<_> = rest.by_ref().take(most).collect();
        let mut answer = json!({ "repositories": page.iter().map(|(_, repository)| self.described(repository)).collect::<Vec<_>>() });
        if let (Some((last, _)), Some(_)) = (page.last(), rest.next()) {
            answer["nextToken"] = last.as_str().into();
        }
        Ok(answer)
    }

    pub(super) fn delete_repository(&self, request: DeleteRepository) -> Result<Value, AwsError> {
        let name = request.repository_name;
        let mut repositories = self.repositories();
        let repository = repositories.get(&name).cloned().ok_or_else(|| repository_not_found(&name))?;
        let images = repository.images();
        if !images.is_empty() && !request.force {
            return Err(error(
                "RepositoryNotEmptyException",
                format!(
                    "The repository with name '{name}' in registry with id '{ACCOUNT_ID}' cannot be deleted because it still contains images"
                ),
            ));
        }
        let described = self.described(&repository);
        // Out of sight in one step; what follows may be interrupted, and is finished when the registry is opened.
        let aside: PathBuf = self.inner.folder.join(format!(".deleted-{}", random_hex(8)));
        fs::rename(repository.folder(), &aside).map_err(failed("deleting the repository"))?;
        repositories.remove(&name);
        File::open(&self.inner.folder).and_then(|folder| folder.sync_all()).map_err(failed("deleting the repository"))?;
        fs::remove_dir_all(&aside).map_err(failed("deleting the repository's files"))?;
        Ok(json!({ "repository": described }))
    }

    pub(super) fn get_authorization_token(&self) -> Value {
        let token = BASE64.encode(format!("AWS:{}", random_hex(32)));
        let expires_at = (now_milliseconds() / 1000 + 12 * 3600) as f64;
        let data = json!({
            "authorizationToken": token,
            "expiresAt": expires_at,
            "proxyEndpoint": format!("https://{}", self.host()),
        });
        json!({ "authorizationData": [data] })
    }

    fn described(&self, repository: &Repository) -> Value {
        let settings = repository.settings();
        let name = &settings.repository_name;
        json!({
            "repositoryArn": arn("ecr", &self.inner.region, &format!("repository/{name}")),
            "registryId": ACCOUNT_ID,
            "repositoryName": name,
            "repositoryUri": self.repository_uri(name),
            "createdAt": settings.created_at,
            "imageTagMutability": settings.image_tag_mutability,
            "imageScanningConfiguration": { "scanOnPush": false },
            "encryptionConfiguration": { "encryptionType": "AES256" },
        })
    }
}

/// ECR's rule for names: lower-case words with single separators, in parts with slashes between them.
fn is_name(name: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let is_part = |part: &str| {
        let bytes = part.as_bytes();
        !bytes.is_empty()
            && bytes.iter().all(|byte| is_letter(*byte) || b"._-".contains(byte))
            && bytes.windows(2).all(|pair| is_letter(pair[0]) || is_letter(pair[1]))
            && is_letter(bytes[0])
            && is_letter(bytes[bytes.len() - 1])
    };
    (2..=256).contains(&name.len()) && name.split('/').all(is_part)
}
