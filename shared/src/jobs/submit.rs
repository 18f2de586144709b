//! Submitting a job: what the user asks is checked, the script is kept, the job is written and its execution started.
//! In this order: what a crash leaves behind is a script that nothing names, or a job that `reconcile_jobs` starts.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::domain::deployment::Deployment;
use crate::domain::development::recipe_run::RecipeRun;
use crate::domain::job::{Job, JobKind, JobStatus, ScriptRun};
use crate::domain::registered_model::{ModelVersion, VersionStatus};
use crate::domain::{name, requirement, script};
use crate::identity::Caller;
use crate::objects::keys;
use crate::store::Store;
use crate::store::idempotency::Idempotency;
use crate::store::jobs::Created;
use crate::store::write::{ATTEMPTS, back_off};
use crate::{Error, ErrorKind, Platform, Result, config};

/// The shortest and the longest time that a script may be given, in seconds.
pub const TIMEOUT_SECONDS: std::ops::RangeInclusive<i64> = 60..=3600;

/// The time that a script has where the user names none, in seconds.
pub const DEFAULT_TIMEOUT_SECONDS: i64 = 300;

/// How many instances of a model a user may ask for at the most.
pub const REPLICAS: std::ops::RangeInclusive<i64> = 1..=1000;

/// The most bytes that a job's tags may have in all: a job is one item of the table.
const LONGEST_TAGS: usize = 64 * 1024;

/// A script as a user submits it, not yet checked.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SubmittedScript {
    /// Its file name.
    pub script_name: String,
    /// Its text, plain or base64.
    pub script_content: String,
    /// The experiment under which its runs are kept.
    pub experiment_name: String,
    /// The packages that it needs; where absent, those that it names itself.
    pub requirements: Option<Vec<String>>,
    /// Its environment variables.
    pub environment_vars: BTreeMap<String, String>,
    /// After how many seconds it is stopped; [`DEFAULT_TIMEOUT_SECONDS`] where absent.
    pub timeout: Option<i64>,
    /// Tags of the model version that is registered.
    pub tags: BTreeMap<String, String>,
}

/// What a deployment brings to its URL.
#[derive(Debug, Clone, PartialEq)]
pub enum DeploymentSource {
    /// The model that a script trains.
    Script(SubmittedScript),
    /// A registered version, as the user wrote its number.
    Version(String),
}

/// A job that was submitted.
#[derive(Debug, Clone, PartialEq)]
pub struct Submitted {
    /// The job.
    pub job: Job,
    /// True when an earlier request with the same Idempotency-Key submitted it.
    pub replayed: bool,
}

/// Submits a training of a new version of `model_name`, as the caller's.
///
/// # Errors
/// `Unprocessable`, naming the field, when something that the user gave cannot be; `AlreadyExists` when a model of a project
/// of others has the name; `Conflict` when the Idempotency-Key was used for another request; `Internal` when AWS does not
/// answer.
pub async fn training(
    platform: &Platform,
    caller: &Caller,
    model_name: String,
    submitted: SubmittedScript,
    idempotency: Option<&Idempotency>,
) -> Result<Submitted> {
    name::check_model_name("model_name", &model_name)?;
    platform.store()?.seen_by(caller).check_model_name_is_free(&model_name).await?;
    let owner = caller.user_id().map(str::to_owned);
    let (text, job) = with_script(Job { owner, ..Job::new(JobKind::Training, model_name) }, submitted)?;
    submit(platform, job, Target::Nothing, Some(text), idempotency).await
}

