//! The registry in the table: models by name, their versions numbered without gap or clash.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Store;
use super::counters::Counter;
use super::keys::{Index, Key, sortable};
use super::query::Query;
use super::update::Update;
use super::values::{HoldsTexts, Texts, all_stored, stored};
use super::write::{NewItem, Outcome, Updated, Write};
use crate::domain::registered_model::{ModelVersion, NewModelVersion, RegisteredModel, Stage, VersionStatus};
use crate::paging::{Page, PageRequest};
use crate::{Error, ErrorKind, Result, Timestamp};

/// How often a version's number is tried again when other writers take it first.
const ATTEMPTS: u32 = 60;

/// Which version a job registered.
#[derive(Debug, Serialize, Deserialize)]
struct JobVersion {
    model_name: String,
    version: u64,
}

impl HoldsTexts for RegisteredModel {
    fn partition(&self) -> String {
        partition(&self.name)
    }
    fn texts(&mut self) -> Vec<&mut Texts> {
        vec![&mut self.tags]
    }
}

impl HoldsTexts for ModelVersion {
    fn partition(&self) -> String {
        partition(&self.model_name)
    }
    fn texts(&mut self) -> Vec<&mut Texts> {
        vec![&mut self.tags]
    }
}

fn partition(name: &str) -> String {
    format!("MODEL#{name}")
}

fn model_key(name: &str) -> Key {
    Key::new(partition(name), "MODEL")
}

fn version_key(name: &str, version: u64) -> Key {
    Key::new(partition(name), format!("VERSION#{}", sortable(version)))
}

fn job_version_key(job_id: &str) -> Key {
    Key::new(format!("JOB#{job_id}"), "VERSION")
}

/// Versions of all models in the order of MLflow's search: by name, the newest first.
fn version_order(name: &str, version: u64) -> String {
    format!("{name}\u{1}{}", sortable(u64::MAX - version))
}

fn no_model(name: &str) -> Error {
    Error::not_found(format!("Registered Model with name={name} not found"))
}

fn no_version(name: &str, version: u64) -> Error {
    Error::not_found(format!("Model Version (name={name}, version={version}) not found"))
}

fn new_model_item(model: &RegisteredModel) -> Result<NewItem> {
    let stored = RegisteredModel { tags: all_stored(&model.tags), ..model.clone() };
    Ok(NewItem::new(&model_key(&model.name), &stored)?.listed(Index::First, "MODELS", &model.name).if_absent())
}

fn new_version_item(version: &ModelVersion) -> Result<NewItem> {
    let stored = ModelVersion { tags: all_stored(&version.tags), ..version.clone() };
    let item = NewItem::new(&version_key(&version.model_name, version.version), &stored)?
        .listed(Index::First, "MODEL_VERSIONS", version_order(&version.model_name, version.version))
        .if_absent();
    Ok(match &version.run_id {
        Some(run_id) => item.listed(Index::Second, format!("RUN#{run_id}#VERSIONS"), version_order(&version.model_name, version.version)),
        None => item,
    })
}

fn with_aliases(mut version: ModelVersion, aliases: &BTreeMap<String, u64>) -> ModelVersion {
    version.aliases = aliases.iter().filter(|(_, of)| **of == version.version).map(|(alias, _)| alias.clone()).collect();
    version
}

impl Store {
    /// Registers a model that has no version yet.
    ///
    /// # Errors
    /// `AlreadyExists` when there is one of that name; `Internal` when DynamoDB does not answer.
    pub async fn create_registered_model(
        &self,
        name: &str,
        description: Option<String>,
        tags: BTreeMap<String, String>,
    ) -> Result<RegisteredModel> {
        let now = Timestamp::now();
        let model = RegisteredModel {
            name: name.to_owned(),
            description,
            tags,
            aliases: BTreeMap::new(),
            last_version: 0,
            created_at: now,
            updated_at: now,
        };
        self.keep_texts(&partition(name), model.tags.values()).await?;
        let writes = vec![Write::Put(new_model_item(&model)?), Counter::RegisteredModels.increase(1)?];
        match self.transact(writes).await? {
            Outcome::Done(()) => Ok(model),
            Outcome::Refused(_) => Err(Error::new(ErrorKind::AlreadyExists, format!("Registered Model (name={name}) already exists."))),
        }
    }

