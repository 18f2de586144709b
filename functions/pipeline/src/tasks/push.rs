//! Uploads what the repository lacks of an image, in parts, and puts the image.

use shared::domain::image::ImagePlan;
use shared::domain::job::JobStatus;
use shared::objects::keys;
use shared::store::jobs::JobChange;
use shared::{Error, Platform, Result, Timestamp};

use super::JobEvent;
use crate::repository::Repository;

/// Pushes the image that the build planned for this job.
///
/// # Errors
/// `Conflict` when the job was cancelled; `Internal` when a layer is gone or the registry does not take it.
pub async fn perform(platform: &Platform, event: JobEvent) -> Result<JobEvent> {
    let job = platform.store()?.move_job(&event.job_id, JobStatus::Pushing, JobChange::default()).await?;
    let plan = platform.objects()?.get(&keys::image_plan(&job.id)).await?;
    let plan = plan.ok_or_else(|| Error::broken(format!("job {} has no image plan", job.id)))?;
    let plan: ImagePlan = serde_json::from_slice(&plan).map_err(|error| Error::internal("reading the image plan", error))?;
    let repository = Repository::of(platform)?;

    let started = Timestamp::now();
    let mut wanted: Vec<String> = plan.layers.iter().map(|layer| layer.digest.clone()).collect();
    wanted.push(plan.config_digest.clone());
    let present = repository.present(&wanted).await?;
    let (mut uploaded, mut uploaded_bytes) = (0u32, 0u64);
    for layer in plan.layers.iter().filter(|layer| !present.contains(&layer.digest)) {
        let source = platform.objects()?.stream(&keys::layer(&layer.digest)).await?;
        let source = source.ok_or_else(|| Error::broken(format!("the layer {} is gone; deploy again to build it anew", layer.digest)))?;
        repository.upload(&layer.digest, source).await?;
        uploaded += 1;
        uploaded_bytes += layer.size;
    }
    if !present.contains(&plan.config_digest) {
        repository.upload(&plan.config_digest, Some(plan.config.clone().into())).await?;
    }
    repository.put_manifest(&plan.manifest, &plan.manifest_media_type, &plan.manifest_digest, &format!("job-{}", job.id)).await?;

    let line = format!(
        "Pushed {}: {uploaded} of {} layers uploaded ({:.1} MB), the others were there, in {:.1} s",
        plan.manifest_digest,
        plan.layers.len(),
        uploaded_bytes as f64 / 1e6,
        Timestamp::now().seconds_since(started),
    );
    super::say(platform, &job, 30, &line).await?;
    let change = JobChange { image_uri: Some(format!("{}@{}", repository.uri().await?, plan.manifest_digest)), ..JobChange::default() };
    platform.store()?.move_job(&job.id, JobStatus::Pushing, change).await?;
    Ok(event)
}