/// Submits a deployment of `model_name`: of a version that is registered, or of one that a script trains first.
/// `replicas` is the most instances that it may have at once. The deployment is the caller's, if it is a new one.
///
/// # Errors
/// `Unprocessable`, naming the field, when something that the user gave cannot be; `NotFound` when there is no such
/// version; `Forbidden` when another user's deployment serves the model; `Conflict` when the version cannot be deployed, or the Idempotency-Key was used for another request;
/// `Internal` when AWS does not answer.
pub async fn deployment(
    platform: &Platform,
    caller: &Caller,
    model_name: String,
    replicas: Option<i64>,
    source: DeploymentSource,
    idempotency: Option<&Idempotency>,
) -> Result<Submitted> {
    name::check_model_name("model_name", &model_name)?;
    let replicas = replicas.map(check_replicas).transpose()?;
    let owner = caller.user_id().map(str::to_owned);
    let job = Job { replicas, owner, ..Job::new(JobKind::Deployment, model_name) };
    let store = platform.store()?.seen_by(caller);
    match source {
        DeploymentSource::Script(submitted) => {
            store.check_model_name_is_free(&job.model_name).await?;
            let (text, job) = with_script(job, submitted)?;
            let target = target_of(platform, &job)?;
            submit(platform, job, target, Some(text), idempotency).await
        }
        DeploymentSource::Version(version) => {
            // Asked again with its key, a deployment is told of even if its version was deleted since.
            if let Some(before) = submitted_before(platform, idempotency).await? {
                return Ok(before);
            }
            let version = deployable_version(&store, &job.model_name, &version).await?;
            let job = Job { model_version: Some(version.version), run_id: version.run_id, ..job };
            let target = target_of(platform, &job)?;
            submit(platform, job, target, None, idempotency).await
        }
    }
}

/// The deployment of the job's model, which may have to be made.
fn target_of(platform: &Platform, job: &Job) -> Result<Target> {
    let prefix = platform.config.get(config::MODEL_FUNCTION_PREFIX)?;
    Ok(Target::Model(Box::new(Deployment { owner: job.owner.clone(), ..Deployment::new(&job.model_name, &prefix) })))
}

/// What a job brings something to.
#[derive(Debug, Clone, PartialEq)]
pub enum Target {
    /// To no deployment.
    Nothing,
    /// To the deployment of its model; where there is none, this one is made.
    Model(Box<Deployment>),
    /// To the deployment of that id.
    Deployment(String),
}

/// Submits a job that was put together elsewhere. It is its owner's.
///
/// # Errors
/// `NotFound` when the target is not there; `Forbidden` when it is another user's; `Conflict` when the Idempotency-Key
/// was used for another request; `Internal` when AWS does not answer.
pub async fn job(platform: &Platform, job: Job, target: Target, idempotency: Option<&Idempotency>) -> Result<Submitted> {
    submit(platform, job, target, None, idempotency).await
}

/// Submits a job that carries out the run of a recipe: a script with files beside it. The job, the run and what counts them
/// are written at once.
///
/// # Errors
/// `Unprocessable`, naming the field, when the script or what belongs to it cannot be; `NotFound` when the recipe is gone;
/// `Internal` when AWS does not answer.
pub async fn recipe_run(
    platform: &Platform,
    job: Job,
    submitted: SubmittedScript,
    files: Vec<(String, Bytes)>,
    run: &RecipeRun,
) -> Result<Job> {
    let (text, job) = with_script(job, submitted)?;
    let job = Job { files: files.iter().map(|(name, _)| name.clone()).collect(), ..job };
    keep_script(platform, &job, Some(text)).await?;
    for (name, content) in files {
        platform.objects()?.put(&keys::job_file(&job.id, &name), content).await?;
    }
    platform.store()?.create_recipe_run(run, Some(&job)).await?;
    Ok(started(platform, job, Created::New).await?.job)
}

/// The registered version of that number, as the user wrote it, if it is there for the one with whose eyes `store` sees.
///
/// # Errors
/// `NotFound`, in the documents' words, when there is none; `Internal` when DynamoDB does not answer.
pub async fn registered_version(store: &Store, model_name: &str, version: &str) -> Result<ModelVersion> {
    let found = match version.parse::<u64>() {
        Ok(number) => store.model_version(model_name, number).await?,
        Err(_) => None,
    };
    found.ok_or_else(|| {
        let shown = |text: &str| text.chars().take(name::LONGEST_NAME).collect::<String>();
        Error::not_found(format!("Model {} version {} not found", shown(model_name), shown(version)))
    })
}

pub(crate) async fn deployable_version(store: &Store, model_name: &str, version: &str) -> Result<ModelVersion> {
    let version = registered_version(store, model_name, version).await?;
    if version.status != VersionStatus::Ready {
        return Err(Error::conflict(format!("Model {model_name} version {} is not ready to be used", version.version)));
    }
    if version.artifact_path.is_none() {
        return Err(Error::conflict(format!(
            "Model {model_name} version {} cannot be deployed: its files are at {}, outside of this platform; register it from a run \
             that logged the model here",
            version.version, version.source
        )));
    }
    Ok(version)
}

