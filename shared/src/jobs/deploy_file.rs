//! Deploying a model file: it is told without being run, written down as the files of a registered version, and brought
//! to a deployment by a job that begins with building its image.

use std::io::Cursor;

use bytes::Bytes;
use model_file::Inspection;

use super::submit::{self, Submitted, Target};
use crate::domain::deployment::{Configuration, ConfigurationChange, Deployment};
use crate::domain::job::{Job, JobKind};
use crate::domain::registered_model::{ModelVersion, NewModelVersion};
use crate::domain::upload::check_file_name;
use crate::domain::{artifact_uri, name, requirement};
use crate::identity::Caller;
use crate::model_files::{self, ObjectReader};
use crate::objects::keys;
use crate::store::idempotency::Idempotency;
use crate::{Error, ErrorKind, Platform, Result, config};

/// The memory that a deployed file's function may have, in megabytes.
pub const MEMORY_MB: std::ops::RangeInclusive<i64> = 128..=10_240;
/// The time that one request to it may take, in seconds.
pub const TIMEOUT_SECONDS: std::ops::RangeInclusive<i64> = 1..=900;
/// Its memory where nobody names any, in megabytes. Document: serveml-api, "Create Deployment".
pub const DEFAULT_MEMORY_MB: u32 = 1024;
/// Its time where nobody names any, in seconds.
pub const DEFAULT_TIMEOUT_SECONDS: u32 = 30;

const LONGEST_REQUIREMENTS: usize = 64 * 1024;
const LONGEST_CHANGES: usize = 2000;

/// Where the file is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileSource {
    /// It came with the request.
    Content {
        /// Its name.
        file_name: String,
        /// Its bytes.
        content: Bytes,
    },
    /// It was uploaded under that id.
    Upload(String),
}

/// What a user asks for, not yet checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileDeployment {
    /// The model file.
    pub source: FileSource,
    /// The text of its requirements file; where absent, what the file itself tells.
    pub requirements: Option<String>,
    /// The deployment's name; where absent, the file's.
    pub name: Option<String>,
    /// The function's memory in megabytes.
    pub memory_mb: Option<i64>,
    /// The time of one request in seconds.
    pub timeout_seconds: Option<i64>,
    /// The deployment of which this is to be a new version; a new deployment where absent.
    pub deployment_id: Option<String>,
    /// What the version changes, for people.
    pub changes: Option<String>,
    /// Whether the file may import anything when it is loaded.
    pub trusted: bool,
}

/// What a user asks of a file that is to be a model of a project, not yet checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileModel {
    /// The upload that holds it.
    pub upload_id: String,
    /// The model's name; where absent, the file's.
    pub name: Option<String>,
    /// The packages that it needs; where absent, what the file itself tells.
    pub requirements: Option<Vec<String>>,
    /// Whether the file may import anything when it is loaded.
    pub trusted: bool,
    /// The project in which it is made; absent for the one that is everybody's.
    pub project_id: Option<String>,
}

/// Registers an uploaded model file as a version of a registered model of its own, for the caller.
///
/// # Errors
/// As [`deploy_file`].
pub async fn register_file(platform: &Platform, caller: &Caller, asked: FileModel) -> Result<ModelVersion> {
    let requirements = asked.requirements.as_deref().map(requirement::check).transpose()?;
    if let Some(name) = &asked.name {
        name::check_model_name("name", name)?;
    }
    let id = crate::id::new_id();
    let folder = folder_of(asked.project_id.as_deref(), &id);
    let source = FileSource::Upload(asked.upload_id);
    let placed = place(platform, caller, &folder, &source, asked.trusted).await?;
    write_folder(platform, &folder, &placed, requirements).await?;
    let shown = asked.name.unwrap_or_else(|| name_of_file(&placed.file_name));
    let version = NewModelVersion {
        model_name: registered(platform, asked.project_id.as_deref(), &shown, &id).await?,
        source: artifact_uri::of_path(&folder),
        artifact_path: Some(folder),
        project_id: asked.project_id,
        algo: Some(placed.inspection.model_type),
        ..NewModelVersion::default()
    };
    platform.store()?.create_model_version(version).await
}

