//! Uploading a layer: `InitiateLayerUpload`, `UploadLayerPart`, `CompleteLayerUpload`.
//!
//! The parts of an upload follow each other without gaps and are hashed as they arrive. A completed upload is flushed
//! to disk, then moved among the blobs.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::errors::{error, failed, invalid};
use super::repository::Repository;
use super::{Ecr, document};
use crate::account::ACCOUNT_ID;
use crate::aws_error::AwsError;

/// The size of parts that `InitiateLayerUpload` recommends, and the largest one, in bytes.
const LARGEST_PART: u64 = 20 << 20;
/// The smallest size of a part that another one follows, in bytes.
const SMALLEST_PART: u64 = 5 << 20;
/// The largest layer, in bytes.
const LARGEST_LAYER: u64 = 52_000 << 20;
/// An upload that nothing was added to for this long is given up.
const LONGEST_PAUSE: Duration = Duration::from_secs(24 * 3600);

/// The uploads of a repository that are under way.
pub struct Uploads {
    folder: PathBuf,
    open: Mutex<HashMap<String, Arc<Mutex<Upload>>>>,
}

struct Upload {
    file: File,
    path: PathBuf,
    hash: Sha256,
    size: u64,
    /// Whether a part before the last one was smaller than allowed.
    too_small: bool,
    last_part: u64,
    changed: Instant,
}

impl Uploads {
    /// Starts with none: what a former process left is removed.
    pub fn open(folder: PathBuf) -> io::Result<Self> {
        match fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        fs::create_dir_all(&folder)?;
        Ok(Self { folder, open: Mutex::default() })
    }

