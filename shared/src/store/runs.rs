//! Runs in the table. A run is one item with its params, tags and the latest values of its metrics, so that a page of
//! runs is one query. The metrics themselves: [`super::run_metrics`], [`super::history`].

use std::collections::{BTreeMap, HashMap, HashSet};

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use serde::{Deserialize, Serialize};

use super::Store;
use super::experiments::check_experiment_is_active;
use super::keys::{Index, Key};
use super::query::Query;
use super::run_metrics::{INLINE_METRICS, entry_writes, latest_of};
use super::update::Update;
use super::values::{HoldsTexts, Texts, all_stored, stored};
use super::write::{NewItem, Outcome, Updated, Write};
use crate::domain::lifecycle::LifecycleStage;
use crate::domain::logged_model::ModelLocation;
use crate::domain::run::{MetricPoint, ModelOutput, Run, RunStatus};
use crate::domain::{artifact_uri, experiment::DEFAULT_EXPERIMENT_ID};
use crate::objects::{Objects, keys::artifact};
use crate::paging::{Page, PageRequest};
use crate::{Error, ErrorKind, Result, Timestamp};

/// How many entries one update sets with a condition on each: an expression has at most 4 KB.
const ENTRIES_PER_UPDATE: usize = 40;

/// How many writes of one request are under way at once.
const CONCURRENT_WRITES: usize = 8;

/// How many deleted runs are read at once to be restored.
const RESTORED_AT_ONCE: usize = 200;

pub(super) const ATTEMPTS: u32 = 30;

/// The tag that holds a run's name.
pub const RUN_NAME_TAG: &str = "mlflow.runName";

/// The tag in which older clients keep the models that they logged.
pub const LOGGED_MODELS_TAG: &str = "mlflow.log-model.history";

/// A run as the table holds it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct RunItem {
    pub(super) id: String,
    pub(super) experiment_id: String,
    name: String,
    user_id: String,
    status: RunStatus,
    pub(super) start_time: i64,
    end_time: Option<i64>,
    lifecycle_stage: LifecycleStage,
    artifact_uri: String,
    job_id: Option<String>,
    params: Texts,
    tags: Texts,
    /// Each metric's latest point as [`MetricPoint::latest_order`].
    pub(super) metrics: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) more_metrics: bool,
    #[serde(default)]
    model_outputs: Vec<ModelOutput>,
    #[serde(default)]
    model_inputs: Vec<String>,
    #[serde(default)]
    has_datasets: bool,
}

#[derive(Debug, Serialize, Deserialize)]
struct JobRun {
    run_id: String,
}

/// What a new run is made of.
#[derive(Debug, Clone, Default)]
pub struct NewRun {
    /// The experiment; empty for the one that is always there.
    pub experiment_id: String,
    /// Its name; empty for the one in its tags, or one that is made up.
    pub name: String,
    /// Who started it.
    pub user_id: String,
    /// When it started, in milliseconds since 1970.
    pub start_time: i64,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// The job whose script makes it.
    pub job_id: Option<String>,
}

/// What is logged to a run in one request.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// Values of metrics.
    pub metrics: Vec<(String, MetricPoint)>,
    /// Params.
    pub params: BTreeMap<String, String>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
}

/// What changes of a run itself.
#[derive(Debug, Clone, Default)]
pub struct RunChange {
    /// Its status.
    pub status: Option<RunStatus>,
    /// When it ended, in milliseconds since 1970.
    pub end_time: Option<i64>,
    /// Its name.
    pub name: Option<String>,
}

impl HoldsTexts for RunItem {
    fn partition(&self) -> String {
        partition(&self.id)
    }
    fn texts(&mut self) -> Vec<&mut Texts> {
        vec![&mut self.params, &mut self.tags]
    }
}

pub(super) fn partition(id: &str) -> String {
    format!("RUN#{id}")
}

pub(super) fn key(id: &str) -> Key {
    Key::new(partition(id), "RUN")
}

pub(crate) fn list(experiment_id: &str, stage: LifecycleStage) -> String {
    format!("EXPERIMENT#{experiment_id}#RUNS#{}", stage.name())
}