/// Writes what stands beside the file: what it needs, and what it is.
async fn write_folder(platform: &Platform, folder: &str, placed: &Placed, requirements: Option<Vec<String>>) -> Result<()> {
    let requirements = requirements.unwrap_or_else(|| model_file::suggested_requirements(&placed.inspection));
    let objects = platform.objects()?;
    let stored = stored_name(&placed.file_name);
    objects.put(&in_folder(folder, "requirements.txt"), requirements.join("\n") + "\n").await?;
    objects.put(&in_folder(folder, "MLmodel"), model_files::description(&placed.inspection, &stored)).await
}

/// A file in its place, and what it is.
struct Placed {
    inspection: Inspection,
    size: u64,
    file_name: String,
}

/// Deploys a model file for the caller.
///
/// # Errors
/// `Unprocessable`, naming the field, when something that the user gave cannot be; `ModelRefused` when the file cannot be
/// served, or is not to be trusted; `NotFound` when there is no such deployment of the caller's; `Conflict` when the
/// Idempotency-Key was used for another request; `Internal` when AWS does not answer.
pub async fn deploy_file(
    platform: &Platform,
    caller: &Caller,
    asked: FileDeployment,
    idempotency: Option<&Idempotency>,
) -> Result<Submitted> {
    if let Some(before) = submit::submitted_before(platform, idempotency).await? {
        return Ok(before);
    }
    let requirements = asked.requirements.as_deref().map(requirements_of).transpose()?;
    let configuration = configuration_of(&asked)?;
    let changes = changes_of(asked.changes.as_deref())?;
    let existing = match &asked.deployment_id {
        Some(id) => Some(super::own_deployment(platform, caller, id).await?),
        None => None,
    };
    if let Some(name) = &asked.name {
        name::check_model_name("name", name)?;
    }

    let mut job = Job::new(JobKind::Deployment, String::new());
    let store = platform.store()?.seen_by(caller);
    let folder = match &existing {
        // A version of a project's model is the project's too.
        Some(deployment) => {
            store.check_model_name_is_free(&deployment.model_name).await?;
            let model = store.registered_model(&deployment.model_name).await?;
            folder_of(model.and_then(|model| model.project_id).as_deref(), &job.id)
        }
        None => folder_of(None, &job.id),
    };
    let placed = place(platform, caller, &folder, &asked.source, asked.trusted).await?;
    write_folder(platform, &folder, &placed, requirements).await?;

    let shown = asked.name.clone().unwrap_or_else(|| name_of_file(&placed.file_name));
    let metadata = model_files::metadata(&placed.inspection, placed.size);
    let model_name = match &existing {
        Some(deployment) => deployment.model_name.clone(),
        None => registered(platform, None, &shown, &job.id).await?,
    };
    let version = NewModelVersion {
        model_name: model_name.clone(),
        description: changes.clone(),
        source: artifact_uri::of_path(&folder),
        artifact_path: Some(folder),
        algo: metadata.model_type.clone(),
        job_id: Some(job.id.clone()),
        ..NewModelVersion::default()
    };
    let version = store.create_model_version(version).await?;
    job.model_name = model_name;
    job.model_version = Some(version.version);
    job.owner = caller.user_id().map(str::to_owned);
    job.changes = changes;
    job.configuration = Some(configuration);
    job.model = Some(metadata.clone());
    let target = match existing {
        Some(deployment) => {
            // A deployment that nobody in particular made stays so.
            job.owner = deployment.owner.clone().or(job.owner);
            Target::Deployment(deployment.id)
        }
        None => {
            let configuration = Configuration {
                memory_mb: Some(configuration.memory_mb.unwrap_or(DEFAULT_MEMORY_MB)),
                timeout_seconds: Some(configuration.timeout_seconds.unwrap_or(DEFAULT_TIMEOUT_SECONDS)),
                ..Configuration::default()
            };
            let prefix = platform.config.get(config::MODEL_FUNCTION_PREFIX)?;
            Target::Model(Box::new(Deployment {
                name: shown,
                owner: job.owner.clone(),
                configuration,
                model: metadata,
                public: false,
                ..Deployment::new(&job.model_name, &prefix)
            }))
        }
    };
    submit::job(platform, job, target, idempotency).await
}