fn check_replicas(replicas: i64) -> Result<u32> {
    let (least, most) = (REPLICAS.start(), REPLICAS.end());
    let refused = || Error::field("replicas", format!("must be from {least} to {most}, not {replicas}"));
    u32::try_from(replicas).ok().filter(|_| REPLICAS.contains(&replicas)).ok_or_else(refused)
}

/// The job with its script, and the script's text.
fn with_script(job: Job, submitted: SubmittedScript) -> Result<(String, Job)> {
    script::check_name(&submitted.script_name)?;
    let text = script::decode(&submitted.script_content)?;
    name::check_experiment_name("experiment_name", &submitted.experiment_name)?;
    let requirements = match &submitted.requirements {
        Some(requirements) => requirement::check(requirements)?,
        None => inline_requirements(&text)?,
    };
    crate::domain::environment_variable::check(&submitted.environment_vars)?;
    let timeout = submitted.timeout.unwrap_or(DEFAULT_TIMEOUT_SECONDS);
    let (least, most) = (TIMEOUT_SECONDS.start(), TIMEOUT_SECONDS.end());
    let timeout_seconds = u32::try_from(timeout)
        .ok()
        .filter(|_| TIMEOUT_SECONDS.contains(&timeout))
        .ok_or_else(|| Error::field("timeout", format!("must be from {least} to {most} seconds, not {timeout}")))?;
    name::check_tags("tags", &submitted.tags)?;
    let length: usize = submitted.tags.iter().map(|(key, value)| key.len() + value.len()).sum();
    if length > LONGEST_TAGS {
        return Err(Error::field("tags", format!("must have at most {LONGEST_TAGS} bytes in all, not {length}")));
    }
    let script =
        ScriptRun { script_name: submitted.script_name, requirements, environment_vars: submitted.environment_vars, timeout_seconds };
    Ok((text, Job { experiment_name: Some(submitted.experiment_name), script: Some(script), tags: submitted.tags, ..job }))
}

fn inline_requirements(text: &str) -> Result<Vec<String>> {
    let requirements = script::inline_requirements(text)?.unwrap_or_default();
    requirement::check(&requirements).map_err(|error| {
        let message = error.public_message().replacen("requirements", "dependencies", 1);
        Error::field("script_content", format!("the script's inline metadata (# /// script): {message}"))
    })
}

async fn submit(
    platform: &Platform,
    mut job: Job,
    target: Target,
    script: Option<String>,
    idempotency: Option<&Idempotency>,
) -> Result<Submitted> {
    if let Some(before) = submitted_before(platform, idempotency).await? {
        return Ok(before);
    }
    if target == Target::Nothing {
        keep_script(platform, &job, script).await?;
        let created = platform.store()?.create_job(&job, idempotency).await?;
        return started(platform, job, created).await;
    }
    let (mut deployment, mut is_new) = found(platform, &job, &target).await?;
    keep_script(platform, &job, script).await?;
    for attempt in 0..ATTEMPTS {
        if attempt > 0 {
            back_off(attempt).await;
            (deployment, is_new) = found(platform, &job, &target).await?;
        }
        job.deployment_id = Some(deployment.id.clone());
        if let Some(created) = platform.store()?.create_deployment_job(&job, &deployment, is_new, idempotency).await? {
            return started(platform, job, created).await;
        }
    }
    Err(Error::new(ErrorKind::Unavailable, "Others change this deployment at this moment; try again."))
}

async fn keep_script(platform: &Platform, job: &Job, script: Option<String>) -> Result<()> {
    match script {
        Some(text) => platform.objects()?.put(&keys::script(&job.id), text).await,
        None => Ok(()),
    }
}

/// The deployment that a job is for, and whether it is yet to be made.
async fn found(platform: &Platform, job: &Job, target: &Target) -> Result<(Deployment, bool)> {
    let store = platform.store()?;
    let (deployment, is_new) = match target {
        Target::Nothing => return Err(Error::broken("a job without a target has no deployment")),
        Target::Model(new) => match store.deployment_of_model(&job.model_name).await? {
            Some(there) => (there, false),
            None => (Deployment::clone(new), true),
        },
        Target::Deployment(id) => {
            let there = store.deployment(id).await?;
            (there.ok_or_else(|| Error::not_found(format!("Deployment {id} not found")))?, false)
        }
    };
    if deployment.owner.is_some() && deployment.owner != job.owner {
        let message = format!("{} is deployed by another user; deploy it under another model name.", job.model_name);
        return Err(Error::new(ErrorKind::Forbidden, message));
    }
    Ok((deployment, is_new))
}

