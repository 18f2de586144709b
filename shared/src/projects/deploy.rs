//! Deploying a model in a project: a version of the project's function, made by a job.

use crate::domain::deployment::{Deployment, PrivacySettings};
use crate::domain::job::{Job, JobKind};
use crate::domain::name;
use crate::domain::project::Project;
use crate::domain::registered_model::ModelVersion;
use crate::identity::Caller;
use crate::jobs::submit::{self, Submitted};
use crate::store::idempotency::Idempotency;
use crate::store::jobs::Created;
use crate::{Platform, Result};

/// What is to be deployed, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct NewDeployment {
    /// The model version.
    pub model: ModelVersion,
    /// The deployment's name.
    pub name: String,
    /// Whether it goes to production as soon as it answers.
    pub goes_to_production: bool,
    /// How much of the production traffic it is to take, in percent.
    pub traffic_percent: u8,
    /// What it does about data by which people can be known.
    pub privacy: PrivacySettings,
}

/// Deploys a model in a project, for the caller.
///
/// # Errors
/// `Unprocessable` when the name is none; `Conflict` when the model cannot be deployed, or the Idempotency-Key was used for
/// another request; `Internal` when AWS does not answer.
pub async fn deploy(
    platform: &Platform,
    caller: &Caller,
    project: &Project,
    asked: NewDeployment,
    idempotency: Option<&Idempotency>,
) -> Result<Submitted> {
    name::check_model_name("name", &asked.name)?;
    if let Some(before) = submit::submitted_before(platform, idempotency).await? {
        return Ok(before);
    }
    let version = submit::deployable_version(platform.store()?, &asked.model.model_name, &asked.model.version.to_string()).await?;
    let owner = caller.user_id().map(str::to_owned);
    let deployment = Deployment {
        name: asked.name,
        owner: owner.clone(),
        model_id: Some(version.id()),
        goes_to_production: asked.goes_to_production,
        traffic_percent: Some(asked.traffic_percent),
        privacy: asked.privacy,
        live_model_version: None,
        ..Deployment::of_project(&project.id, &project.function_name, &version.model_name)
    };
    let job = Job {
        owner,
        model_version: Some(version.version),
        run_id: version.run_id,
        deployment_id: Some(deployment.id.clone()),
        ..Job::new(JobKind::StagedDeployment, version.model_name)
    };
    let store = platform.store()?;
    store.keep_project(project).await?;
    match store.create_project_deployment(&job, &deployment, idempotency).await? {
        Created::New => {
            platform.state_machines().start(&job).await?;
            Ok(Submitted { job, replayed: false })
        }
        Created::Before(job) => {
            platform.state_machines().start(&job).await?;
            Ok(Submitted { job: *job, replayed: true })
        }
    }
}
