//! Experiments in the table.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::Store;
use super::counters::Counter;
use super::keys::{Index, Key, sortable};
use super::query::Query;
use super::update::Update;
use super::values::{HoldsTexts, Texts, all_stored, stored};
use super::write::{NewItem, Outcome, Updated, Write};
use crate::domain::artifact_uri;
use crate::domain::experiment::{DEFAULT_EXPERIMENT_ID, DEFAULT_EXPERIMENT_NAME, Experiment};
use crate::domain::lifecycle::LifecycleStage;
use crate::paging::{Page, PageRequest};
use crate::{Error, ErrorKind, Result, Timestamp};

/// Which experiment has a name.
#[derive(Debug, Serialize, Deserialize)]
struct ExperimentName {
    experiment_id: String,
}

#[derive(Debug, Deserialize)]
struct LastNumber {
    last_number: u64,
}

impl HoldsTexts for Experiment {
    fn partition(&self) -> String {
        partition(&self.id)
    }
    fn texts(&mut self) -> Vec<&mut Texts> {
        vec![&mut self.tags]
    }
}

fn partition(id: &str) -> String {
    format!("EXPERIMENT#{id}")
}

fn key(id: &str) -> Key {
    Key::new(partition(id), "EXPERIMENT")
}

fn name_key(name: &str) -> Key {
    Key::new(format!("EXPERIMENT_NAME#{name}"), "EXPERIMENT_NAME")
}

pub(crate) fn list(stage: LifecycleStage) -> String {
    format!("EXPERIMENTS#{}", stage.name())
}

/// By creation time, then by number.
fn list_order(experiment: &Experiment) -> String {
    let number = experiment.id.parse().unwrap_or_default();
    format!("{}#{}", sortable(experiment.creation_time.max(0).unsigned_abs()), sortable(number))
}

fn no_experiment(id: &str) -> Error {
    Error::not_found(format!("No Experiment with id={id} exists"))
}

impl Store {
    /// Makes an experiment. Without an artifact location it gets one under the artifact root.
    ///
    /// # Errors
    /// `AlreadyExists` when there is one of that name, deleted ones included; `Internal` when DynamoDB does not answer.
    pub async fn create_experiment(
        &self,
        name: &str,
        artifact_location: Option<&str>,
        tags: BTreeMap<String, String>,
    ) -> Result<Experiment> {
        if name == DEFAULT_EXPERIMENT_NAME {
            self.ensure_default_experiment().await?;
        }
        // Asked first, so that a name that is taken uses up no number.
        if self.get::<ExperimentName>(&name_key(name)).await?.is_some() {
            return Err(taken(name));
        }
        let update = Update::new(Key::new("COUNTER#EXPERIMENT_NUMBERS", "COUNTER")).add("last_number", 1)?;
        let Outcome::Done(LastNumber { last_number }) = self.update(update).await? else {
            return Err(Error::broken("an update without a condition was refused"));
        };
        // In lists by time, the one that is always there is the oldest.
        if last_number == 1 {
            self.ensure_default_experiment().await?;
        }
        self.put_experiment(&last_number.to_string(), name, artifact_location, tags).await?.ok_or_else(|| taken(name))
    }