async fn started(platform: &Platform, job: Job, created: Created) -> Result<Submitted> {
    match created {
        Created::New => {
            platform.state_machines().start(&job).await?;
            tracing::info!(job_id = job.id, model_name = job.model_name, kind = ?job.kind, "a job was submitted");
            Ok(Submitted { job, replayed: false })
        }
        Created::Before(job) => start_again(platform, *job).await,
    }
}

/// What an earlier request with the same Idempotency-Key submitted, if one did.
///
/// # Errors
/// `Conflict` when the key was used for another request; `Internal` when AWS does not answer.
pub async fn submitted_before(platform: &Platform, idempotency: Option<&Idempotency>) -> Result<Option<Submitted>> {
    let Some(idempotency) = idempotency else { return Ok(None) };
    match platform.store()?.job_of_idempotency_key(idempotency).await? {
        Some(job) => start_again(platform, job).await.map(Some),
        None => Ok(None),
    }
}

/// The first request may have ended between writing the job and starting it: the second one completes it.
async fn start_again(platform: &Platform, job: Job) -> Result<Submitted> {
    if job.status == JobStatus::first(job.kind) {
        platform.state_machines().start(&job).await?;
    }
    Ok(Submitted { job, replayed: true })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn submitted() -> SubmittedScript {
        SubmittedScript {
            script_name: "train.py".to_owned(),
            script_content: "import mlflow\n".to_owned(),
            experiment_name: "production".to_owned(),
            ..SubmittedScript::default()
        }
    }

    fn job() -> Job {
        Job::new(JobKind::Training, "my_model".to_owned())
    }

    fn refusal(submitted: SubmittedScript) -> String {
        with_script(job(), submitted).unwrap_err().public_message().to_owned()
    }

    #[test]
    fn what_is_absent_has_its_default() {
        let (text, job) = with_script(job(), submitted()).unwrap();
        let script = job.script.unwrap();
        assert_eq!(text, "import mlflow\n");
        assert_eq!(script.timeout_seconds, 300);
        assert!(script.requirements.is_empty() && script.environment_vars.is_empty() && job.tags.is_empty());
    }

    #[test]
    fn requirements_come_from_the_script_only_where_the_request_names_none() {
        let content = "# /// script\n# dependencies = [\"xgboost>=2\"]\n# ///\nimport mlflow\n".to_owned();
        let requirements = |given: Option<Vec<String>>| {
            let submitted = SubmittedScript { script_content: content.clone(), requirements: given, ..submitted() };
            with_script(job(), submitted).unwrap().1.script.unwrap().requirements
        };
        assert_eq!(requirements(None), ["xgboost>=2"]);
        assert_eq!(requirements(Some(vec!["pandas".to_owned()])), ["pandas"]);
        assert!(requirements(Some(Vec::new())).is_empty());
        let content = content.replace("xgboost>=2", "git+https://host/x");
        let refused = refusal(SubmittedScript { script_content: content, ..submitted() });
        assert!(refused.starts_with("script_content: the script's inline metadata") && refused.contains("dependencies.0"), "{refused}");
    }

    #[test]
    fn bounds_hold() {
        for timeout in [60, 600, 3600] {
            assert!(with_script(job(), SubmittedScript { timeout: Some(timeout), ..submitted() }).is_ok());
        }
        for timeout in [i64::MIN, -1, 0, 59, 3601, i64::MAX] {
            let refused = refusal(SubmittedScript { timeout: Some(timeout), ..submitted() });
            assert_eq!(refused, format!("timeout: must be from 60 to 3600 seconds, not {timeout}"));
        }
        for replicas in [i64::MIN, 0, 1001, i64::MAX] {
            assert!(check_replicas(replicas).is_err());
        }
        assert_eq!(check_replicas(1000).unwrap(), 1000);
        let tags = (0..100).map(|number| (format!("tag{number}"), "x".repeat(5000))).collect();
        assert!(refusal(SubmittedScript { tags, ..submitted() }).starts_with("tags: must have at most"));
        let refused = refusal(SubmittedScript { experiment_name: String::new(), ..submitted() });
        assert_eq!(refused, "experiment_name: must not be empty");
    }
}
