//! Runs of recipes in the table, beside the runs that MLflow's API shows under the same ids.

use super::Store;
use super::facets::Listing;
use super::jobs::Created;
use super::keys::Key;
use super::recipes::{by_time, reference};
use super::runs::RunChange;
use super::update::Update;
use super::write::{NewItem, Write};
use crate::domain::development::choices::RecipeRunStatus;
use crate::domain::development::recipe_run::RecipeRun;
use crate::domain::job::Job;
use crate::domain::run::RunStatus;
use crate::http::fields::{Choice as _, Window};
use crate::{Error, ErrorKind, Result, Timestamp};

const KIND: &str = "RECIPE_RUNS";
const ATTEMPTS: u32 = 8;

/// What a list of runs is filtered by.
#[derive(Debug, Clone, Copy, Default)]
pub struct RecipeRunFilter<'a> {
    /// For that model, by id.
    pub model_id: Option<&'a str>,
    /// Of that recipe, by id.
    pub recipe_id: Option<&'a str>,
    /// Of that status.
    pub status: Option<RecipeRunStatus>,
}

fn key(id: &str) -> Key {
    Key::new(format!("RECIPE_RUN#{id}"), "RECIPE_RUN")
}

fn sort(run: &RecipeRun) -> String {
    by_time(run.created_at, &run.id)
}

fn facets(run: &RecipeRun) -> [&str; 3] {
    [run.model_id.as_deref().unwrap_or_default(), &run.recipe_id, run.status.name()]
}

impl Store {
    /// Makes a run of a recipe, with the job that carries it out, if one does.
    ///
    /// # Errors
    /// `NotFound` when the recipe is gone; `Internal` when DynamoDB does not answer.
    pub async fn create_recipe_run(&self, run: &RecipeRun, job: Option<&Job>) -> Result<()> {
        let mut writes = vec![Write::Put(NewItem::new(&key(&run.id), run)?.if_absent()), Write::Update(reference(&run.recipe_id, 1)?)];
        writes.extend(Listing::default().enter(KIND, &facets(run), &sort(run), &run.id).writes()?);
        let made = match job {
            None => self.transact(writes).await?.is_done(),
            Some(job) => self.create_job_and(job, None, writes).await? == Some(Created::New),
        };
        if made { Ok(()) } else { Err(Error::not_found("Recipe not found")) }
    }

    /// A run of a recipe by its id.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn recipe_run(&self, id: &str) -> Result<Option<RecipeRun>> {
        if crate::id::is_id(id) { self.get(&key(id)).await } else { Ok(None) }
    }

    /// Runs of recipes, the newest first, and how many there are.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn recipe_runs(&self, filter: RecipeRunFilter<'_>, window: Window) -> Result<(Vec<RecipeRun>, u64)> {
        let filter = [filter.model_id, filter.recipe_id, filter.status.map(RecipeRunStatus::name)];
        self.faceted(KIND, &filter, window, key).await
    }

    /// The newest runs of a recipe.
    pub(super) async fn runs_of_recipe(&self, recipe_id: &str, window: Window) -> Result<Vec<RecipeRun>> {
        Ok(self.recipe_runs(RecipeRunFilter { recipe_id: Some(recipe_id), ..RecipeRunFilter::default() }, window).await?.0)
    }

    /// Writes a run in place of what was read of it; `false` when it changed meanwhile.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn change_recipe_run(&self, old: &RecipeRun, new: &RecipeRun) -> Result<bool> {
        let mut update = Update::new(key(&old.id))
            .if_exists()
            .if_compares("revision", "=", &old.revision)?
            .add("revision", 1)?
            .set("status", &new.status)?
            .set("ended_by_hand", &new.ended_by_hand)?
            .set("metrics", &new.metrics)?
            .set("artifacts", &new.artifacts)?
            .set("logs", &new.logs)?;
        for (attribute, time) in [("started_at", new.started_at), ("finished_at", new.finished_at)] {
            update = update.set(attribute, &time)?;
        }
        update = update.set("model_name", &new.model_name)?.set("model_version", &new.model_version)?.set("error", &new.error)?;
        let mut writes = vec![Write::Update(update)];
        if old.status != new.status {
            writes.extend(Listing::default().moved(KIND, &facets(old), &facets(new), &sort(old), &old.id).writes()?);
        }
        Ok(self.transact(writes).await?.is_done())
    }

    /// Lets the run of a recipe that a job carries out follow the job. A run that somebody ended by hand keeps its status;
    /// what the job made is kept with it.
    ///
    /// # Errors
    /// `Unavailable` when others keep changing the run; `Internal` when DynamoDB does not answer.
    pub async fn follow_job(&self, job: &Job) -> Result<()> {
        let Some(run_id) = &job.recipe_run_id else { return Ok(()) };
        for _ in 0..ATTEMPTS {
            let Some(run) = self.recipe_run(run_id).await? else { return Ok(()) };
            let mut followed = run.clone();
            if !run.status.is_final() {
                followed.status = RecipeRunStatus::of_job(job.status);
            }
            followed.started_at = run.started_at.or(job.started_at);
            if followed.status.is_final() {
                followed.finished_at = run.finished_at.or(job.completed_at).or_else(|| Some(Timestamp::now()));
            }
            if job.model_version.is_some() && !job.without_model {
                (followed.model_name, followed.model_version) = (Some(job.model_name.clone()), job.model_version);
            }
            followed.error = job.error.clone();
            if followed == run {
                return Ok(());
            }
            if self.change_recipe_run(&run, &followed).await? {
                return self.mlflow_run_follows(&followed).await;
            }
        }
        Err(Error::new(ErrorKind::Unavailable, format!("Others keep writing to run {run_id} at this moment; try again.")))
    }

    /// Gives the run that MLflow's API shows the status of the recipe's run.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn mlflow_run_follows(&self, run: &RecipeRun) -> Result<()> {
        let status = match run.status {
            RecipeRunStatus::Queued => RunStatus::Scheduled,
            RecipeRunStatus::Running => RunStatus::Running,
            RecipeRunStatus::Succeeded => RunStatus::Finished,
            RecipeRunStatus::Failed => RunStatus::Failed,
        };
        let end_time = run.finished_at.filter(|_| run.status.is_final()).map(Timestamp::milliseconds);
        match self.update_run(&run.id, RunChange { status: Some(status), end_time, name: None }).await {
            // It was deleted through MLflow's API.
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::BadRequest) => Ok(()),
            other => other.map(drop),
        }
    }
}