/// Brings the file to its place in the bucket, where nobody changes it any more, and tells what it is. A file that is
/// refused is not left there.
async fn place(platform: &Platform, caller: &Caller, folder: &str, source: &FileSource, trusted: bool) -> Result<Placed> {
    let objects = platform.objects()?;
    match source {
        FileSource::Content { file_name, content } => {
            check_file_name("model_file", file_name)?;
            let size = content.len() as u64;
            let inspection = inspect("model_file", file_name.clone(), Cursor::new(content.clone()), size).await?;
            model_files::check(&inspection, trusted)?;
            objects.put(&in_folder(folder, &stored_name(file_name)), content.clone()).await?;
            Ok(Placed { inspection, size, file_name: file_name.clone() })
        }
        FileSource::Upload(id) => {
            let missing = |reason: &str| Error::field("upload_id", reason.to_owned());
            let upload = platform.store()?.upload(id).await?.filter(|upload| caller.may_use(upload.owner.as_deref()));
            let upload = upload.ok_or_else(|| missing("there is no such upload, or it has expired; make one with POST /api/v1/uploads"))?;
            let key = in_folder(folder, &stored_name(&upload.file_name));
            // A copy of its own first: with its URL the upload can be written again at any time.
            if !objects.copy(&keys::upload(&upload.id), &key).await? {
                return Err(missing("the file was not uploaded yet; PUT it to the upload_url first"));
            }
            let placed = tell(platform, &key, &upload.file_name, upload.size_bytes, trusted).await;
            if placed.is_err() {
                objects.delete(&key).await?;
            }
            placed
        }
    }
}

async fn tell(platform: &Platform, key: &str, file_name: &str, expected: u64, trusted: bool) -> Result<Placed> {
    let objects = platform.objects()?;
    let size = objects.size(key).await?.ok_or_else(|| Error::broken(format!("{key} vanished")))?;
    if size != expected {
        let reason = format!("the uploaded file has {size} bytes, and {expected} were announced; upload it again");
        return Err(Error::field("upload_id", reason));
    }
    let reader = ObjectReader::new(objects.clone(), key.to_owned(), size);
    let inspection = inspect("upload_id", file_name.to_owned(), reader, size).await?;
    model_files::check(&inspection, trusted)?;
    Ok(Placed { inspection, size, file_name: file_name.to_owned() })
}

/// Tells a file on a thread of its own: a large one takes seconds.
async fn inspect<R>(field: &str, file_name: String, mut file: R, size: u64) -> Result<Inspection>
where
    R: std::io::Read + std::io::Seek + Send + 'static,
{
    let told = tokio::task::spawn_blocking(move || model_file::inspect(&file_name, &mut file, size)).await;
    told.map_err(|error| Error::internal("inspecting a model file", error))?.map_err(|error| model_files::refused(field, error))
}

/// Where the files of a model lie: those of a project apart, since its members alone may read them.
fn folder_of(project_id: Option<&str>, id: &str) -> String {
    match project_id {
        Some(project_id) => artifact_uri::of_project(project_id, id),
        None => format!("model-files/{id}"),
    }
}

fn in_folder(folder: &str, file: &str) -> String {
    keys::artifact(&format!("{folder}/{file}"))
}

/// The file's name in the image: of what the user calls it only the ending, which was checked.
fn stored_name(file_name: &str) -> String {
    let ending = file_name.rsplit_once('.').map_or("", |(_, ending)| ending).to_ascii_lowercase();
    format!("model.{ending}")
}

/// A deployment's name from its file's: `iris-classifier.pkl` is `iris-classifier`.
fn name_of_file(file_name: &str) -> String {
    let stem = file_name.rsplit_once('.').map_or(file_name, |(stem, _)| stem);
    let name: String = stem.chars().filter(|character| *character != ':').take(name::LONGEST_NAME).collect();
    let name = name.trim();
    if name.is_empty() { "model".to_owned() } else { name.to_owned() }
}