/// By start time, the newest first; runs of the same time by id.
pub(super) fn newest_first_order(start_time: i64, id: &str) -> String {
    format!("{:016x}#{id}", !(start_time.cast_unsigned() ^ (1 << 63)))
}

pub(super) fn no_run(id: &str) -> Error {
    Error::not_found(format!("Run with id={id} not found"))
}

pub(super) fn check_is_active(run: &RunItem) -> Result<()> {
    match run.lifecycle_stage {
        LifecycleStage::Active => Ok(()),
        LifecycleStage::Deleted => Err(deleted_run(&run.id)),
    }
}

fn deleted_run(id: &str) -> Error {
    Error::bad_request(format!("The run {id} must be in the 'active' state. Current state is deleted."))
}

fn point(text: &str) -> Result<MetricPoint> {
    MetricPoint::from_latest_order(text).ok_or_else(|| Error::broken(format!("{text:?} is no point of a metric")))
}

impl RunItem {
    fn into_run(self) -> Result<Run> {
        let metrics = self.metrics.into_iter().map(|(metric, latest)| Ok((metric, point(&latest)?))).collect::<Result<_>>()?;
        Ok(Run {
            id: self.id,
            experiment_id: self.experiment_id,
            name: self.name,
            user_id: self.user_id,
            status: self.status,
            start_time: self.start_time,
            end_time: self.end_time,
            lifecycle_stage: self.lifecycle_stage,
            artifact_uri: self.artifact_uri,
            job_id: self.job_id,
            params: self.params,
            tags: self.tags,
            metrics,
            model_outputs: self.model_outputs,
            model_inputs: self.model_inputs,
            has_datasets: self.has_datasets,
        })
    }
}

impl Store {
    /// Makes a run, and records it with the job whose script makes it.
    ///
    /// # Errors
    /// `NotFound` when there is no such experiment; `BadRequest` when it is deleted, or the name and the tag that holds
    /// the name differ; `Internal` when DynamoDB does not answer.
    pub async fn create_run(&self, new: NewRun) -> Result<Run> {
        let experiment_id = if new.experiment_id.is_empty() { DEFAULT_EXPERIMENT_ID } else { &new.experiment_id };
        let experiment = self.experiment(experiment_id).await?;
        let experiment = experiment.ok_or_else(|| Error::not_found(format!("No Experiment with id={experiment_id} exists")))?;
        check_experiment_is_active(&experiment)?;
        let mut tags = new.tags;
        let tagged = tags.get(RUN_NAME_TAG).filter(|name| !name.is_empty()).cloned();
        let name = match (new.name.is_empty(), tagged) {
            (false, Some(tagged)) if tagged != new.name => {
                return Err(Error::bad_request(format!(
                    "Both 'run_name' argument and 'mlflow.runName' tag are specified, but with different values \
                     (run_name='{}', mlflow.runName='{tagged}').",
                    new.name
                )));
            }
            (false, _) => new.name,
            (true, Some(tagged)) => tagged,
            (true, None) => crate::domain::run::random_name(),
        };
        tags.insert(RUN_NAME_TAG.to_owned(), name.clone());
        let id = crate::id::new_hexadecimal_id();
        let item = RunItem {
            artifact_uri: format!("{}/{id}/artifacts", experiment.artifact_location.trim_end_matches('/')),
            experiment_id: experiment.id,
            name,
            user_id: new.user_id,
            status: RunStatus::Running,
            start_time: new.start_time,
            end_time: None,
            lifecycle_stage: LifecycleStage::Active,
            job_id: new.job_id,
            params: Texts::new(),
            tags,
            metrics: BTreeMap::new(),
            more_metrics: false,
            model_outputs: Vec::new(),
            model_inputs: Vec::new(),
            has_datasets: false,
            id,
        };
        self.keep_texts(&partition(&item.id), item.tags.values()).await?;
        let stored = RunItem { tags: all_stored(&item.tags), ..item.clone() };
        let new_item = NewItem::new(&key(&item.id), &stored)?
            .listed(Index::First, list(&item.experiment_id, LifecycleStage::Active), newest_first_order(item.start_time, &item.id))
            .if_absent();
        let outcome = match &item.job_id {
            None => self.put(new_item).await?,
            Some(job_id) => {
                let link = Key::new(format!("JOB#{job_id}"), format!("RUN#{}", item.id));
                let link = NewItem::new(&link, &JobRun { run_id: item.id.clone() })?;
                self.transact(vec![Write::Put(new_item), Write::Put(link)]).await?
            }
        };
        match outcome {
            Outcome::Done(()) => item.into_run(),
            Outcome::Refused(_) => Err(Error::broken(format!("run {} exists already", item.id))),
        }
    }

