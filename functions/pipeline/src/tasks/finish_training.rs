//! Makes of a training that ended well a version of the job's registered model.

use serde::{Deserialize, Serialize};
use shared::domain::job::{Job, JobKind, JobStatus};
use shared::domain::logged_model::{LoggedModelStatus, ModelLocation};
use shared::domain::outcome::TrainingOutcome;
use shared::domain::registered_model::{ModelVersion, NewModelVersion};
use shared::paging::PageRequest;
use shared::store::jobs::JobChange;
use shared::{Error, Platform, Result};

use super::JobEvent;

const NO_MODEL: &str =
    "The script ended without logging a model: call mlflow.<flavor>.log_model(model, \"model\") inside mlflow.start_run()";
/// Among so many of a model's newest versions, one that the script registered itself is looked for.
const NEWEST_VERSIONS: u32 = 100;

/// What a training made.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Trained {
    /// The job.
    pub job_id: String,
    /// The registered model.
    pub model_name: String,
    /// Its version; absent where the script makes none.
    pub model_version: Option<u64>,
}

/// Registers the model that the script logged last, or finds the version that the script registered itself; sets the
/// job's run and version. A training is completed by that, a deployment goes on.
///
/// # Errors
/// `BadRequest` with what a person needs to know when the script failed or logged no model; `Conflict` when the job is cancelled or has ended; `Internal` when the table
/// or the bucket does not answer.
pub async fn perform(platform: &Platform, event: JobEvent) -> Result<Trained> {
    let job = super::job(platform, &event.job_id).await?;
    let done = |model_version: Option<u64>| Trained { job_id: job.id.clone(), model_name: job.model_name.clone(), model_version };
    if job.status == JobStatus::Completed {
        platform.store()?.follow_job(&job).await?;
        return Ok(done(job.model_version));
    }
    check_outcome(job.outcome.as_ref())?;
    if job.cancel_requested {
        return Err(Error::conflict("Cancelled by request"));
    }
    if job.without_model {
        platform
            .store()?
            .move_job(&job.id, JobStatus::Completed, JobChange { run_id: job.recipe_run_id.clone(), ..JobChange::default() })
            .await?;
        return Ok(done(None));
    }
    let version = version(platform, &job).await?;
    let status = match job.kind {
        JobKind::Training => JobStatus::Completed,
        JobKind::Deployment => JobStatus::Training,
        _ => return Err(Error::broken(format!("job {} trains nothing", job.id))),
    };
    let change = JobChange { run_id: version.run_id.clone(), model_version: Some(version.version), ..JobChange::default() };
    platform.store()?.move_job(&job.id, status, change).await?;
    Ok(done(Some(version.version)))
}

fn check_outcome(outcome: Option<&TrainingOutcome>) -> Result<()> {
    match outcome.map(TrainingOutcome::error) {
        Some(None) => Ok(()),
        Some(Some(error)) => Err(Error::bad_request(error)),
        None => Err(Error::bad_request("The training ended without reporting how; the machine that ran it was lost")),
    }
}

async fn version(platform: &Platform, job: &Job) -> Result<ModelVersion> {
    let store = platform.store()?.seen_by_owner(job.owner.as_deref());
    if let Some(version) = store.version_of_job(&job.id).await? {
        return Ok(version);
    }
    if let Some(version) = version_of_script(platform, job).await? {
        for (key, value) in &job.tags {
            store.set_model_version_tag(&version.model_name, version.version, key, value).await?;
        }
        return Ok(version);
    }
    let location = logged_model(platform, job).await?.ok_or_else(|| Error::bad_request(NO_MODEL))?;
    store.create_model_version(new_version(job, location)).await
}

fn new_version(job: &Job, location: ModelLocation) -> NewModelVersion {
    NewModelVersion {
        model_name: job.model_name.clone(),
        tags: job.tags.clone(),
        run_id: location.run_id,
        source: location.source,
        artifact_path: Some(location.artifact_path),
        job_id: Some(job.id.clone()),
        model_id: location.model_id,
        ..NewModelVersion::default()
    }
}

/// The version that the script registered itself under the job's model, with `registered_model_name` for example.
async fn version_of_script(platform: &Platform, job: &Job) -> Result<Option<ModelVersion>> {
    let store = platform.store()?.seen_by_owner(job.owner.as_deref());
    let page = store.model_versions(&job.model_name, &PageRequest { limit: NEWEST_VERSIONS, after: None }).await?;
    if page.items.is_empty() {
        return Ok(None);
    }
    let runs = store.job_runs(&job.id).await?;
    let models: Vec<String> = store.job_logged_models(&job.id).await?.into_iter().map(|model| model.id).collect();
    Ok(page.items.into_iter().find(|version| {
        let of_run = version.run_id.as_ref().is_some_and(|run_id| runs.contains(run_id));
        let of_model = version.model_id.as_ref().is_some_and(|model_id| models.contains(model_id));
        (of_run || of_model) && version.artifact_path.is_some()
    }))
}

/// The model that the script logged last: a logged model that is whole, or for older clients what a run's artifacts hold.
async fn logged_model(platform: &Platform, job: &Job) -> Result<Option<ModelLocation>> {
    let store = platform.store()?;
    for model in store.job_logged_models(&job.id).await? {
        if let (LoggedModelStatus::Ready, Some(artifact_path)) = (model.status, model.artifact_path()) {
            let source = format!("models:/{}", model.id);
            return Ok(Some(ModelLocation { artifact_path, source, model_id: Some(model.id), run_id: model.source_run_id }));
        }
    }
    for run_id in store.job_runs(&job.id).await?.iter().rev() {
        if let Some(location) = store.resolve_run_model(platform.objects()?, run_id).await? {
            return Ok(Some(location));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn a_failed_script_fails_in_its_own_words() {
        let exited = TrainingOutcome::Exited { code: 1, exception: Some("ModuleNotFoundError: No module named 'xgboost'".to_owned()) };
        let error = check_outcome(Some(&exited)).expect_err("the script failed");
        assert_eq!(error.public_message(), "ModuleNotFoundError: No module named 'xgboost'");
        assert!(check_outcome(Some(&TrainingOutcome::Succeeded)).is_ok());
        assert!(check_outcome(None).is_err());
    }

    #[test]
    fn a_version_carries_the_jobs_tags() {
        let mut job = Job::new(JobKind::Training, "churn".to_owned());
        job.tags = BTreeMap::from([("version".to_owned(), "1.0".to_owned())]);
        let location = ModelLocation {
            artifact_path: "1/models/m-1/artifacts".to_owned(),
            source: "models:/m-1".to_owned(),
            model_id: Some("m-1".to_owned()),
            run_id: Some("r".to_owned()),
        };
        let new = new_version(&job, location);
        assert_eq!((new.tags, new.job_id), (job.tags, Some(job.id)));
    }
}
