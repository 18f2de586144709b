//! Jobs that look at a deployment's records of predictions: drift, and exports.

use std::collections::BTreeSet;

use crate::domain::deployment::Deployment;
use crate::domain::job::{Job, JobKind};
use crate::identity::Caller;
use crate::jobs::submit::{self, Target};
use crate::objects::keys;
use crate::store::idempotency::Idempotency;
use crate::store::inference_logs::Between;
use crate::{Error, Platform, Result, Timestamp, config};

/// What is said where nothing is known of the data on which a model was trained.
pub const NO_BASELINE: &str = "Nothing is known of the data on which this model was trained: it was not recorded when it was trained. Post \
                               rows of that data with POST /api/mlops/deployments/{deployment_id}/drift/baseline.";

/// The longest profile that is read, in bytes.
const LONGEST_PROFILE: u64 = 16 * 1024 * 1024;

/// Has a deployment's recent inputs compared with its model's training data.
///
/// # Errors
/// `Internal` when AWS does not answer.
pub async fn run_drift(platform: &Platform, caller: &Caller, deployment: &Deployment) -> Result<Job> {
    let job = job_of(caller, deployment, JobKind::Drift);
    Ok(submit::job(platform, job, Target::Nothing, None).await?.job)
}

/// Has a deployment's records of predictions written to a file.
///
/// # Errors
/// `Conflict` when the Idempotency-Key was used for another request; `Internal` when AWS does not answer.
pub async fn export(
    platform: &Platform,
    caller: &Caller,
    deployment: &Deployment,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
    idempotency: Option<&Idempotency>,
) -> Result<Job> {
    let job = Job { since, until, ..job_of(caller, deployment, JobKind::Export) };
    Ok(submit::job(platform, job, Target::Nothing, idempotency).await?.job)
}

fn job_of(caller: &Caller, deployment: &Deployment, kind: JobKind) -> Job {
    Job {
        deployment_id: Some(deployment.id.clone()),
        owner: caller.user_id().map(str::to_owned),
        ..Job::new(kind, deployment.model_name.clone())
    }
}

/// The span of records after `since` and before `until` that are kept.
///
/// # Errors
/// `Internal` when the environment does not say for how long records are kept.
pub fn span(platform: &Platform, since: Option<Timestamp>, until: Option<Timestamp>) -> Result<Between> {
    let days = platform.config.number(config::INFERENCE_LOG_DAYS)?;
    let now = Timestamp::now();
    // What is older is deleted some time, and not there any more until then either: totals must not tell otherwise.
    let oldest = now.plus_seconds(-days.saturating_mul(86_400)).milliseconds();
    let newest = now.plus_seconds(86_400).milliseconds();
    let low = since.map_or(oldest, |since| since.milliseconds().saturating_add(1).max(oldest));
    let high = until.map_or(newest, |until| until.milliseconds().min(newest));
    Ok(Between { low, high })
}

/// The profile of what a deployment's model was trained on: the one that was posted for the deployment, else that of the model's
/// training, else that of its input example.
///
/// # Errors
/// `Internal` when AWS does not answer.
pub async fn baseline(platform: &Platform, deployment: &Deployment) -> Result<Option<drift::Profile>> {
    if let Some(profile) = profile(platform, &posted(deployment)).await? {
        return Ok(Some(profile));
    }
    let folder = super::models::of_deployment(platform, deployment).await?.and_then(|version| version.artifact_path);
    match folder {
        Some(folder) => match profile(platform, &keys::training_profile(&folder)).await? {
            Some(profile) => Ok(Some(profile)),
            None => example(platform, &folder).await,
        },
        None => Ok(None),
    }
}

/// The profile of the input example that was logged with the model of a folder.
async fn example(platform: &Platform, folder: &str) -> Result<Option<drift::Profile>> {
    let key = keys::artifact(&format!("{folder}/input_example.json"));
    let objects = platform.objects()?;
    if objects.size(&key).await?.is_none_or(|size| size > LONGEST_PROFILE) {
        return Ok(None);
    }
    let text = objects.get(&key).await?;
    Ok(text.and_then(|text| serde_json::from_slice(&text).ok()).and_then(|example| drift::Profile::of_example(&example)))
}

async fn profile(platform: &Platform, key: &str) -> Result<Option<drift::Profile>> {
    let objects = platform.objects()?;
    if objects.size(key).await?.is_none_or(|size| size > LONGEST_PROFILE) {
        return Ok(None);
    }
    let Some(text) = objects.get(key).await? else { return Ok(None) };
    // A script can put anything beside its model: what is no profile counts as none.
    Ok(serde_json::from_slice(&text).ok())
}

/// Keeps a profile as the one with which a deployment is compared.
///
/// # Errors
/// `Internal` when AWS does not answer.
pub async fn keep_baseline(platform: &Platform, deployment: &Deployment, profile: &drift::Profile) -> Result<()> {
    let text = serde_json::to_vec(profile).map_err(|error| Error::internal("writing a profile", error))?;
    platform.objects()?.put(&posted(deployment), text).await
}

/// Where a deployment's posted profile is.
fn posted(deployment: &Deployment) -> String {
    keys::posted_profile(&deployment.id, deployment.changing_version())
}

/// The columns of which a deployment's records do not hold what was asked, but what its privacy policy makes of it: they cannot be
/// compared with the data on which the model was trained.
///
/// # Errors
/// `Internal` when DynamoDB does not answer.
pub async fn treated_columns(platform: &Platform, deployment: &Deployment) -> Result<BTreeSet<String>> {
    let settings = &deployment.privacy;
    let policy = match &settings.policy_id {
        Some(id) => platform.store()?.privacy_policy(id).await?.filter(|policy| policy.project_id == deployment.project()),
        None => None,
    };
    if !settings.anonymize_logs.unwrap_or(policy.is_some()) {
        return Ok(BTreeSet::new());
    }
    let of_policy = policy.map(|policy| policy.policy.column_map.into_keys()).into_iter().flatten();
    Ok(of_policy.chain(settings.column_map.keys().cloned()).collect())
}
