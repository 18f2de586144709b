//! Makes the image of a registered version: its layers into the bucket, its configuration and manifest into a plan that
//! the push carries out. Nothing here needs a container engine.

use std::collections::BTreeMap;
use std::path::Path;

use shared::domain::deployment::ModelMetadata;
use shared::domain::image::{ImagePlan, Layer};
use shared::domain::job::{Job, JobStatus};
use shared::domain::registered_model::ModelVersion;
use shared::objects::keys;
use shared::store::jobs::JobChange;
use shared::{Error, Platform, Result, Timestamp};

use super::JobEvent;
use crate::base_image;
use crate::image::layer::Layer as WrittenLayer;
use crate::image::manifest::{Image, ImageSpecification, MANIFEST_MEDIA_TYPE, NamedLayer, build};
use crate::packaging::model_description;
use crate::packaging::{dependency_layer, image_error, model_files, model_layer, server_layer};
use crate::repository::Repository;

/// Builds the image of the version that the job deploys.
///
/// # Errors
/// `BadRequest` when the model's files or requirements cannot be built; `Conflict` when the job was cancelled.
pub async fn perform(platform: &Platform, event: JobEvent) -> Result<JobEvent> {
    let store = platform.store()?;
    let job = store.move_job(&event.job_id, JobStatus::Building, JobChange::default()).await?;
    if let Some(deployment_id) = &job.deployment_id {
        store.begin_building(deployment_id, &job.id).await?;
    }
    let number = super::model_version(&job)?;
    let version = store.model_version(&job.model_name, number).await?;
    let version = version.ok_or_else(|| Error::bad_request(format!("Model {} version {number} was deleted", job.model_name)))?;
    let repository = Repository::of(platform)?;
    let work = tempfile::tempdir().map_err(|error| Error::internal("making a work folder", error))?;
    let plan = plan(platform, &repository, &job, &version, work.path()).await?;
    let plan = serde_json::to_vec(&plan).map_err(|error| Error::internal("writing the image plan", error))?;
    platform.objects()?.put(&keys::image_plan(&job.id), plan).await?;
    Ok(event)
}

async fn plan(platform: &Platform, repository: &Repository, job: &Job, version: &ModelVersion, work: &Path) -> Result<ImagePlan> {
    let base = base_image::ensure(platform, repository).await?;
    let folder = work.join("model");
    let model_bytes = model_files::download(platform, version, &folder).await?;
    let description = model_description::read(&folder)?;
    if job.model.is_none() {
        let model = ModelMetadata {
            framework: Some(description.framework()),
            model_type: description.model_type(),
            size_bytes: Some(model_bytes),
            ..ModelMetadata::default()
        };
        platform.store()?.set_job_model(&job.id, &model).await?;
    }

    let started = Timestamp::now();
    let (server, _) = server_layer::ensure(platform, repository, work).await?;
    let dependencies = dependency_layer::ensure(platform, repository, work, &folder, &description, &base).await?;
    let how = if dependencies.reused { "reused" } else { "built" };
    let line = format!(
        "Dependency layer {how}: {} packages, {:.1} MB, in {:.1} s",
        dependencies.packages,
        dependencies.layer.size as f64 / 1e6,
        Timestamp::now().seconds_since(started)
    );
    super::say(platform, job, 10, &line).await?;

    let model = model_layer::make(platform, repository, work, &folder, version, &description, &base.python_version).await?;
    let line = format!("Model layer built: {:.1} MB from {:.1} MB of files", model.size as f64 / 1e6, model_bytes as f64 / 1e6);
    super::say(platform, job, 11, &line).await?;

    let named = |layer: &Layer, created_by: String| NamedLayer {
        layer: WrittenLayer { digest: layer.digest.clone(), diff_id: layer.diff_id.clone(), size: layer.size, uncompressed_size: 0 },
        created_by,
    };
    let specification = ImageSpecification {
        created: version.created_at.to_string(),
        layers: vec![
            named(&server, "model server".to_owned()),
            named(&dependencies.layer, "packages".to_owned()),
            named(&model, format!("model {} version {}", version.model_name, version.version)),
        ],
        entrypoint: vec![server_layer::entry_point()],
        environment: BTreeMap::new(),
        labels: BTreeMap::from([
            ("org.opencontainers.image.title".to_owned(), version.model_name.clone()),
            ("org.opencontainers.image.version".to_owned(), version.version.to_string()),
        ]),
        working_folder: "/".to_owned(),
    };
    let image = build(&base.image, &specification).map_err(image_error)?;
    as_plan(image, vec![server, dependencies.layer, model])
}

fn as_plan(image: Image, layers: Vec<Layer>) -> Result<ImagePlan> {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).map_err(|error| Error::internal("writing the image's documents", error));
    Ok(ImagePlan {
        config: text(image.configuration)?,
        config_digest: image.configuration_digest,
        manifest: text(image.manifest)?,
        manifest_digest: image.manifest_digest,
        manifest_media_type: MANIFEST_MEDIA_TYPE.to_owned(),
        layers,
    })
}
