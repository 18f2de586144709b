//! What the models of projects are.

use crate::domain::deployment::Deployment;
use crate::domain::registered_model::ModelVersion;
use crate::model_files::{ModelDescription, ObjectReader};
use crate::objects::keys;
use crate::{Platform, Result};

/// The largest model file that is looked into for its model's class, in bytes.
const LARGEST_FILE: u64 = 64 * 1024 * 1024;
/// The longest description of a model's files that is read, in bytes.
const LONGEST_DESCRIPTION: u64 = 1024 * 1024;

/// What is said where nobody can tell.
const UNKNOWN: &str = "unknown";

/// What a model is: its class where that can be told, else its framework. Nobody looks twice.
///
/// # Errors
/// `Internal` when AWS does not answer.
pub async fn algo(platform: &Platform, version: &ModelVersion) -> Result<String> {
    if let Some(algo) = &version.algo {
        return Ok(algo.clone());
    }
    let told = match &version.artifact_path {
        Some(folder) => look(platform, folder).await?,
        None => None,
    };
    let Some(told) = told else { return Ok(UNKNOWN.to_owned()) };
    platform.store()?.set_algo(version, &told).await?;
    Ok(told)
}

/// Looks into a model's folder; `None` where it is not there, or its description cannot be read.
async fn look(platform: &Platform, folder: &str) -> Result<Option<String>> {
    let objects = platform.objects()?;
    let described = keys::artifact(&format!("{folder}/MLmodel"));
    if objects.size(&described).await?.is_none_or(|size| size > LONGEST_DESCRIPTION) {
        return Ok(None);
    }
    let text = objects.get(&described).await?.unwrap_or_default();
    let Ok(description) = ModelDescription::of_text(&String::from_utf8_lossy(&text)) else { return Ok(None) };
    if let Some(class) = description.model_type() {
        return Ok(Some(class));
    }
    if let Some(file) = description.model_file() {
        let key = keys::artifact(&format!("{folder}/{file}"));
        if let Some(size) = objects.size(&key).await?.filter(|size| *size <= LARGEST_FILE) {
            let (reader, name) = (ObjectReader::new(objects.clone(), key, size), file.to_owned());
            let told = tokio::task::spawn_blocking(move || {
                let mut reader = reader;
                model_file::inspect(&name, &mut reader, size)
            });
            // A file that nobody can tell is served all the same.
            if let Ok(Ok(inspection)) = told.await {
                return Ok(Some(inspection.model_type));
            }
        }
    }
    Ok(Some(description.framework()))
}

/// The model version that a deployment serves, if it is still registered.
///
/// # Errors
/// `Internal` when DynamoDB does not answer.
pub async fn of_deployment(platform: &Platform, deployment: &Deployment) -> Result<Option<ModelVersion>> {
    let store = platform.store()?;
    match (&deployment.model_id, deployment.live_model_version) {
        (Some(id), _) => store.model_of_id(id).await,
        (None, Some(version)) => store.model_version(&deployment.model_name, version).await,
        (None, None) => store.latest_version(&deployment.model_name).await,
    }
}