    /// A registered model by its name.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn registered_model(&self, name: &str) -> Result<Option<RegisteredModel>> {
        if !is_key_text(name) {
            return Ok(None);
        }
        match self.get::<RegisteredModel>(&model_key(name)).await? {
            Some(model) => self.with_texts(model).await.map(Some),
            None => Ok(None),
        }
    }

    /// Registered models by name.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn registered_models(&self, page: &PageRequest) -> Result<Page<RegisteredModel>> {
        let mut page: Page<RegisteredModel> = self.page(&Query::index(Index::First, "MODELS"), page).await?;
        self.restore_texts(&mut page.items).await?;
        Ok(page)
    }

    /// How many registered models there are.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn count_registered_models(&self) -> Result<u64> {
        self.count(Counter::RegisteredModels).await
    }

    /// Registers a version under the next number. Makes the registered model where there is none. The same job
    /// registers once: asked again, the version that it registered is returned.
    ///
    /// # Errors
    /// `Unavailable` when other writers take every number first; `Internal` when DynamoDB does not answer.
    pub async fn create_model_version(&self, new: NewModelVersion) -> Result<ModelVersion> {
        self.keep_texts(&partition(&new.model_name), new.tags.values()).await?;
        for attempt in 0..ATTEMPTS {
            let now = Timestamp::now();
            let model: Option<RegisteredModel> = self.get(&model_key(&new.model_name)).await?;
            let number = model.as_ref().map_or(0, |model| model.last_version) + 1;
            let version = ModelVersion {
                model_name: new.model_name.clone(),
                version: number,
                description: new.description.clone(),
                tags: new.tags.clone(),
                aliases: Vec::new(),
                stage: Stage::None,
                status: VersionStatus::Ready,
                run_id: new.run_id.clone(),
                run_link: new.run_link.clone(),
                source: new.source.clone(),
                artifact_path: new.artifact_path.clone(),
                model_id: new.model_id.clone(),
                job_id: new.job_id.clone(),
                created_at: now,
                updated_at: now,
            };
            let mut writes = vec![Write::Put(new_version_item(&version)?)];
            match model {
                Some(model) => writes.push(Write::Update(
                    Update::new(model_key(&model.name))
                        .if_exists()
                        .if_compares("last_version", "=", &model.last_version)?
                        .set("last_version", &number)?
                        .set("updated_at", &now)?,
                )),
                None => {
                    let model = RegisteredModel {
                        name: new.model_name.clone(),
                        description: None,
                        tags: BTreeMap::new(),
                        aliases: BTreeMap::new(),
                        last_version: number,
                        created_at: now,
                        updated_at: now,
                    };
                    writes.push(Write::Put(new_model_item(&model)?));
                    writes.push(Counter::RegisteredModels.increase(1)?);
                }
            }
            if let Some(job_id) = &new.job_id {
                let record = JobVersion { model_name: new.model_name.clone(), version: number };
                writes.push(Write::Put(NewItem::new(&job_version_key(job_id), &record)?.if_absent()));
            }
            if self.transact(writes).await?.is_done() {
                return Ok(version);
            }
            if let Some(job_id) = &new.job_id
                && let Some(version) = self.version_of_job(job_id).await?
            {
                return Ok(version);
            }
            let most = 5 * u64::from(attempt.min(20) + 1);
            tokio::time::sleep(Duration::from_millis(rand::random_range(0..=most))).await;
        }
        Err(Error::new(
            ErrorKind::Unavailable,
            format!("Others keep registering versions of {} at this moment; try again.", new.model_name),
        ))
    }

    /// The version that a job registered, if it did.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn version_of_job(&self, job_id: &str) -> Result<Option<ModelVersion>> {
        match self.get::<JobVersion>(&job_version_key(job_id)).await? {
            Some(record) => self.model_version(&record.model_name, record.version).await,
            None => Ok(None),
        }
    }

    /// A version of a registered model.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn model_version(&self, name: &str, version: u64) -> Result<Option<ModelVersion>> {
        if !is_key_text(name) {
            return Ok(None);
        }
        let (model_key, version_key) = (model_key(name), version_key(name, version));
        let (model, version) = tokio::try_join!(self.get::<RegisteredModel>(&model_key), self.get::<ModelVersion>(&version_key))?;
        match (model, version) {
            (Some(model), Some(version)) => Ok(Some(with_aliases(self.with_texts(version).await?, &model.aliases))),
            _ => Ok(None),
        }
    }

    /// The versions of a registered model, newest first; none where there is no such model.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn model_versions(&self, name: &str, page: &PageRequest) -> Result<Page<ModelVersion>> {
        let key = model_key(name);
        let query = Query::table(partition(name)).prefix("VERSION#").newest_first();
        let (model, mut page) = tokio::try_join!(self.get::<RegisteredModel>(&key), self.page::<ModelVersion>(&query, page))?;
        self.restore_texts(&mut page.items).await?;
        let aliases = model.map(|model| model.aliases).unwrap_or_default();
        Ok(page.map(|version| with_aliases(version, &aliases)))
    }

    /// The newest version of a registered model.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn latest_version(&self, name: &str) -> Result<Option<ModelVersion>> {
        let page = self.model_versions(name, &PageRequest { limit: 1, after: None }).await?;
        Ok(page.items.into_iter().next())
    }

    /// The newest version in each of the stages, oldest stage first as MLflow lists them; a stage without a version has
    /// none.
    ///
    /// # Errors
    /// `NotFound` when there is no such model; `Internal` when DynamoDB does not answer.
    pub async fn latest_versions_by_stage(&self, name: &str, stages: &[Stage]) -> Result<Vec<ModelVersion>> {
        if self.registered_model(name).await?.is_none() {
            return Err(no_model(name));
        }
        let mut missing: Vec<Stage> = stages.to_vec();
        let mut latest = Vec::new();
        let mut request = PageRequest { limit: 100, after: None };
        // Most models have all their stages among their newest versions; the rest is read page by page.
        loop {
            let page = self.model_versions(name, &request).await?;
            for version in page.items {
                if let Some(position) = missing.iter().position(|stage| *stage == version.stage) {
                    missing.swap_remove(position);
                    latest.push(version);
                }
            }
            match page.next_page_token {
                Some(token) if !missing.is_empty() => request = PageRequest::new(request.limit, request.limit, Some(&token))?,
                _ => break,
            }
        }
        Ok(latest)
    }

    /// Versions of all registered models: by name, each model's newest first.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn all_model_versions(&self, page: &PageRequest) -> Result<Page<ModelVersion>> {
        let page = self.page(&Query::index(Index::First, "MODEL_VERSIONS"), page).await?;
        self.complete_versions(page).await
    }

    /// The versions that were made of a run's models.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn model_versions_of_run(&self, run_id: &str, page: &PageRequest) -> Result<Page<ModelVersion>> {
        let page = self.page(&Query::index(Index::Second, format!("RUN#{run_id}#VERSIONS")), page).await?;
        self.complete_versions(page).await
    }

    /// Versions with their aliases and long texts.
    pub(crate) async fn complete_versions(&self, mut page: Page<ModelVersion>) -> Result<Page<ModelVersion>> {
        self.restore_texts(&mut page.items).await?;
        let mut names: Vec<&str> = page.items.iter().map(|version| version.model_name.as_str()).collect();
        names.dedup();
        let models = self.get_all::<RegisteredModel>(names.into_iter().map(model_key).collect()).await?;
        Ok(page.map(|version| {
            let model = models.get(&model_key(&version.model_name));
            let aliases = model.map(|model| model.aliases.clone()).unwrap_or_default();
            with_aliases(version, &aliases)
        }))
    }

    /// Changes a registered model's description.
    ///
    /// # Errors
    /// `NotFound` when there is no such model; `Internal` when DynamoDB does not answer.
    pub async fn describe_registered_model(&self, name: &str, description: Option<&str>) -> Result<RegisteredModel> {
        self.update_model(name, |update| update.set("description", &description)).await
    }

    /// Sets a tag of a registered model.
    ///
    /// # Errors
    /// `NotFound` when there is no such model; `Internal` when DynamoDB does not answer.
    pub async fn set_registered_model_tag(&self, name: &str, key: &str, value: &str) -> Result<()> {
        self.keep_texts(&partition(name), [&value.to_owned()]).await?;
        self.update_model(name, |update| update.set_entry("tags", key, &stored(value))).await.map(drop)
    }

    /// Removes a tag of a registered model; there being none is no error.
    ///
    /// # Errors
    /// `NotFound` when there is no such model; `Internal` when DynamoDB does not answer.
    pub async fn delete_registered_model_tag(&self, name: &str, key: &str) -> Result<()> {
        self.update_model(name, |update| Ok(update.remove_entry("tags", key))).await.map(drop)
    }

    /// Lets an alias stand for a version, and for no other.
    ///
    /// # Errors
    /// `NotFound` when there is no such version; `Internal` when DynamoDB does not answer.
    pub async fn set_alias(&self, name: &str, alias: &str, version: u64) -> Result<()> {
        if self.model_version(name, version).await?.is_none() {
            return Err(no_version(name, version));
        }
        self.update_model(name, |update| update.set_entry("aliases", alias, &version)).await.map(drop)
    }

    /// Removes an alias; there being none is no error.
    ///
    /// # Errors
    /// `NotFound` when there is no such model; `Internal` when DynamoDB does not answer.
    pub async fn delete_alias(&self, name: &str, alias: &str) -> Result<()> {
        self.update_model(name, |update| Ok(update.remove_entry("aliases", alias))).await.map(drop)
    }

    /// Changes a version's description.
    ///
    /// # Errors
    /// `NotFound` when there is no such version; `Internal` when DynamoDB does not answer.
    pub async fn describe_model_version(&self, name: &str, version: u64, description: Option<&str>) -> Result<ModelVersion> {
        self.update_version(name, version, |update| update.set("description", &description)).await
    }

    /// Sets a tag of a version.
    ///
    /// # Errors
    /// `NotFound` when there is no such version; `Internal` when DynamoDB does not answer.
    pub async fn set_model_version_tag(&self, name: &str, version: u64, key: &str, value: &str) -> Result<()> {
        self.keep_texts(&partition(name), [&value.to_owned()]).await?;
        self.update_version(name, version, |update| update.set_entry("tags", key, &stored(value))).await.map(drop)
    }

    /// Removes a tag of a version; there being none is no error.
    ///
    /// # Errors
    /// `NotFound` when there is no such version; `Internal` when DynamoDB does not answer.
    pub async fn delete_model_version_tag(&self, name: &str, version: u64, key: &str) -> Result<()> {
        self.update_version(name, version, |update| Ok(update.remove_entry("tags", key))).await.map(drop)
    }

    /// Moves a version to a stage; where `archive_others` is set, the other versions in that stage are archived.
    ///
    /// # Errors
    /// `NotFound` when there is no such version; `Internal` when DynamoDB does not answer.
    pub async fn set_stage(&self, name: &str, version: u64, stage: Stage, archive_others: bool) -> Result<ModelVersion> {
        let moved = self.update_version(name, version, |update| update.set("stage", &stage)).await?;
        let mut request = PageRequest { limit: 100, after: None };
        if !archive_others {
            return Ok(moved);
        }
        loop {
            let page = self.model_versions(name, &request).await?;
            for other in page.items.iter().filter(|other| other.version != version && other.stage == stage) {
                self.update_version(name, other.version, |update| update.set("stage", &Stage::Archived)).await?;
            }
            let Some(token) = page.next_page_token else { return Ok(moved) };
            request = PageRequest::new(request.limit, request.limit, Some(&token))?;
        }
    }

    /// Gives a registered model another name: it is written under the new one, version by version, and removed under the old
    /// one. Asked again after a failure, it goes on.
    ///
    /// # Errors
    /// `NotFound` when there is no such model; `AlreadyExists` when the new name is taken; `Conflict` when the model is
    /// deployed, since its deployment knows it by its name; `Internal` when DynamoDB does not answer.
    pub async fn rename_registered_model(&self, name: &str, new_name: &str) -> Result<RegisteredModel> {
        let model = self.registered_model(name).await?.ok_or_else(|| no_model(name))?;
        if name == new_name || self.get::<serde::de::IgnoredAny>(&model_key(new_name)).await?.is_some() {
            return Err(Error::new(ErrorKind::AlreadyExists, format!("Registered Model (name={new_name}) already exists.")));
        }
        if self.deployment_of_model(name).await?.is_some() {
            return Err(Error::conflict(format!("{name} is deployed and keeps its name; delete its deployment first.")));
        }
        let mut request = PageRequest { limit: 100, after: None };
        loop {
            let page = self.model_versions(name, &request).await?;
            for version in page.items {
                let version = ModelVersion { model_name: new_name.to_owned(), updated_at: Timestamp::now(), ..version };
                self.keep_texts(&partition(new_name), version.tags.values()).await?;
                self.put(new_version_item(&version)?).await?;
            }
            let Some(token) = page.next_page_token else { break };
            request = PageRequest::new(request.limit, request.limit, Some(&token))?;
        }
        let renamed = RegisteredModel { name: new_name.to_owned(), updated_at: Timestamp::now(), ..model };
        self.keep_texts(&partition(new_name), renamed.tags.values()).await?;
        // From here on the new name is the model's; the old one's versions are removed behind it.
        let writes = vec![Write::Put(new_model_item(&renamed)?), Write::Delete(model_key(name))];
        if !self.transact(writes).await?.is_done() {
            return Err(Error::new(ErrorKind::AlreadyExists, format!("Registered Model (name={new_name}) already exists.")));
        }
        self.delete_versions(name).await?;
        Ok(renamed)
    }

    async fn delete_versions(&self, name: &str) -> Result<()> {
        loop {
            let page = self.model_versions(name, &PageRequest { limit: 100, after: None }).await?;
            for version in &page.items {
                self.delete(&version_key(name, version.version)).await?;
            }
            if page.next_page_token.is_none() {
                return Ok(());
            }
        }
    }

    /// Removes a version and the aliases that stand for it. Its number is not given again.
    ///
    /// # Errors
    /// `NotFound` when there is no such version; `Internal` when DynamoDB does not answer.
    pub async fn delete_model_version(&self, name: &str, version: u64) -> Result<()> {
        let found = self.model_version(name, version).await?.ok_or_else(|| no_version(name, version))?;
        let mut update = Update::new(model_key(name)).if_exists().set("updated_at", &Timestamp::now())?;
        for alias in &found.aliases {
            update = update.remove_entry("aliases", alias);
        }
        self.transact(vec![Write::Delete(version_key(name, version)), Write::Update(update)]).await.map(drop)
    }

    /// Removes a registered model with all its versions.
    ///
    /// # Errors
    /// `NotFound` when there is no such model; `Internal` when DynamoDB does not answer.
    pub async fn delete_registered_model(&self, name: &str) -> Result<()> {
        if self.registered_model(name).await?.is_none() {
            return Err(no_model(name));
        }
        // Versions first: while the model is there, what is left can be deleted by asking again.
        self.delete_versions(name).await?;
        self.transact(vec![Write::Delete(model_key(name)), Counter::RegisteredModels.increase(-1)?]).await.map(drop)
    }

    async fn update_model(&self, name: &str, change: impl FnOnce(Update) -> Result<Update>) -> Result<RegisteredModel> {
        if !is_key_text(name) {
            return Err(no_model(name));
        }
        let update = change(Update::new(model_key(name)).if_exists())?.set("updated_at", &Timestamp::now())?;
        match self.update_or_current::<RegisteredModel>(update).await? {
            Updated::Done(model) => self.with_texts(model).await,
            Updated::Refused(_) => Err(no_model(name)),
        }
    }

    async fn update_version(&self, name: &str, version: u64, change: impl FnOnce(Update) -> Result<Update>) -> Result<ModelVersion> {
        if !is_key_text(name) {
            return Err(no_version(name, version));
        }
        let update = change(Update::new(version_key(name, version)).if_exists())?.set("updated_at", &Timestamp::now())?;
        match self.update_or_current::<ModelVersion>(update).await? {
            Updated::Done(changed) => {
                let model = self.update_model(name, Ok).await?;
                Ok(with_aliases(self.with_texts(changed).await?, &model.aliases))
            }
            Updated::Refused(_) => Err(no_version(name, version)),
        }
    }
}

/// True for text that can be part of a key: DynamoDB takes keys of at most 2048 bytes, and no empty ones.
fn is_key_text(text: &str) -> bool {
    !text.is_empty() && text.len() <= 1000
}
