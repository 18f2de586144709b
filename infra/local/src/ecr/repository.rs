//! One repository on disk: an OCI image layout and its settings.
//!
//! `index.json` names the images: one descriptor for each tag, or one without a tag. It alone says which images exist;
//! a blob that no image names is waiting for its image, or for the garbage collection.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::document::{self, Manifest};
use super::uploads::Uploads;
use crate::atomic_file;

/// The annotation of OCI layouts that holds a tag.
const TAG: &str = "org.opencontainers.image.ref.name";
/// The annotation that holds the time of the push, in milliseconds.
const PUSHED_AT: &str = "local.pushed-at";

/// What a repository was made with.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Settings {
    pub repository_name: String,
    /// Seconds since 1970.
    pub created_at: f64,
    /// `MUTABLE` or `IMMUTABLE`.
    pub image_tag_mutability: String,
}

/// An image of a repository.
#[derive(Debug, Clone)]
pub struct Image {
    pub digest: String,
    pub media_type: String,
    /// Bytes of the manifest.
    pub size: u64,
    /// Bytes of the layers.
    pub layers_size: u64,
    /// Milliseconds since 1970.
    pub pushed_at: u64,
    pub tags: BTreeSet<String>,
    /// The digests of configuration and layers.
    pub blobs: Vec<String>,
}

/// The images of a repository, by digest.
pub type Images = BTreeMap<String, Image>;

pub struct Repository {
    folder: PathBuf,
    settings: Settings,
    images: Mutex<Images>,
    pub(super) uploads: Uploads,
}

impl Repository {
    /// Makes an empty repository: complete beside its place, then moved there.
    pub fn create(registry: &Path, settings: Settings) -> io::Result<Self> {
        let folder = registry.join(folder_name(&settings.repository_name));
        let beside = registry.join(format!(".new-{}", crate::account::random_hex(8)));
        fs::create_dir_all(beside.join("blobs/sha256"))?;
        atomic_file::write(&beside.join("oci-layout"), br#"{"imageLayoutVersion":"1.0.0"}"#)?;
        atomic_file::write(&beside.join("repository.json"), &serde_json::to_vec_pretty(&settings)?)?;
        atomic_file::write(&beside.join("index.json"), &index(&Images::new())?)?;
        fs::rename(&beside, &folder)?;
        File::open(registry)?.sync_all()?;
        Self::open(folder)
    }

    pub fn open(folder: PathBuf) -> io::Result<Self> {
        let unreadable = |name: &str, error: &dyn std::fmt::Display| {
            io::Error::other(format!("{} cannot be read ({error}); delete the folder to start over", folder.join(name).display()))
        };
        let settings = fs::read(folder.join("repository.json")).map_err(|error| unreadable("repository.json", &error))?;
        let settings = serde_json::from_slice(&settings).map_err(|error| unreadable("repository.json", &error))?;
        let images = read_images(&folder).map_err(|error| unreadable("index.json", &error))?;
        let uploads = Uploads::open(folder.join("uploads"))?;
        Ok(Self { folder, settings, images: Mutex::new(images), uploads })
    }

    pub fn name(&self) -> &str {
        &self.settings.repository_name
    }

    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The images. While the guard lives, no other call changes them, and no blob is collected.
    pub fn images(&self) -> MutexGuard<'_, Images> {
        // A change is made to a copy that replaces the whole: a panic elsewhere leaves the map as it was.
        self.images.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Replaces the images, on disk first.
    pub fn replace(&self, current: &mut Images, new: Images) -> io::Result<()> {
        atomic_file::write(&self.folder.join("index.json"), &index(&new)?)?;
        *current = new;
        Ok(())
    }

    /// Where a blob lies, or would; `None` for what is no digest.
    pub fn blob_path(&self, digest: &str) -> Option<PathBuf> {
        Some(self.blobs().join(document::hexadecimal(digest)?))
    }

    /// The folder of the blobs.
    pub fn blobs(&self) -> PathBuf {
        self.folder.join("blobs/sha256")
    }

    /// A blob's size, if it is there.
    pub fn blob_size(&self, digest: &str) -> Option<u64> {
        let metadata = fs::metadata(self.blob_path(digest)?).ok()?;
        metadata.is_file().then_some(metadata.len())
    }

    /// Stores a small blob under its digest, which it gives back.
    pub fn store(&self, bytes: &[u8]) -> io::Result<String> {
        let digest = document::digest(bytes);
        match self.blob_path(&digest) {
            Some(path) if !path.is_file() => atomic_file::write(&path, bytes)?,
            Some(path) => touch(&path)?,
            None => return Err(io::Error::other(format!("{digest} is no digest"))),
        }
        Ok(digest)
    }
}

/// Notes that a blob was asked for now: the garbage collection spares it for a while.
pub fn touch(path: &Path) -> io::Result<()> {
    File::open(path)?.set_modified(SystemTime::now())
}

/// Milliseconds since 1970.
pub fn now_milliseconds() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// A repository's folder name: its name, with `~` for `/`, which no name holds. So no repository lies within another.
pub fn folder_name(repository: &str) -> String {
    repository.replace('/', "~")
}

fn index(images: &Images) -> io::Result<Vec<u8>> {
    let mut manifests = Vec::new();
    for image in images.values() {
        let descriptor = |tag: Option<&str>| {
            let mut annotations = json!({ PUSHED_AT: image.pushed_at.to_string() });
            if let Some(tag) = tag {
                annotations[TAG] = tag.into();
            }
            json!({ "mediaType": image.media_type, "digest": image.digest, "size": image.size, "annotations": annotations })
        };
        if image.tags.is_empty() {
            manifests.push(descriptor(None));
        }
        manifests.extend(image.tags.iter().map(|tag| descriptor(Some(tag))));
    }
    let index = json!({ "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": manifests });
    Ok(serde_json::to_vec_pretty(&index)?)
}

fn read_images(folder: &Path) -> io::Result<Images> {
    let index: Value = serde_json::from_slice(&fs::read(folder.join("index.json"))?)?;
    let mut images = Images::new();
    for descriptor in index["manifests"].as_array().map(Vec::as_slice).unwrap_or_default() {
        let digest = descriptor["digest"].as_str().unwrap_or_default();
        let file = document::hexadecimal(digest).ok_or_else(|| io::Error::other(format!("\"{digest}\" is no digest")))?;
        let annotation = |name: &str| descriptor["annotations"][name].as_str();
        if !images.contains_key(digest) {
            let text = fs::read_to_string(folder.join("blobs/sha256").join(file))?;
            let manifest = Manifest::read(&text, descriptor["mediaType"].as_str()).map_err(io::Error::other)?;
            let image = Image {
                digest: digest.to_owned(),
                size: text.len() as u64,
                layers_size: manifest.layers_size(),
                media_type: manifest.media_type,
                pushed_at: annotation(PUSHED_AT).and_then(|time| time.parse().ok()).unwrap_or_default(),
                tags: BTreeSet::new(),
                blobs: manifest.blobs.into_iter().map(|(digest, _)| digest).collect(),
            };
            images.insert(digest.to_owned(), image);
        }
        if let (Some(image), Some(tag)) = (images.get_mut(digest), annotation(TAG)) {
            image.tags.insert(tag.to_owned());
        }
    }
    Ok(images)
}
