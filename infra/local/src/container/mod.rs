//! Container images as folders: layers unpacked once, composed by hard links, ready to be started as a process.
//!
//! In the folder: `layers/<digest>/` (a layer's files and what it deletes), `images/<digest>/` (a composed root file
//! system with its description), `unfinished/` (what is being made; emptied at start). What stands under its digest is
//! complete, since it was moved there when it was.

mod compose;
mod document;
mod program;
mod remove;
mod unpack;

use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use futures::future::BoxFuture;

pub use document::ImageDocuments;

use crate::account::random_hex;
use crate::ecr::Ecr;
use crate::lambda::images::{Images, PreparedImage};

/// An image that was prepared within this time is not pruned: the function that starts from it may be made right now.
const GRACE: Duration = Duration::from_secs(600);

/// An image as a root file system on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container {
    /// The image's digest.
    pub digest: String,
    /// The root file system.
    pub rootfs: PathBuf,
    /// The program to start: a real file within the root file system.
    pub program: PathBuf,
    /// Its arguments: the rest of entry point and command.
    pub arguments: Vec<String>,
    /// The image's variables.
    pub environment: Vec<(String, String)>,
    /// The folder in which the program starts, within the root file system.
    pub folder: PathBuf,
}

/// What a [`Containers::prune`] removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pruned {
    /// The number of root file systems.
    pub images: usize,
    /// The number of layers.
    pub layers: usize,
}

/// The unpacked images of a registry. A clone is the same store.
#[derive(Clone)]
pub struct Containers {
    inner: Arc<Inner>,
}

struct Inner {
    folder: PathBuf,
    registry: Ecr,
    /// Who makes a thing of a certain name holds its lock; others wait and then find it made.
    making: Mutex<HashMap<String, Arc<Mutex<()>>>>,
    /// Preparing reads, pruning writes: nothing is removed that is being put together.
    pruning: RwLock<()>,
}

