//! Logged models in the table.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest as _, Sha256};

use super::Store;
use super::experiments::check_experiment_is_active;
use super::keys::{Index, Key, sortable};
use super::query::Query;
use super::update::Update;
use super::values::{HoldsTexts, Texts, all_stored, stored};
use super::write::{NewItem, Outcome, Updated, Write};
use crate::domain::lifecycle::LifecycleStage;
use crate::domain::logged_model::{LoggedModel, LoggedModelStatus, ModelLocation, ModelMetric};
use crate::domain::registered_model::ModelVersion;
use crate::domain::run::MetricPoint;
use crate::paging::{Page, PageRequest};
use crate::{Error, Result, Timestamp};

/// The tag that names the versions that were made of a logged model.
const MODEL_VERSIONS_TAG: &str = "mlflow.modelVersions";

const ATTEMPTS: u32 = 30;

/// What a new logged model is made of.
#[derive(Debug, Clone, Default)]
pub struct NewLoggedModel {
    /// The experiment.
    pub experiment_id: String,
    /// Its name; empty for one that is made up.
    pub name: String,
    /// What kind of model it is.
    pub model_type: Option<String>,
    /// The run that makes it.
    pub source_run_id: Option<String>,
    /// The job whose script makes it.
    pub job_id: Option<String>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// Its params.
    pub params: BTreeMap<String, String>,
}

#[derive(Debug, serde::Serialize, serde::Deserialize)]
struct JobLoggedModel {
    model_id: String,
}

impl HoldsTexts for LoggedModel {
    fn partition(&self) -> String {
        partition(&self.id)
    }
    fn texts(&mut self) -> Vec<&mut Texts> {
        vec![&mut self.tags, &mut self.params]
    }
}

fn partition(id: &str) -> String {
    format!("LOGGED_MODEL#{id}")
}

fn key(id: &str) -> Key {
    Key::new(partition(id), "LOGGED_MODEL")
}

fn order(model: &LoggedModel) -> String {
    format!("{}#{}", sortable(model.creation_time.max(0).unsigned_abs()), model.id)
}

pub(crate) fn list(experiment_id: &str, stage: LifecycleStage) -> String {
    format!("EXPERIMENT#{experiment_id}#LOGGED_MODELS#{}", stage.name())
}

fn no_model(id: &str) -> Error {
    Error::not_found(format!("Logged model with ID '{id}' not found."))
}

/// Where a logged model's files are, when it is whole and they are the platform's to read.
pub(crate) fn location(model: &LoggedModel) -> Option<ModelLocation> {
    if model.lifecycle_stage != LifecycleStage::Active || model.status != LoggedModelStatus::Ready {
        return None;
    }
    Some(ModelLocation {
        artifact_path: model.artifact_path()?,
        source: format!("models:/{}", model.id),
        model_id: Some(model.id.clone()),
        run_id: model.source_run_id.clone(),
    })
}

impl Store {
    /// Makes a logged model whose files are still to come, and records it with the job whose script makes it.
    ///
    /// # Errors
    /// `NotFound` when there is no such experiment; `BadRequest` when it is deleted; `Internal` when DynamoDB does not
    /// answer.
    pub async fn create_logged_model(&self, new: NewLoggedModel) -> Result<LoggedModel> {
        let experiment = self.experiment(&new.experiment_id).await?;
        let experiment = experiment.ok_or_else(|| Error::not_found(format!("No Experiment with id={} exists", new.experiment_id)))?;
        check_experiment_is_active(&experiment)?;
        let id = format!("m-{}", crate::id::new_hexadecimal_id());
        let now = Timestamp::now().milliseconds();
        let model = LoggedModel {
            artifact_uri: format!("{}/models/{id}/artifacts", experiment.artifact_location.trim_end_matches('/')),
            experiment_id: experiment.id,
            name: if new.name.is_empty() { crate::domain::run::random_name() } else { new.name },
            status: LoggedModelStatus::Pending,
            status_message: None,
            model_type: new.model_type,
            source_run_id: new.source_run_id,
            job_id: new.job_id,
            lifecycle_stage: LifecycleStage::Active,
            creation_time: now,
            last_update_time: now,
            tags: new.tags,
            params: new.params,
            metrics: Vec::new(),
            has_metrics: false,
            id,
        };
        self.keep_texts(&partition(&model.id), model.tags.values().chain(model.params.values())).await?;
        let held = LoggedModel { tags: all_stored(&model.tags), params: all_stored(&model.params), ..model.clone() };
        let mut item = NewItem::new(&key(&model.id), &held)?
            .listed(Index::First, list(&model.experiment_id, LifecycleStage::Active), order(&model))
            .if_absent();
        if let Some(run_id) = &model.source_run_id {
            item = item.listed(Index::Second, format!("RUN#{run_id}#LOGGED_MODELS"), order(&model));
        }
        let mut writes = vec![Write::Put(item)];
        if let Some(job_id) = &model.job_id {
            let link = Key::new(format!("JOB#{job_id}"), format!("LOGGED_MODEL#{}", model.id));
            writes.push(Write::Put(NewItem::new(&link, &JobLoggedModel { model_id: model.id.clone() })?));
        }
        match self.transact(writes).await? {
            Outcome::Done(()) => Ok(model),
            Outcome::Refused(_) => Err(Error::broken(format!("logged model {} exists already", model.id))),
        }
    }

