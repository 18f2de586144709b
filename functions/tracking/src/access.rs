//! Who asks, and what they may write. Reading is free, but for what is a project's: its members alone see that. A training script comes
//! with its job's token, and may write the runs, models and artifacts of its own job and nothing else.

use http::Method;
use shared::domain::artifact_uri;
use shared::domain::job::Job;
use shared::identity;
use shared::store::Store;
use shared::{Error, ErrorKind, Platform, Request, Result};

/// Who asks.
#[derive(Debug)]
pub enum Caller {
    /// Anyone who can reach the platform, a user or not.
    Anyone(identity::Caller),
    /// The training script of a job.
    Job(Box<Job>),
}

impl Caller {
    /// Who sent a request. Every handler asks this first, reading ones too: a token that is void is refused everywhere.
    ///
    /// # Errors
    /// `Unauthorized` when the token is void or its job has ended; `NotFound` when the path is under a prefix that
    /// MLflow's API does not have.
    pub async fn of(platform: &Platform, request: &Request) -> Result<Self> {
        if let Some(prefix) = request.path_parameters.get("api")
            && !matches!(prefix.as_str(), "api" | "ajax-api")
        {
            return Err(Error::not_found(format!("There is nothing at {}", request.path)));
        }
        match request.bearer_token() {
            Some(token) if token.starts_with("job.") => Ok(Caller::Job(Box::new(platform.store()?.job_of_token(token).await?))),
            _ => Ok(Caller::Anyone(request.caller.clone())),
        }
    }

    /// The table, with those registered models in it that are there for the one who asks. A job sees what its owner sees.
    ///
    /// # Errors
    /// `Internal` when the environment does not name the table.
    pub fn store(&self, platform: &Platform) -> Result<Store> {
        let store = platform.store()?;
        Ok(match self {
            Caller::Anyone(caller) => store.seen_by(caller),
            Caller::Job(job) => store.seen_by_owner(job.owner.as_deref()),
        })
    }

    /// That a path under the artifact root is there for the one who asks: files of a project are for its members.
    ///
    /// # Errors
    /// `NotFound` when it is not; `Internal` when DynamoDB does not answer.
    pub async fn may_see_artifact(&self, platform: &Platform, path: &str) -> Result<()> {
        match artifact_uri::project_of(path) {
            Some(project_id) if !self.store(platform)?.shows_project(Some(project_id)).await? => {
                Err(Error::not_found(format!("No such artifact: '{path}'")))
            }
            _ => Ok(()),
        }
    }

    /// The job whose script asks.
    pub fn job_id(&self) -> Option<&str> {
        match self {
            Caller::Anyone(_) => None,
            Caller::Job(job) => Some(&job.id),
        }
    }

    /// That the caller may change what no job made: other experiments, registered models, other runs.
    ///
    /// # Errors
    /// `Forbidden` when a job's script asks.
    pub fn may_administer(&self) -> Result<()> {
        match self {
            Caller::Anyone(_) => Ok(()),
            Caller::Job(_) => Err(forbidden("change this")),
        }
    }

    fn owns(&self, owner: Option<&str>, what: &str) -> Result<()> {
        match self {
            Caller::Anyone(_) => Ok(()),
            Caller::Job(job) if owner == Some(&job.id) => Ok(()),
            Caller::Job(_) => Err(forbidden(what)),
        }
    }

    /// That the caller may write to a run. A run that is not there is left to the write to find out.
    ///
    /// # Errors
    /// `Forbidden` when a job's script asks for a run that is not the job's.
    pub async fn may_write_run(&self, platform: &Platform, run_id: &str) -> Result<()> {
        match self {
            Caller::Anyone(_) => Ok(()),
            Caller::Job(_) => self.owns(platform.store()?.job_of_run(run_id).await?.as_deref(), "write to this run"),
        }
    }

    /// That the caller may write to a logged model.
    ///
    /// # Errors
    /// `Forbidden` when a job's script asks for a model that is not the job's.
    pub async fn may_write_model(&self, platform: &Platform, model_id: &str) -> Result<()> {
        match self {
            Caller::Anyone(_) => Ok(()),
            Caller::Job(_) => {
                let model = platform.store()?.logged_model(model_id).await?;
                self.owns(model.and_then(|model| model.job_id).as_deref(), "write to this model")
            }
        }
    }

    /// That the caller may write at a path under the artifact root: where a run's or a model's artifacts are.
    ///
    /// # Errors
    /// `Forbidden` when a job's script asks for a path that is not its job's; `NotFound` when it is a project's of which the
    /// one who asks is no member.
    pub async fn may_write_artifact(&self, platform: &Platform, path: &str) -> Result<()> {
        self.may_see_artifact(platform, path).await?;
        if matches!(self, Caller::Anyone(_)) {
            return Ok(());
        }
        match path.split('/').collect::<Vec<_>>()[..] {
            [_, "models", model_id, "artifacts", ..] => self.may_write_model(platform, model_id).await,
            [_, run_id, "artifacts", ..] => self.may_write_run(platform, run_id).await,
            _ => Err(forbidden("write artifacts here")),
        }
    }
}

fn forbidden(what: &str) -> Error {
    Error::new(
        ErrorKind::Forbidden,
        format!("This token belongs to a training job, which may write its own runs, models and artifacts only: it may not {what}."),
    )
}

/// True for methods that change nothing.
pub fn is_reading(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}