/// A registered model of the deployment's own: under its name, or where that is taken, with an end that is not.
async fn registered(platform: &Platform, project_id: Option<&str>, name: &str, job_id: &str) -> Result<String> {
    let store = platform.store()?;
    let end = job_id.rsplit('-').next().unwrap_or(job_id);
    let room = name::LONGEST_NAME - end.len() - 1;
    let longer = format!("{}-{end}", name.chars().take(room).collect::<String>().trim_end());
    for candidate in [name.to_owned(), longer] {
        match store.create_registered_model_in(project_id, &candidate, None, Default::default()).await {
            Ok(model) => return Ok(model.name),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(Error::conflict(format!("There is a registered model of the name {name} already; choose another name.")))
}

fn configuration_of(asked: &FileDeployment) -> Result<ConfigurationChange> {
    Ok(ConfigurationChange {
        memory_mb: asked.memory_mb.map(|memory| within("memory", memory, MEMORY_MB, "megabytes")).transpose()?,
        timeout_seconds: asked.timeout_seconds.map(|timeout| within("timeout", timeout, TIMEOUT_SECONDS, "seconds")).transpose()?,
        ..ConfigurationChange::default()
    })
}

/// A whole number within its bounds.
///
/// # Errors
/// `Unprocessable`, naming the field, when it is not.
pub fn within(field: &str, value: i64, bounds: std::ops::RangeInclusive<i64>, unit: &str) -> Result<u32> {
    u32::try_from(value).ok().filter(|_| bounds.contains(&value)).ok_or_else(|| {
        let unit = if unit.is_empty() { String::new() } else { format!(" {unit}") };
        Error::field(field, format!("must be from {} to {}{unit}, not {value}", bounds.start(), bounds.end()))
    })
}

fn changes_of(changes: Option<&str>) -> Result<Option<String>> {
    let Some(changes) = changes.map(str::trim).filter(|changes| !changes.is_empty()) else { return Ok(None) };
    if changes.len() > LONGEST_CHANGES {
        return Err(Error::field("changes", format!("must have at most {LONGEST_CHANGES} bytes, not {}", changes.len())));
    }
    Ok(Some(changes.to_owned()))
}

/// The requirements of a requirements file: one in each line, with comments and empty lines between them.
fn requirements_of(text: &str) -> Result<Vec<String>> {
    if text.len() > LONGEST_REQUIREMENTS {
        let message = format!("must have at most {LONGEST_REQUIREMENTS} bytes, not {}", text.len());
        return Err(Error::field("requirements_file", message));
    }
    let mut requirements = Vec::new();
    for (number, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let line = line.split(" #").next().unwrap_or_default().trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let checked = requirement::check(&[line.to_owned()]).map_err(|error| {
            let message = error.public_message().split_once(": ").map_or("", |(_, message)| message).to_owned();
            Error::field("requirements_file", format!("line {}: {message}", number + 1))
        })?;
        requirements.extend(checked.into_iter().filter(|one| !requirements.contains(one)).collect::<Vec<_>>());
    }
    requirement::check(&requirements)
        .map_err(|error| Error::field("requirements_file", error.public_message().trim_start_matches("requirements: ").to_owned()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_requirements_file_is_read_line_by_line() {
        let text = "\u{feff}# what it needs\nscikit-learn==1.9.1  # the model\n\nnumpy>=2\nnumpy>=2\n";
        assert_eq!(requirements_of(text).unwrap(), ["scikit-learn==1.9.1", "numpy>=2"]);
        for (text, message) in [
            ("numpy\n-r other.txt", "requirements_file: line 2: \"-r other.txt\" is an option of pip"),
            ("git+https://host/x", "requirements_file: line 1: "),
            ("../x", "requirements_file: line 1: "),
            ("numpy ===== 1", "requirements_file: line 1: "),
        ] {
            let refused = requirements_of(text).unwrap_err();
            assert!(refused.public_message().starts_with(message), "{refused}");
        }
        let many: Vec<String> = (0..201).map(|number| format!("package{number}")).collect();
        assert!(requirements_of(&many.join("\n")).unwrap_err().public_message().starts_with("requirements_file: must have at most 200"));
        assert!(requirements_of(&"x".repeat(70_000)).is_err());
    }

    #[test]
    fn a_name_comes_from_the_file() {
        assert_eq!(name_of_file("iris-classifier.pkl"), "iris-classifier");
        assert_eq!(name_of_file(".pkl"), "model");
        assert_eq!(stored_name("../../x.PKL"), "model.pkl");
    }
}