    /// A run by its id, deleted ones included. One of a deleted experiment is deleted.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn run(&self, id: &str) -> Result<Option<Run>> {
        let Some(item) = self.run_item(id).await? else { return Ok(None) };
        let experiment_id = item.experiment_id.clone();
        let (runs, deleted) = tokio::try_join!(self.complete_runs(vec![item]), self.experiment_is_deleted(&experiment_id))?;
        Ok(runs.into_iter().next().map(|mut run| {
            if deleted {
                run.lifecycle_stage = LifecycleStage::Deleted;
            }
            run
        }))
    }

    /// The item of a run that is active, in an experiment that is.
    async fn active_run_item(&self, id: &str) -> Result<RunItem> {
        let item = self.run_item(id).await?.ok_or_else(|| no_run(id))?;
        check_is_active(&item)?;
        self.check_experiment_of(&item).await?;
        Ok(item)
    }

    /// That a run's experiment is active: the runs of a deleted one count as deleted.
    async fn check_experiment_of(&self, run: &RunItem) -> Result<()> {
        if self.experiment_is_deleted(&run.experiment_id).await? { Err(deleted_run(&run.id)) } else { Ok(()) }
    }

    async fn run_item(&self, id: &str) -> Result<Option<RunItem>> {
        if id.is_empty() || id.len() > 256 {
            return Ok(None);
        }
        self.get(&key(id)).await
    }

    /// The run that an item which belongs to one is about, for checks that need no more: its job and its stage.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn job_of_run(&self, id: &str) -> Result<Option<String>> {
        Ok(self.run_item(id).await?.and_then(|item| item.job_id))
    }

    /// The items of runs by their ids, read side by side.
    pub(crate) async fn run_items(&self, ids: Vec<String>) -> Result<HashMap<String, RunItem>> {
        let chunks: Vec<Vec<Key>> = ids.chunks(100).map(|ids| ids.iter().map(|id| key(id)).collect()).collect();
        let found: Vec<HashMap<Key, RunItem>> =
            stream::iter(chunks.into_iter().map(|keys| self.get_all(keys))).buffer_unordered(CONCURRENT_WRITES).try_collect().await?;
        Ok(found.into_iter().flat_map(HashMap::into_values).map(|item| (item.id.clone(), item)).collect())
    }

    /// Runs by their ids; those that are not there are left out.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn runs_by_id(&self, ids: Vec<String>) -> Result<HashMap<String, Run>> {
        let items = self.run_items(ids).await?.into_values().collect();
        Ok(self.complete_runs(items).await?.into_iter().map(|run| (run.id.clone(), run)).collect())
    }

    /// Items of runs as runs.
    pub(crate) async fn complete_runs(&self, mut items: Vec<RunItem>) -> Result<Vec<Run>> {
        for item in items.iter_mut().filter(|item| item.more_metrics) {
            let more = self.metrics_beside(&item.id).await?;
            item.metrics.extend(more);
        }
        self.restore_texts(&mut items).await?;
        items.into_iter().map(RunItem::into_run).collect()
    }

    /// Runs of an experiment in a stage, by start time, newest first.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn runs(&self, experiment_id: &str, stage: LifecycleStage, page: &PageRequest) -> Result<Page<Run>> {
        let query = Query::index(Index::First, list(experiment_id, stage));
        let page: Page<RunItem> = self.page(&query, page).await?;
        Ok(Page { items: self.complete_runs(page.items).await?, next_page_token: page.next_page_token })
    }

    /// The runs that a job's script made, oldest first.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn job_runs(&self, job_id: &str) -> Result<Vec<String>> {
        let links: Vec<JobRun> = self.all(&Query::table(format!("JOB#{job_id}")).prefix("RUN#")).await?;
        Ok(links.into_iter().map(|link| link.run_id).collect())
    }

    /// Changes a run itself.
    ///
    /// # Errors
    /// `NotFound` when there is none; `BadRequest` when it is deleted; `Internal` when DynamoDB does not answer.
    pub async fn update_run(&self, id: &str, change: RunChange) -> Result<Run> {
        self.active_run_item(id).await?;
        let mut update = Update::new(key(id));
        if let Some(status) = change.status {
            update = update.set("status", &status)?;
        }
        if let Some(end_time) = change.end_time {
            update = update.set("end_time", &end_time)?;
        }
        if let Some(name) = change.name.filter(|name| !name.is_empty()) {
            self.keep_texts(&partition(id), [&name]).await?;
            update = update.set("name", &name)?.set_entry("tags", RUN_NAME_TAG, &stored(&name))?;
        }
        let item = self.update_checked(id, update).await?;
        self.complete_runs(vec![item]).await?.pop().ok_or_else(|| no_run(id))
    }

    /// Deletes a run, or restores it.
    ///
    /// # Errors
    /// `NotFound` when there is none; `Internal` when DynamoDB does not answer.
    pub async fn set_run_stage(&self, id: &str, stage: LifecycleStage) -> Result<()> {
        let run = self.run_item(id).await?.ok_or_else(|| no_run(id))?;
        let update = Update::new(key(id))
            .if_exists()
            .set("lifecycle_stage", &stage)?
            .set(Index::First.partition_attribute(), &list(&run.experiment_id, stage))?;
        let update = match stage {
            LifecycleStage::Active => update.remove("deleted_time"),
            LifecycleStage::Deleted => update.set("deleted_time", &Timestamp::now().milliseconds())?,
        };
        self.update::<serde::de::IgnoredAny>(update).await.map(drop)
    }

    /// Makes all deleted runs of an experiment active.
    pub(super) async fn restore_runs(&self, experiment_id: &str) -> Result<()> {
        let query = Query::index(Index::First, list(experiment_id, LifecycleStage::Deleted));
        let mut after = None;
        loop {
            let runs = self.keyed::<RunItem>(&query, after.as_deref(), RESTORED_AT_ONCE).await?;
            let Some((last, _)) = runs.last() else { return Ok(()) };
            after = Some(last.clone());
            let restored = runs.into_iter().map(|(_, run)| async move { self.set_run_stage(&run.id, LifecycleStage::Active).await });
            stream::iter(restored).buffer_unordered(CONCURRENT_WRITES).try_collect::<()>().await?;
        }
    }

    /// An update of a run that must be active, and its experiment too.
    async fn update_active(&self, id: &str, update: Update) -> Result<RunItem> {
        self.active_run_item(id).await?;
        self.update_checked(id, update).await
    }

    /// An update of a run whose experiment was found active.
    async fn update_checked(&self, id: &str, update: Update) -> Result<RunItem> {
        let update = update.if_exists().if_compares("lifecycle_stage", "=", &LifecycleStage::Active)?;
        match self.update_or_current::<RunItem>(update).await? {
            Updated::Done(item) => Ok(item),
            Updated::Refused(None) => Err(no_run(id)),
            Updated::Refused(Some(item)) => {
                check_is_active(&item)?;
                Err(Error::broken(format!("an update of run {id} was refused for no reason")))
            }
        }
    }

    /// Logs a param. One that is there already with this value is left; it cannot be changed.
    ///
    /// # Errors
    /// `NotFound` when there is no such run; `BadRequest` when the run is deleted or the param has another value;
    /// `Internal` when DynamoDB does not answer.
    pub async fn log_param(&self, run_id: &str, name: &str, value: &str) -> Result<()> {
        self.active_run_item(run_id).await?;
        self.keep_texts(&partition(run_id), [&value.to_owned()]).await?;
        let update = Update::new(key(run_id))
            .if_exists()
            .if_compares("lifecycle_stage", "=", &LifecycleStage::Active)?
            .if_entry_absent_or("params", name, "=", &stored(value))?
            .set_entry("params", name, &stored(value))?;
        match self.update_or_current::<RunItem>(update).await? {
            Updated::Done(_) => Ok(()),
            Updated::Refused(None) => Err(no_run(run_id)),
            Updated::Refused(Some(item)) => {
                check_is_active(&item)?;
                let item = self.with_texts(item).await?;
                Err(Error::bad_request(format!(
                    "Changing param values is not allowed. Param with key='{name}' was already logged with value='{}' for \
                     run ID='{run_id}'. Attempted logging new value '{value}'.",
                    item.params.get(name).map_or("", String::as_str)
                )))
            }
        }
    }

    /// Sets a tag of a run; the tag that holds the run's name names the run.
    ///
    /// # Errors
    /// `NotFound` when there is no such run; `BadRequest` when it is deleted; `Internal` when DynamoDB does not answer.
    pub async fn set_run_tag(&self, run_id: &str, name: &str, value: &str) -> Result<()> {
        self.active_run_item(run_id).await?;
        self.keep_texts(&partition(run_id), [&value.to_owned()]).await?;
        let update = with_tag(Update::new(key(run_id)), name, value)?;
        self.update_checked(run_id, update).await.map(drop)
    }

    /// Removes a tag of a run.
    ///
    /// # Errors
    /// `NotFound` when there is no such run or tag; `BadRequest` when the run is deleted; `Internal` when DynamoDB does
    /// not answer.
    pub async fn delete_run_tag(&self, run_id: &str, name: &str) -> Result<()> {
        self.active_run_item(run_id).await?;
        let update = Update::new(key(run_id))
            .if_exists()
            .if_compares("lifecycle_stage", "=", &LifecycleStage::Active)?
            .if_entry_exists("tags", name)
            .remove_entry("tags", name);
        match self.update_or_current::<RunItem>(update).await? {
            Updated::Done(_) => Ok(()),
            Updated::Refused(None) => Err(no_run(run_id)),
            Updated::Refused(Some(item)) => {
                check_is_active(&item)?;
                Err(Error::not_found(format!("No tag with name: {name} in run with id {run_id}")))
            }
        }
    }

    /// Records models that a run made.
    ///
    /// # Errors
    /// `NotFound` when there is no such run; `BadRequest` when it is deleted; `Internal` when DynamoDB does not answer.
    pub async fn log_outputs(&self, run_id: &str, models: &[ModelOutput]) -> Result<()> {
        let update = Update::new(key(run_id)).append("model_outputs", models)?;
        self.update_active(run_id, update).await.map(drop)
    }

    /// Records models that a run used; one that is recorded already is not recorded again.
    ///
    /// # Errors
    /// `NotFound` when there is no such run; `BadRequest` when it is deleted; `Internal` when DynamoDB does not answer.
    pub async fn log_model_inputs(&self, run_id: &str, models: &[String]) -> Result<()> {
        let item = self.active_run_item(run_id).await?;
        let known: HashSet<&String> = item.model_inputs.iter().collect();
        let new: Vec<&String> = models.iter().filter(|model| !known.contains(model)).collect();
        let update = Update::new(key(run_id)).append("model_inputs", &new)?;
        self.update_checked(run_id, update).await.map(drop)
    }

    /// Marks a run as one that used datasets; returns its experiment.
    pub(crate) async fn mark_datasets(&self, run_id: &str) -> Result<String> {
        Ok(self.update_active(run_id, Update::new(key(run_id)).set("has_datasets", &true)?).await?.experiment_id)
    }

    /// Records in a run's tag a model that an older client logged.
    ///
    /// # Errors
    /// `NotFound` when there is no such run; `BadRequest` when it is deleted; `Internal` when DynamoDB does not answer.
    pub async fn record_logged_model(&self, run_id: &str, model: &serde_json::Value) -> Result<()> {
        for _ in 0..ATTEMPTS {
            let item = self.active_run_item(run_id).await?;
            let before = item.tags.get(LOGGED_MODELS_TAG).cloned();
            let texts = self.with_texts(item).await?.tags;
            let history = texts.get(LOGGED_MODELS_TAG).and_then(|text| serde_json::from_str::<Vec<serde_json::Value>>(text).ok());
            let mut history = history.unwrap_or_default();
            history.push(model.clone());
            let text = serde_json::Value::from(history).to_string();
            self.keep_texts(&partition(run_id), [&text]).await?;
            let update = Update::new(key(run_id)).if_exists().set_entry("tags", LOGGED_MODELS_TAG, &stored(&text))?;
            let update = match &before {
                Some(before) => update.if_entry_absent_or("tags", LOGGED_MODELS_TAG, "=", before)?,
                None => update.if_entry_missing("tags", LOGGED_MODELS_TAG),
            };
            if self.update::<serde::de::IgnoredAny>(update).await?.is_done() {
                return Ok(());
            }
        }
        Err(busy(run_id))
    }

    /// Logs metrics, params and tags. Each of the three is written whole or, on an error, may be written in part;
    /// logging the same again does no harm.
    ///
    /// # Errors
    /// `NotFound` when there is no such run; `BadRequest` when the run is deleted or a param has another value;
    /// `Unavailable` when other writers keep getting in between; `Internal` when DynamoDB does not answer.
    pub async fn log_batch(&self, run_id: &str, batch: Batch) -> Result<()> {
        let item = self.active_run_item(run_id).await?;
        self.keep_texts(&partition(run_id), batch.params.values().chain(batch.tags.values())).await?;
        if differ(&item, &batch.params) {
            return Err(self.changed_params(item, &batch.params).await?);
        }
        let latest = latest_of(&batch.metrics);
        if !latest.is_empty() {
            // What is the latest value is in the history and in the metric's list too, whenever the writer stops.
            let unknown = latest.iter().filter(|(metric, _)| !item.metrics.contains_key(*metric));
            let (history, entries) = (self.put_history(run_id, &batch.metrics), self.put_metric_entries(&item, unknown));
            tokio::try_join!(history, entries)?;
        }
        if self.set_together(&item, &batch, &latest).await? {
            return Ok(());
        }
        self.log_params(item.clone(), &batch.params).await?;
        self.set_latest_metrics(item, latest).await?;
        self.set_run_tags(run_id, &batch.tags).await
    }

    /// All that a small batch changes of the run's own item, in one write. False when it does not fit one, or others wrote
    /// in between: then nothing was written.
    async fn set_together(&self, item: &RunItem, batch: &Batch, latest: &BTreeMap<String, String>) -> Result<bool> {
        let params: Vec<_> = batch.params.iter().filter(|(name, _)| !item.params.contains_key(*name)).collect();
        let metrics: Vec<_> = latest.iter().filter(|(metric, order)| item.metrics.get(*metric).is_none_or(|held| held < *order)).collect();
        let new_metrics = metrics.iter().filter(|(metric, _)| !item.metrics.contains_key(*metric)).count();
        if params.len() + metrics.len() + batch.tags.len() > ENTRIES_PER_UPDATE || item.metrics.len() + new_metrics > INLINE_METRICS {
            return Ok(false);
        }
        if params.is_empty() && metrics.is_empty() && batch.tags.is_empty() {
            return Ok(true);
        }
        let mut update = Update::new(key(&item.id)).if_exists().if_compares("lifecycle_stage", "=", &LifecycleStage::Active)?;
        for (name, value) in params {
            let value = stored(value);
            update = update.if_entry_absent_or("params", name, "=", &value)?.set_entry("params", name, &value)?;
        }
        let mut entries = Vec::new();
        for (metric, order) in metrics {
            update = match item.metrics.get(metric) {
                Some(held) => {
                    entries.extend(entry_writes(item, metric, held, order)?);
                    update.if_entry_equals("metrics", metric, held)?
                }
                None => update.if_entry_missing("metrics", metric),
            };
            update = update.set_entry("metrics", metric, order)?;
        }
        for (name, value) in &batch.tags {
            update = with_tag(update, name, value)?;
        }
        if entries.is_empty() {
            return Ok(self.update::<serde::de::IgnoredAny>(update).await?.is_done());
        }
        entries.push(Write::Update(update));
        Ok(self.transact(entries).await?.is_done())
    }

    async fn log_params(&self, item: RunItem, params: &BTreeMap<String, String>) -> Result<()> {
        let run_id = item.id.clone();
        let new: Vec<_> = params.iter().filter(|(name, _)| !item.params.contains_key(*name)).collect();
        for entries in new.chunks(ENTRIES_PER_UPDATE) {
            let mut update = Update::new(key(&run_id)).if_exists().if_compares("lifecycle_stage", "=", &LifecycleStage::Active)?;
            for (name, value) in entries {
                let value = stored(value);
                update = update.if_entry_absent_or("params", name, "=", &value)?.set_entry("params", name, &value)?;
            }
            match self.update_or_current::<RunItem>(update).await? {
                Updated::Done(_) => {}
                Updated::Refused(None) => return Err(no_run(&run_id)),
                Updated::Refused(Some(item)) => {
                    check_is_active(&item)?;
                    return Err(self.changed_params(item, params).await?);
                }
            }
        }
        Ok(())
    }

    async fn changed_params(&self, item: RunItem, params: &BTreeMap<String, String>) -> Result<Error> {
        let item = self.with_texts(item).await?;
        let changed: Vec<String> = params
            .iter()
            .filter_map(|(name, new)| {
                let old = item.params.get(name).filter(|old| *old != new)?;
                Some(format!("{{'key': '{name}', 'old_value': '{old}', 'new_value': '{new}'}}"))
            })
            .collect();
        Ok(Error::bad_request(format!(
            "Changing param values is not allowed. Params were already logged='[{}]' for run ID='{}'.",
            changed.join(", "),
            item.id
        )))
    }

    async fn set_run_tags(&self, run_id: &str, tags: &BTreeMap<String, String>) -> Result<()> {
        let tags: Vec<_> = tags.iter().collect();
        for entries in tags.chunks(ENTRIES_PER_UPDATE) {
            let mut update = Update::new(key(run_id));
            for (name, value) in entries {
                update = with_tag(update, name, value)?;
            }
            self.update_checked(run_id, update).await?;
        }
        Ok(())
    }

    /// Logs one value of a metric.
    ///
    /// # Errors
    /// As [`Store::log_batch`].
    pub async fn log_metric(&self, run_id: &str, metric: &str, value: MetricPoint) -> Result<()> {
        self.log_batch(run_id, Batch { metrics: vec![(metric.to_owned(), value)], ..Batch::default() }).await
    }

    /// Where the model is that a run logged: its newest logged model that is whole; for older clients, the folder of
    /// the run's artifacts that holds an `MLmodel` file. `None` when it logged none.
    ///
    /// # Errors
    /// `Internal` when DynamoDB or S3 does not answer.
    pub async fn resolve_run_model(&self, objects: &Objects, run_id: &str) -> Result<Option<ModelLocation>> {
        let models = self.run_logged_models(run_id).await?;
        if let Some(location) = models.iter().find_map(super::logged_models::location) {
            return Ok(Some(location));
        }
        let Some(run) = self.run(run_id).await? else { return Ok(None) };
        let Some(root) = artifact_uri::path(&run.artifact_uri) else { return Ok(None) };
        let prefix = format!("{}/", artifact(&root));
        let listed = objects.list_all(&prefix).await?;
        let folders = listed.iter().filter_map(|object| object.key.strip_prefix(&prefix)?.strip_suffix("/MLmodel"));
        // The outermost one: a model can hold models of its own.
        let Some(folder) = folders.min_by_key(|folder| (folder.matches('/').count(), (*folder).to_owned())) else {
            return Ok(None);
        };
        let artifact_path = format!("{root}/{folder}");
        let source = artifact_uri::of_path(&artifact_path);
        Ok(Some(ModelLocation { artifact_path, source, model_id: None, run_id: Some(run.id) }))
    }
}

/// True when a param is there already with another value.
fn differ(item: &RunItem, params: &BTreeMap<String, String>) -> bool {
    params.iter().any(|(name, value)| item.params.get(name).is_some_and(|held| *held != stored(value)))
}

fn with_tag(update: Update, name: &str, value: &str) -> Result<Update> {
    let update = update.set_entry("tags", name, &stored(value))?;
    if name == RUN_NAME_TAG && !value.is_empty() { update.set("name", value) } else { Ok(update) }
}

pub(super) fn busy(run_id: &str) -> Error {
    Error::new(ErrorKind::Unavailable, format!("Others keep writing to run {run_id} at this moment; try again."))
}