    /// The experiment that is always there; made when it is asked for first.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn ensure_default_experiment(&self) -> Result<Experiment> {
        if let Some(experiment) = self.get::<Experiment>(&key(DEFAULT_EXPERIMENT_ID)).await? {
            return self.with_texts(experiment).await;
        }
        match self.put_experiment(DEFAULT_EXPERIMENT_ID, DEFAULT_EXPERIMENT_NAME, None, BTreeMap::new()).await? {
            Some(experiment) => Ok(experiment),
            None => {
                let experiment = self.get(&key(DEFAULT_EXPERIMENT_ID)).await?;
                self.with_texts(experiment.ok_or_else(|| taken(DEFAULT_EXPERIMENT_NAME))?).await
            }
        }
    }

    /// The experiment of a name, made where there is none. A deleted one is not brought back.
    ///
    /// # Errors
    /// `Conflict` when the experiment of that name is deleted; `Internal` when DynamoDB does not answer.
    pub async fn ensure_experiment(&self, name: &str) -> Result<Experiment> {
        let experiment = match self.experiment_by_name(name).await? {
            Some(experiment) => experiment,
            None => match self.create_experiment(name, None, BTreeMap::new()).await {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => self.experiment_by_name(name).await?.ok_or(error)?,
                made => made?,
            },
        };
        match experiment.lifecycle_stage {
            LifecycleStage::Active => Ok(experiment),
            LifecycleStage::Deleted => {
                Err(Error::conflict(format!("The experiment {name:?} is deleted; restore it, or use another name.")))
            }
        }
    }

    /// `None` when the id or the name is taken.
    async fn put_experiment(
        &self,
        id: &str,
        name: &str,
        artifact_location: Option<&str>,
        tags: BTreeMap<String, String>,
    ) -> Result<Option<Experiment>> {
        let now = Timestamp::now().milliseconds();
        let experiment = Experiment {
            id: id.to_owned(),
            name: name.to_owned(),
            artifact_location: artifact_location
                .map_or_else(|| artifact_uri::of_path(id), |location| location.trim_end_matches('/').to_owned()),
            lifecycle_stage: LifecycleStage::Active,
            creation_time: now,
            last_update_time: now,
            tags,
        };
        self.keep_texts(&partition(id), experiment.tags.values()).await?;
        let stored = Experiment { tags: all_stored(&experiment.tags), ..experiment.clone() };
        let item = NewItem::new(&key(id), &stored)?.listed(Index::First, list(LifecycleStage::Active), list_order(&experiment)).if_absent();
        let taken_name = NewItem::new(&name_key(name), &ExperimentName { experiment_id: id.to_owned() })?.if_absent();
        let writes = vec![Write::Put(item), Write::Put(taken_name), Counter::ActiveExperiments.increase(1)?];
        Ok(self.transact(writes).await?.is_done().then_some(experiment))
    }

    /// An experiment by its id, deleted ones included.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn experiment(&self, id: &str) -> Result<Option<Experiment>> {
        if id == DEFAULT_EXPERIMENT_ID {
            return self.ensure_default_experiment().await.map(Some);
        }
        if id.is_empty() || id.len() > 64 {
            return Ok(None);
        }
        match self.get::<Experiment>(&key(id)).await? {
            Some(experiment) => self.with_texts(experiment).await.map(Some),
            None => Ok(None),
        }
    }

    /// The experiment of a name, deleted ones included.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn experiment_by_name(&self, name: &str) -> Result<Option<Experiment>> {
        if name == DEFAULT_EXPERIMENT_NAME {
            self.ensure_default_experiment().await?;
        }
        if name.is_empty() || name.len() > 2000 {
            return Ok(None);
        }
        match self.get::<ExperimentName>(&name_key(name)).await? {
            Some(found) => self.experiment(&found.experiment_id).await,
            None => Ok(None),
        }
    }

    /// Experiments of a lifecycle stage, newest first.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn experiments(&self, stage: LifecycleStage, page: &PageRequest) -> Result<Page<Experiment>> {
        let mut page: Page<Experiment> = self.page(&Query::index(Index::First, list(stage)).newest_first(), page).await?;
        self.restore_texts(&mut page.items).await?;
        Ok(page)
    }

    /// Whether an experiment is deleted.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub(super) async fn experiment_is_deleted(&self, id: &str) -> Result<bool> {
        let experiment: Option<Experiment> = self.get(&key(id)).await?;
        Ok(experiment.is_some_and(|experiment| experiment.lifecycle_stage == LifecycleStage::Deleted))
    }

    /// Which of these experiments are deleted.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn deleted_experiments(&self, ids: &[String]) -> Result<BTreeSet<String>> {
        let found = self.get_all::<Experiment>(ids.iter().map(|id| key(id)).collect()).await?;
        let deleted = found.into_values().filter(|experiment| experiment.lifecycle_stage == LifecycleStage::Deleted);
        Ok(deleted.map(|experiment| experiment.id).collect())
    }

    /// Deletes an experiment, or restores it. With a deleted one all its runs count as deleted, and none of them changes for
    /// that; with a restored one all of them are active, those too that were deleted before it, as MLflow has it.
    ///
    /// # Errors
    /// `NotFound` when there is none in the other stage; `Internal` when DynamoDB does not answer.
    pub async fn set_experiment_stage(&self, id: &str, stage: LifecycleStage) -> Result<Experiment> {
        let experiment = self.experiment(id).await?.filter(|experiment| experiment.lifecycle_stage != stage);
        let experiment = experiment.ok_or_else(|| no_experiment(id))?;
        if stage == LifecycleStage::Active {
            self.restore_runs(id).await?;
        }
        let update = Update::new(key(id))
            .if_compares("lifecycle_stage", "=", &experiment.lifecycle_stage)?
            .set("lifecycle_stage", &stage)?
            .set("last_update_time", &Timestamp::now().milliseconds())?
            .set(Index::First.partition_attribute(), &list(stage))?;
        let change = match stage {
            LifecycleStage::Active => 1,
            LifecycleStage::Deleted => -1,
        };
        match self.transact(vec![Write::Update(update), Counter::ActiveExperiments.increase(change)?]).await? {
            Outcome::Done(()) => self.experiment(id).await?.ok_or_else(|| no_experiment(id)),
            Outcome::Refused(_) => Err(no_experiment(id)),
        }
    }

    /// Gives an experiment another name.
    ///
    /// # Errors
    /// `NotFound` when there is none; `BadRequest` when it is deleted; `AlreadyExists` when the name is taken;
    /// `Internal` when DynamoDB does not answer.
    pub async fn rename_experiment(&self, id: &str, new_name: &str) -> Result<()> {
        let experiment = self.experiment(id).await?.ok_or_else(|| no_experiment(id))?;
        if experiment.lifecycle_stage != LifecycleStage::Active {
            return Err(Error::bad_request("Cannot rename a non-active experiment."));
        }
        if experiment.name == new_name {
            return Ok(());
        }
        let update = Update::new(key(id))
            .if_compares("name", "=", &experiment.name)?
            .set("name", new_name)?
            .set("last_update_time", &Timestamp::now().milliseconds())?;
        let taken_name = NewItem::new(&name_key(new_name), &ExperimentName { experiment_id: id.to_owned() })?.if_absent();
        let writes = vec![Write::Put(taken_name), Write::Update(update), Write::Delete(name_key(&experiment.name))];
        match self.transact(writes).await? {
            Outcome::Done(()) => Ok(()),
            Outcome::Refused(refused) if refused.contains(&0) => Err(taken(new_name)),
            Outcome::Refused(_) => Err(Error::conflict("The experiment is being renamed by another request; try again.")),
        }
    }

    /// Sets a tag of an experiment.
    ///
    /// # Errors
    /// `NotFound` when there is none; `BadRequest` when it is deleted; `Internal` when DynamoDB does not answer.
    pub async fn set_experiment_tag(&self, id: &str, name: &str, value: &str) -> Result<()> {
        let experiment = self.experiment(id).await?.ok_or_else(|| no_experiment(id))?;
        self.keep_texts(&partition(&experiment.id), [&value.to_owned()]).await?;
        self.change_experiment_tags(id, |update| update.set_entry("tags", name, &stored(value))).await?;
        Ok(())
    }

    /// Removes a tag of an experiment.
    ///
    /// # Errors
    /// `NotFound` when there is no such experiment or tag; `BadRequest` when the experiment is deleted; `Internal` when
    /// DynamoDB does not answer.
    pub async fn delete_experiment_tag(&self, id: &str, name: &str) -> Result<()> {
        let removed = self.change_experiment_tags(id, |update| Ok(update.if_entry_exists("tags", name).remove_entry("tags", name))).await?;
        if removed {
            return Ok(());
        }
        Err(Error::not_found(format!("No tag with name: {name} in experiment with id {id}")))
    }

    /// False when a condition of the change itself did not hold.
    async fn change_experiment_tags(&self, id: &str, change: impl FnOnce(Update) -> Result<Update>) -> Result<bool> {
        let update = Update::new(key(id)).if_exists().if_compares("lifecycle_stage", "=", &LifecycleStage::Active)?;
        match self.update_or_current::<Experiment>(change(update)?).await? {
            Updated::Done(_) => Ok(true),
            Updated::Refused(None) => Err(no_experiment(id)),
            Updated::Refused(Some(experiment)) => {
                check_experiment_is_active(&experiment)?;
                Ok(false)
            }
        }
    }
}

/// That an experiment takes runs and models.
///
/// # Errors
/// `BadRequest` when it is deleted.
pub fn check_experiment_is_active(experiment: &Experiment) -> Result<()> {
    match experiment.lifecycle_stage {
        LifecycleStage::Active => Ok(()),
        LifecycleStage::Deleted => {
            Err(Error::bad_request(format!("The experiment {} must be in the 'active' state. Current state is deleted.", experiment.id)))
        }
    }
}

fn taken(name: &str) -> Error {
    Error::new(ErrorKind::AlreadyExists, format!("Experiment(name={name}) already exists."))
}