impl Containers {
    /// Opens the store in a folder, which is made if it is missing.
    ///
    /// # Errors
    /// When the folder cannot be read or written.
    pub fn open(folder: &Path, registry: Ecr) -> io::Result<Self> {
        for name in ["layers", "images", "unfinished"] {
            fs::create_dir_all(folder.join(name))?;
        }
        let folder = fs::canonicalize(folder)?;
        for entry in fs::read_dir(folder.join("unfinished"))? {
            remove::tree(&entry?.path())?;
        }
        let inner = Inner { folder, registry, making: Mutex::default(), pruning: RwLock::new(()) };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Unpacks an image, or finds it unpacked. `uri` names a repository of the registry with `@sha256:…` or `:tag`.
    ///
    /// Reads and writes many files: call it where blocking is allowed. Callers at once share the work.
    ///
    /// # Errors
    /// For a person: what is wrong with the image or its name.
    pub fn prepare(&self, uri: &str) -> Result<Container, String> {
        let registry = &self.inner.registry;
        let (repository, reference) = registry.parse_uri(uri)?;
        let digest = registry.resolve(repository, reference)?;
        let documents = ImageDocuments::read(registry, repository, &digest)?;
        let reading = self.inner.pruning.read().unwrap_or_else(PoisonError::into_inner);
        let image = self.made(&digest, &self.inner.folder.join("images").join(name(&digest)), |unfinished| {
            self.compose(repository, &documents, unfinished)
        })?;
        // The folder's time says when it was last asked for.
        File::open(&image)
            .and_then(|folder| folder.set_modified(SystemTime::now()))
            .map_err(|error| format!("{} could not be opened: {error}", image.display()))?;
        drop(reading);
        program::container(&digest, &image.join("rootfs"), &documents.configuration)
            .map_err(|reason| format!("The image {uri} cannot be started: {reason}"))
    }

    fn compose(&self, repository: &str, documents: &ImageDocuments, unfinished: &Path) -> Result<(), String> {
        let mut folders = Vec::new();
        for layer in &documents.layers {
            let place = self.inner.folder.join("layers").join(name(&layer.digest));
            let blob = self.inner.registry.blob_path(repository, &layer.digest);
            let blob = blob.ok_or_else(|| format!("the repository '{repository}' lacks the layer {}", layer.digest))?;
            folders.push(self.made(&layer.digest, &place, |unfinished| {
                unpack::layer(&blob, layer, unfinished).map_err(|error| format!("The layer {} {error}", layer.digest))
            })?);
        }
        let failed = |error: io::Error| format!("The image's files could not be put together: {error}");
        compose::rootfs(&folders, &unfinished.join("rootfs")).map_err(failed)?;
        let layers: Vec<&str> = documents.layers.iter().map(|layer| layer.digest.as_str()).collect();
        let layers = serde_json::to_vec(&layers).map_err(|error| failed(error.into()))?;
        fs::write(unfinished.join("layers.json"), layers).map_err(failed)
    }

    /// The folder `place`, made by `make` in a folder beside it if it is not there.
    fn made(&self, digest: &str, place: &Path, make: impl FnOnce(&Path) -> Result<(), String>) -> Result<PathBuf, String> {
        let kind = place.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy();
        let turn = {
            let mut making = self.inner.making.lock().unwrap_or_else(PoisonError::into_inner);
            // Names that nobody waits for are forgotten.
            making.retain(|_, turn| Arc::strong_count(turn) > 1);
            Arc::clone(making.entry(format!("{kind}/{digest}")).or_default())
        };
        // Whoever failed while holding it left only an unfinished folder.
        let _turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
        if place.is_dir() {
            return Ok(place.to_owned());
        }
        let unfinished = self.inner.folder.join("unfinished").join(random_hex(8));
        fs::create_dir(&unfinished).map_err(|error| format!("{} could not be made: {error}", unfinished.display()))?;
        let made = make(&unfinished)
            .and_then(|()| fs::rename(&unfinished, place).map_err(|error| format!("{} could not be made: {error}", place.display())));
        if made.is_err() {
            // The first error is the one to tell; the rest goes at the next start.
            let _ = remove::tree(&unfinished);
        }
        made.map(|()| place.to_owned())
    }

    /// Removes the images that are not in use and were not asked for lately, and the layers that no image left needs.
    ///
    /// `in_use` holds the digests of all images that a process runs from or may be started from.
    ///
    /// # Errors
    /// When the files cannot be removed.
    pub fn prune(&self, in_use: &HashSet<String>) -> io::Result<Pruned> {
        let _alone = self.inner.pruning.write().unwrap_or_else(PoisonError::into_inner);
        let used: HashSet<&str> = in_use.iter().map(|digest| name(digest)).collect();
        let mut needed = HashSet::new();
        let mut pruned = Pruned { images: 0, layers: 0 };
        for entry in fs::read_dir(self.inner.folder.join("images"))? {
            let entry = entry?;
            // A time in the future, after the clock was set back, counts as now.
            let age = SystemTime::now().duration_since(entry.metadata()?.modified()?).unwrap_or_default();
            if age < GRACE || entry.file_name().to_str().is_some_and(|name| used.contains(name)) {
                let layers: Vec<String> = serde_json::from_slice(&fs::read(entry.path().join("layers.json"))?)?;
                needed.extend(layers.iter().map(|digest| name(digest).to_owned()));
            } else {
                self.remove(&entry.path())?;
                pruned.images += 1;
            }
        }
        for entry in fs::read_dir(self.inner.folder.join("layers"))? {
            let entry = entry?;
            if !entry.file_name().to_str().is_some_and(|name| needed.contains(name)) {
                self.remove(&entry.path())?;
                pruned.layers += 1;
            }
        }
        Ok(pruned)
    }

    /// Out of sight in one step, then away: interrupted, it is finished at the next start.
    fn remove(&self, path: &Path) -> io::Result<()> {
        let aside = self.inner.folder.join("unfinished").join(random_hex(8));
        fs::rename(path, &aside)?;
        remove::tree(&aside)
    }
}

impl Images for Containers {
    fn resolve(&self, uri: &str) -> Result<String, String> {
        let missing = |reason: String| format!("Source image {uri} does not exist. Provide a valid source image. ({reason})");
        let (repository, reference) = self.inner.registry.parse_uri(uri).map_err(missing)?;
        let digest = self.inner.registry.resolve(repository, reference).map_err(missing)?;
        Ok(format!("{}@{digest}", self.inner.registry.repository_uri(repository)))
    }

    fn prepare(&self, uri: &str) -> BoxFuture<'static, Result<PreparedImage, String>> {
        let (containers, uri) = (self.clone(), uri.to_owned());
        Box::pin(async move {
            let prepared = tokio::task::spawn_blocking(move || {
                let resolved_uri = containers.resolve(&uri)?;
                let container = containers.prepare(&resolved_uri)?;
                Ok(PreparedImage {
                    resolved_uri,
                    program: container.program,
                    arguments: container.arguments,
                    environment: container.environment,
                    folder: container.folder,
                })
            });
            prepared.await.unwrap_or_else(|error| Err(format!("unpacking failed: {error}")))
        })
    }
}

/// A digest as a folder's name: its hexadecimal part.
fn name(digest: &str) -> &str {
    digest.rsplit(':').next().unwrap_or(digest)
}

#[cfg(test)]
mod tests;