    /// A logged model by its id, deleted ones included.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn logged_model(&self, id: &str) -> Result<Option<LoggedModel>> {
        if id.is_empty() || id.len() > 256 {
            return Ok(None);
        }
        let Some(model) = self.get::<LoggedModel>(&key(id)).await? else { return Ok(None) };
        let metrics = if model.has_metrics { self.model_metrics(id).await? } else { Vec::new() };
        Ok(Some(LoggedModel { metrics, ..self.with_texts(model).await? }))
    }

    /// The values of metrics that were measured on a model.
    pub(crate) async fn model_metrics(&self, id: &str) -> Result<Vec<ModelMetric>> {
        self.all(&Query::table(partition(id)).prefix("METRIC#")).await
    }

    /// The models that a run logged, newest first, without their metrics.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn run_logged_models(&self, run_id: &str) -> Result<Vec<LoggedModel>> {
        let query = Query::index(Index::Second, format!("RUN#{run_id}#LOGGED_MODELS")).newest_first();
        let mut models: Vec<LoggedModel> = self.all(&query).await?;
        self.restore_texts(&mut models).await?;
        Ok(models)
    }

    /// The models that a job's script logged, newest first, without their metrics.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn job_logged_models(&self, job_id: &str) -> Result<Vec<LoggedModel>> {
        let links: Vec<JobLoggedModel> = self.all(&Query::table(format!("JOB#{job_id}")).prefix("LOGGED_MODEL#").newest_first()).await?;
        let mut found = self.get_all(links.iter().map(|link| key(&link.model_id)).collect()).await?;
        let mut models: Vec<LoggedModel> = links.iter().filter_map(|link| found.remove(&key(&link.model_id))).collect();
        self.restore_texts(&mut models).await?;
        Ok(models)
    }

    /// Logged models of an experiment in a stage, newest first, without their metrics.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn logged_models(&self, experiment_id: &str, stage: LifecycleStage, page: &PageRequest) -> Result<Page<LoggedModel>> {
        let query = Query::index(Index::First, list(experiment_id, stage)).newest_first();
        let mut page: Page<LoggedModel> = self.page(&query, page).await?;
        self.restore_texts(&mut page.items).await?;
        Ok(page)
    }

    /// Says that a model's files are there, or that their upload failed.
    ///
    /// # Errors
    /// `NotFound` when there is no such model; `Internal` when DynamoDB does not answer.
    pub async fn finalize_logged_model(&self, id: &str, status: LoggedModelStatus) -> Result<LoggedModel> {
        self.change_logged_model(id, |update| update.set("status", &status)).await?;
        self.logged_model(id).await?.ok_or_else(|| no_model(id))
    }

    /// Deletes a logged model; its files stay.
    ///
    /// # Errors
    /// `NotFound` when there is no such model; `Internal` when DynamoDB does not answer.
    pub async fn delete_logged_model(&self, id: &str) -> Result<()> {
        let model = self.logged_model(id).await?.ok_or_else(|| no_model(id))?;
        let stage = LifecycleStage::Deleted;
        self.change_logged_model(id, |update| {
            update.set("lifecycle_stage", &stage)?.set(Index::First.partition_attribute(), &list(&model.experiment_id, stage))
        })
        .await
        .map(drop)
    }

    /// Sets tags of a logged model.
    ///
    /// # Errors
    /// `NotFound` when there is no such model; `Internal` when DynamoDB does not answer.
    pub async fn set_logged_model_tags(&self, id: &str, tags: &BTreeMap<String, String>) -> Result<()> {
        self.set_logged_model_texts(id, "tags", tags).await
    }

    /// Adds params of a logged model.
    ///
    /// # Errors
    /// `NotFound` when there is no such model; `Internal` when DynamoDB does not answer.
    pub async fn log_logged_model_params(&self, id: &str, params: &BTreeMap<String, String>) -> Result<()> {
        self.set_logged_model_texts(id, "params", params).await
    }

    async fn set_logged_model_texts(&self, id: &str, map: &str, texts: &BTreeMap<String, String>) -> Result<()> {
        if self.logged_model(id).await?.is_none() {
            return Err(no_model(id));
        }
        self.keep_texts(&partition(id), texts.values()).await?;
        let entries: Vec<_> = texts.iter().collect();
        for entries in entries.chunks(60) {
            self.change_logged_model(id, |mut update| {
                for (name, text) in entries {
                    update = update.set_entry(map, name, &stored(text))?;
                }
                Ok(update)
            })
            .await?;
        }
        Ok(())
    }

    /// Names a version in the tag of the logged model that it was made of, as MLflow's registry does.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn record_model_version(&self, version: &ModelVersion) -> Result<()> {
        let Some(id) = &version.model_id else { return Ok(()) };
        for _ in 0..ATTEMPTS {
            let Some(held) = self.get::<LoggedModel>(&key(id)).await? else { return Ok(()) };
            let before = held.tags.get(MODEL_VERSIONS_TAG).cloned();
            let tags = self.with_texts(held).await?.tags;
            let known = tags.get(MODEL_VERSIONS_TAG).and_then(|text| serde_json::from_str::<Vec<serde_json::Value>>(text).ok());
            let mut versions = known.unwrap_or_default();
            let entry = serde_json::json!({ "name": version.model_name, "version": version.version });
            if versions.contains(&entry) {
                return Ok(());
            }
            versions.push(entry);
            let text = python_json(&versions);
            self.keep_texts(&partition(id), [&text]).await?;
            let update = Update::new(key(id)).if_exists().set_entry("tags", MODEL_VERSIONS_TAG, &stored(&text))?;
            let update = match &before {
                Some(before) => update.if_entry_absent_or("tags", MODEL_VERSIONS_TAG, "=", before)?,
                None => update.if_entry_missing("tags", MODEL_VERSIONS_TAG),
            };
            if self.update::<serde::de::IgnoredAny>(update).await?.is_done() {
                return Ok(());
            }
        }
        // The version is registered; the tag is a convenience that a later registration completes.
        tracing::warn!(model_id = id, "others keep writing to the model's tag");
        Ok(())
    }

    /// Removes a tag of a logged model.
    ///
    /// # Errors
    /// `NotFound` when there is no such model or tag; `Internal` when DynamoDB does not answer.
    pub async fn delete_logged_model_tag(&self, id: &str, name: &str) -> Result<()> {
        let update = Update::new(key(id)).if_exists().if_entry_exists("tags", name).remove_entry("tags", name);
        match self.update_or_current::<LoggedModel>(update).await? {
            Updated::Done(_) => Ok(()),
            Updated::Refused(None) => Err(no_model(id)),
            Updated::Refused(Some(_)) => Err(Error::not_found(format!("No tag with key '{name}' found for model with ID '{id}'."))),
        }
    }

    /// Keeps values of metrics that were measured on models, with the models. A model that is not there keeps none.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn log_model_metrics(&self, metrics: &[(String, ModelMetric)]) -> Result<()> {
        let models: BTreeSet<&String> = metrics.iter().map(|(model_id, _)| model_id).collect();
        let mut known = BTreeSet::new();
        for id in models {
            let update = Update::new(key(id)).if_exists().set("has_metrics", &true)?;
            if self.update::<serde::de::IgnoredAny>(update).await?.is_done() {
                known.insert(id);
            }
        }
        let items: BTreeMap<Key, &ModelMetric> = metrics
            .iter()
            .filter(|(model_id, _)| known.contains(model_id))
            .map(|(model_id, metric)| {
                let point = MetricPoint { step: metric.step, timestamp: metric.timestamp, value: metric.value };
                let of = (&metric.key, &metric.run_id, &metric.dataset_name, &metric.dataset_digest);
                let of = hex::encode(Sha256::digest(format!("{of:?}")));
                let sort = format!("METRIC#{of}#{}", point.latest_order());
                (Key::new(partition(model_id), sort), metric)
            })
            .collect();
        self.put_all(items.into_iter().map(|(key, metric)| NewItem::new(&key, metric)).collect::<Result<_>>()?).await
    }

    async fn change_logged_model(&self, id: &str, change: impl FnOnce(Update) -> Result<Update>) -> Result<LoggedModel> {
        let update = change(Update::new(key(id)).if_exists())?.set("last_update_time", &Timestamp::now().milliseconds())?;
        match self.update_or_current::<LoggedModel>(update).await? {
            Updated::Done(model) => Ok(model),
            Updated::Refused(_) => Err(no_model(id)),
        }
    }
}

/// A list of objects as Python writes it, with a space behind colons and commas: clients compare the text.
fn python_json(objects: &[serde_json::Value]) -> String {
    let objects = objects.iter().filter_map(serde_json::Value::as_object).map(|fields| {
        let fields: Vec<_> = fields.iter().map(|(name, value)| format!("{}: {value}", serde_json::Value::from(name.as_str()))).collect();
        format!("{{{}}}", fields.join(", "))
    });
    format!("[{}]", objects.collect::<Vec<_>>().join(", "))
}