    fn all(&self) -> MutexGuard<'_, HashMap<String, Arc<Mutex<Upload>>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn start(&self) -> io::Result<String> {
        let id = crate::account::random_hex(16);
        let path = self.folder.join(&id);
        let file = OpenOptions::new().write(true).create_new(true).open(&path)?;
        let upload =
            Upload { file, path, hash: Sha256::new(), size: 0, too_small: false, last_part: SMALLEST_PART, changed: Instant::now() };
        let mut all = self.all();
        all.retain(|_, upload| {
            // One that is locked is being added to right now.
            let Ok(upload) = upload.try_lock() else { return true };
            let idle = upload.changed.elapsed() > LONGEST_PAUSE;
            if idle {
                let _ = fs::remove_file(&upload.path);
            }
            !idle
        });
        all.insert(id.clone(), Arc::new(Mutex::new(upload)));
        Ok(id)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct InitiateLayerUpload {
    repository_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct UploadLayerPart {
    repository_name: String,
    upload_id: String,
    part_first_byte: u64,
    part_last_byte: u64,
    layer_part_blob: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CompleteLayerUpload {
    repository_name: String,
    upload_id: String,
    layer_digests: Vec<String>,
}

impl Ecr {
    pub(super) fn initiate_layer_upload(&self, request: InitiateLayerUpload) -> Result<Value, AwsError> {
        let repository = self.repository(&request.repository_name)?;
        let id = repository.uploads.start().map_err(failed("starting the upload"))?;
        Ok(json!({ "uploadId": id, "partSize": LARGEST_PART }))
    }

    pub(super) fn upload_layer_part(&self, request: UploadLayerPart) -> Result<Value, AwsError> {
        let repository = self.repository(&request.repository_name)?;
        let upload = find(&repository, &request.upload_id)?;
        let bytes = BASE64
            .decode(&request.layer_part_blob)
            .map_err(|error| invalid(format!("Invalid parameter at 'layerPartBlob' failed to satisfy constraint: 'base64': {error}")))?;
        let mut upload = upload.lock().unwrap_or_else(PoisonError::into_inner);
        let wrong = |reason: String| {
            error(
                "InvalidLayerPartException",
                format!("{reason} (upload '{}' of repository '{}')", request.upload_id, request.repository_name),
            )
        };
        let length = bytes.len() as u64;
        if request.part_first_byte != upload.size {
            return Err(wrong(format!("The first byte of the part must be {}, not {}", upload.size, request.part_first_byte)));
        }
        if length == 0 || length > LARGEST_PART {
            return Err(wrong(format!("A part has 1 to {LARGEST_PART} bytes, not {length}")));
        }
        if request.part_last_byte.checked_sub(request.part_first_byte) != Some(length - 1) {
            return Err(wrong(format!(
                "The part has {length} bytes, not those from {} to {}",
                request.part_first_byte, request.part_last_byte
            )));
        }
        if upload.size + length > LARGEST_LAYER {
            return Err(wrong(format!("A layer has at most {LARGEST_LAYER} bytes")));
        }
        upload.add(&bytes).map_err(failed("writing the part"))?;
        Ok(json!({
            "registryId": ACCOUNT_ID,
            "repositoryName": request.repository_name,
            "uploadId": request.upload_id,
            "lastByteReceived": upload.size - 1,
        }))
    }

    pub(super) fn complete_layer_upload(&self, request: CompleteLayerUpload) -> Result<Value, AwsError> {
        let name = &request.repository_name;
        let repository = self.repository(name)?;
        let upload = find(&repository, &request.upload_id)?;
        let told = request.layer_digests.iter().find(|digest| document::hexadecimal(digest).is_some());
        let Some(told) = told else {
            return Err(invalid("Invalid parameter at 'layerDigests' failed to satisfy constraint: 'one digest sha256:…'"));
        };
        let upload = upload.lock().unwrap_or_else(PoisonError::into_inner);
        let id = &request.upload_id;
        if upload.size == 0 {
            return Err(error("EmptyUploadException", format!("The upload '{id}' of repository '{name}' has no parts")));
        }
        // From here on the upload is over, whatever becomes of it.
        repository.uploads.all().remove(id);
        let completed = complete(&repository, &upload, told);
        if completed.is_err() {
            let _ = fs::remove_file(&upload.path);
        }
        completed?;
        Ok(json!({ "registryId": ACCOUNT_ID, "repositoryName": name, "uploadId": id, "layerDigest": told }))
    }
}

fn complete(repository: &Repository, upload: &Upload, told: &str) -> Result<(), AwsError> {
    let name = repository.name();
    if upload.too_small {
        return Err(error("LayerPartTooSmallException", format!("Every part but the last has at least {SMALLEST_PART} bytes")));
    }
    let found = document::written(upload.hash.clone());
    let path = match repository.blob_path(&found) {
        Some(path) if found == told => path,
        _ => {
            return Err(error(
                "InvalidLayerException",
                format!("The digest of the uploaded layer is '{found}', not '{told}' (repository '{name}')"),
            ));
        }
    };
    let exists = || {
        error(
            "LayerAlreadyExistsException",
            format!(
                "The image layer with digest '{told}' already exists in the repository with name '{name}' in the registry with id '{ACCOUNT_ID}'"
            ),
        )
    };
    upload.file.sync_all().map_err(failed("storing the layer"))?;
    // Held against the garbage collection and against a second upload of the same layer.
    let _images = repository.images();
    if path.is_file() {
        super::repository::touch(&path).map_err(failed("storing the layer"))?;
        return Err(exists());
    }
    fs::rename(&upload.path, &path).and_then(|()| sync(&repository.blobs())).map_err(failed("storing the layer"))
}

fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

fn find(repository: &Repository, id: &str) -> Result<Arc<Mutex<Upload>>, AwsError> {
    repository.uploads.all().get(id).cloned().ok_or_else(|| {
        error("UploadNotFoundException", format!("The upload with id '{id}' does not exist in the repository '{}'", repository.name()))
    })
}

impl Upload {
    fn add(&mut self, bytes: &[u8]) -> io::Result<()> {
        if let Err(error) = self.file.write_all(bytes) {
            // What was written of the part is cut off, so that it can be sent again.
            self.file.set_len(self.size)?;
            io::Seek::seek(&mut self.file, io::SeekFrom::Start(self.size))?;
            return Err(error);
        }
        self.hash.update(bytes);
        self.size += bytes.len() as u64;
        self.too_small |= self.last_part < SMALLEST_PART;
        self.last_part = bytes.len() as u64;
        self.changed = Instant::now();
        Ok(())
    }
}
