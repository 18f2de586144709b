//! The versions of registered models in the table: numbered without gap or clash, listed by model, by run and by their
//! last change.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Store;
use super::keys::{Index, Key, sortable};
use super::project_models::identity_writes;
use super::query::Query;
use super::registered_models::{counting, is_key_text, model_key, new_model_item, no_model, partition};
use super::update::Update;
use super::values::{HoldsTexts, Texts, all_stored, stored};
use super::viewer::{list_of, taken};
use super::write::{NewItem, Updated, Write};
use crate::domain::project::DEFAULT_PROJECT_ID;
use crate::domain::registered_model::{ModelVersion, NewModelVersion, RegisteredModel, Stage, StageVersions, VersionStatus};
use crate::paging::{Page, PageRequest};
use crate::{Error, ErrorKind, Result, Timestamp};

/// How often a write is tried again when other writers come first.
pub(super) const ATTEMPTS: u32 = 60;

/// How many versions are read at once where one of a stage is looked for.
const CHUNK: usize = 200;

/// How much of a model's name a sort key holds, in bytes: DynamoDB takes 1024 for all of it.
const LONGEST_NAME_IN_ORDER: usize = 900;

/// Which version a job registered.
#[derive(Debug, Serialize, Deserialize)]
struct JobVersion {
    model_name: String,
    version: u64,
}

/// A version in the list of its model's versions by their last change. The version's own item is in two other lists, and
/// the table has two indexes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct VersionPlace {
    pub(crate) model_name: String,
    pub(crate) version: u64,
}

impl HoldsTexts for ModelVersion {
    fn partition(&self) -> String {
        partition(&self.model_name)
    }
    fn texts(&mut self) -> Vec<&mut Texts> {
        vec![&mut self.tags]
    }
}

pub(crate) fn version_key(name: &str, version: u64) -> Key {
    Key::new(partition(name), format!("VERSION#{}", sortable(version)))
}

fn place_key(name: &str, version: u64) -> Key {
    Key::new(partition(name), format!("VERSION_PLACE#{}", sortable(version)))
}

fn job_version_key(job_id: &str) -> Key {
    Key::new(format!("JOB#{job_id}"), "VERSION")
}

/// Versions of all models, or of a run's, in the order of MLflow's search: by their last change, the newest first, then by
/// name, then by number, the highest first.
fn recency(updated_at: Timestamp, name: &str, version: u64) -> String {
    let milliseconds = u64::try_from(updated_at.milliseconds()).unwrap_or_default();
    let name = &name[..name.floor_char_boundary(LONGEST_NAME_IN_ORDER)];
    format!("{:016x}#{name}\u{1}{}", !milliseconds, sortable(u64::MAX - version))
}

/// Where the versions of all models are listed by their last change.
pub(crate) const RECENCY_LIST: &str = "MODEL_VERSIONS";

/// Where a model's versions are listed by their last change.
pub(crate) fn recency_list_of_model(name: &str) -> String {
    format!("MODEL#{name}#VERSIONS")
}

/// Where the versions of a run's models are listed by their last change.
pub(crate) fn recency_list_of_run(run_id: &str) -> String {
    format!("RUN#{run_id}#VERSIONS")
}

pub(super) fn no_version(name: &str, version: u64) -> Error {
    Error::not_found(format!("Model Version (name={name}, version={version}) not found"))
}

/// What there is of a new version: its own item, and its place in its model's list.
pub(super) fn new_version_items(version: &ModelVersion) -> Result<[NewItem; 2]> {
    let stored = ModelVersion { tags: all_stored(&version.tags), ..version.clone() };
    let order = recency(version.updated_at, &version.model_name, version.version);
    let list = |list: &str| list_of(list, version.project_id.as_deref());
    let item = NewItem::new(&version_key(&version.model_name, version.version), &stored)?;
    let item = item.listed(Index::First, list(RECENCY_LIST), &order);
    let item = match &version.run_id {
        Some(run_id) => item.listed(Index::Second, list(&recency_list_of_run(run_id)), &order),
        None => item,
    };
    let place = VersionPlace { model_name: version.model_name.clone(), version: version.version };
    let place = NewItem::new(&place_key(&version.model_name, version.version), &place)?.listed(
        Index::First,
        recency_list_of_model(&version.model_name),
        order,
    );
    Ok([item, place])
}

/// In which project a new version is: in that of its registered model, which is that in which its first version was made.
///
/// # Errors
/// `AlreadyExists` when it was to be in another one.
fn project_of(new: &NewModelVersion, model: Option<&RegisteredModel>) -> Result<Option<String>> {
    match (new.project_id.as_deref(), model) {
        (asked, None) => Ok(asked.filter(|asked| *asked != DEFAULT_PROJECT_ID).map(str::to_owned)),
        (Some(asked), Some(model)) if asked != model.project() => Err(taken(&new.model_name)),
        (_, Some(model)) => Ok(model.project_id.clone()),
    }
}

/// The writes that change a version and bring it to the front of its lists.
fn touching(name: &str, version: u64, now: Timestamp, change: impl FnOnce(Update) -> Result<Update>) -> Result<[Write; 2]> {
    let order = recency(now, name, version);
    // Where the version is in no run's list, the sort key alone lists it nowhere.
    let update = change(Update::new(version_key(name, version)).if_exists())?
        .set("updated_at", &now)?
        .set(Index::First.sort_attribute(), &order)?
        .set(Index::Second.sort_attribute(), &order)?;
    let place = Update::new(place_key(name, version)).if_exists().set(Index::First.sort_attribute(), &order)?;
    Ok([Write::Update(update), Write::Update(place)])
}

fn with_aliases(mut version: ModelVersion, aliases: &BTreeMap<String, u64>) -> ModelVersion {
    version.aliases = aliases.iter().filter(|(_, of)| **of == version.version).map(|(alias, _)| alias.clone()).collect();
    version
}

async fn wait_for_others(attempt: u32) {
    let most = 5 * u64::from(attempt.min(20) + 1);
    tokio::time::sleep(Duration::from_millis(rand::random_range(0..=most))).await;
}

pub(super) fn busy(name: &str) -> Error {
    Error::new(ErrorKind::Unavailable, format!("Others keep changing the versions of {name} at this moment; try again."))
}

impl Store {
    /// Registers a version under the next number. Makes the registered model where there is none. The same job
    /// registers once: asked again, the version that it registered is returned.
    ///
    /// # Errors
    /// `AlreadyExists` when the model is of a project, and the one who asks is no member of it or asked for another one;
    /// `Unavailable` when other writers take every number first; `Internal` when DynamoDB does not answer.
    pub async fn create_model_version(&self, new: NewModelVersion) -> Result<ModelVersion> {
        self.check_model_name_is_free(&new.model_name).await?;
        self.keep_texts(&partition(&new.model_name), new.tags.values()).await?;
        for attempt in 0..ATTEMPTS {
            let now = Timestamp::now();
            let model: Option<RegisteredModel> = self.get(&model_key(&new.model_name)).await?;
            if let Some(model) = &model
                && !self.shows_project(model.project_id.as_deref()).await?
            {
                return Err(taken(&new.model_name));
            }
            let project_id = project_of(&new, model.as_ref())?;
            let number = model.as_ref().map_or(0, |model| model.last_version) + 1;
            let version = ModelVersion {
                id: Some(crate::id::new_id()),
                project_id: project_id.clone(),
                algo: new.algo.clone(),
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
                location: new.location.clone(),
                model_id: new.model_id.clone(),
                job_id: new.job_id.clone(),
                created_at: now,
                updated_at: now,
            };
            let mut writes: Vec<Write> = new_version_items(&version)?.into_iter().map(|item| Write::Put(item.if_absent())).collect();
            writes.extend(identity_writes(&version)?);
            let mut stages = model.as_ref().map(|model| model.stages.clone()).unwrap_or_default();
            let count = stages.get(&Stage::None).map_or(0, |versions| versions.count) + 1;
            stages.insert(Stage::None, StageVersions { latest: number, count });
            match model {
                Some(model) => writes.push(Write::Update(
                    Update::new(model_key(&model.name))
                        .if_exists()
                        .if_compares("last_version", "=", &model.last_version)?
                        .if_absent_or("stages", "=", &model.stages)?
                        .set("stages", &stages)?
                        .set("last_version", &number)?
                        .set("updated_at", &now)?,
                )),
                None => {
                    let model = RegisteredModel {
                        name: new.model_name.clone(),
                        project_id,
                        description: None,
                        tags: BTreeMap::new(),
                        aliases: BTreeMap::new(),
                        last_version: number,
                        stages,
                        development: None,
                        created_at: now,
                        updated_at: now,
                    };
                    writes.push(Write::Put(new_model_item(&model)?));
                    writes.extend(counting(&model, 1)?);
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
            wait_for_others(attempt).await;
        }
        Err(busy(&new.model_name))
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
        match (self.if_shown(model).await?, version) {
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
        if let Some(model) = &model
            && !self.shows_project(model.project_id.as_deref()).await?
        {
            return Ok(Page { items: Vec::new(), next_page_token: None });
        }
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

    /// The newest versions in those stages of models, by model name; in each the lowest number first. A stage without a
    /// version has none.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn latest_versions_by_stage(
        &self,
        models: &[RegisteredModel],
        stages: &[Stage],
    ) -> Result<BTreeMap<String, Vec<ModelVersion>>> {
        let wanted = models.iter().flat_map(|model| {
            let in_stages = model.stages.iter().filter(|(stage, _)| stages.contains(stage));
            in_stages.map(|(_, versions)| version_key(&model.name, versions.latest))
        });
        let found = self.get_all::<ModelVersion>(wanted.collect()).await?;
        let mut found: Vec<ModelVersion> = found.into_values().collect();
        self.restore_texts(&mut found).await?;
        let aliases: BTreeMap<&str, &BTreeMap<String, u64>> = models.iter().map(|model| (model.name.as_str(), &model.aliases)).collect();
        let mut latest = BTreeMap::<String, Vec<ModelVersion>>::new();
        found.sort_by_key(|version| version.version);
        for version in found {
            if let Some(aliases) = aliases.get(version.model_name.as_str()) {
                latest.entry(version.model_name.clone()).or_default().push(with_aliases(version, aliases));
            }
        }
        Ok(latest)
    }

    /// As [`Store::latest_versions_by_stage`], of one model.
    ///
    /// # Errors
    /// `NotFound` when there is no such model; `Internal` when DynamoDB does not answer.
    pub async fn latest_versions_of_model(&self, name: &str, stages: &[Stage]) -> Result<Vec<ModelVersion>> {
        let model = self.registered_model(name).await?.ok_or_else(|| no_model(name))?;
        Ok(self.latest_versions_by_stage(&[model], stages).await?.remove(name).unwrap_or_default())
    }

    /// Versions with their aliases and long texts.
    pub(crate) async fn complete_versions(&self, mut page: Page<ModelVersion>) -> Result<Page<ModelVersion>> {
        self.restore_texts(&mut page.items).await?;
        let names: BTreeSet<&str> = page.items.iter().map(|version| version.model_name.as_str()).collect();
        let models = self.get_all::<RegisteredModel>(names.into_iter().map(model_key).collect()).await?;
        Ok(page.map(|version| {
            let model = models.get(&model_key(&version.model_name));
            let aliases = model.map(|model| model.aliases.clone()).unwrap_or_default();
            with_aliases(version, &aliases)
        }))
    }

    /// Changes a version's description.
    ///
    /// # Errors
    /// `NotFound` when there is no such version; `Internal` when DynamoDB does not answer.
    pub async fn describe_model_version(&self, name: &str, version: u64, description: Option<&str>) -> Result<ModelVersion> {
        let writes = touching(name, version, Timestamp::now(), |update| update.set("description", &description))?;
        match is_key_text(name) && !self.hides_model(name).await? && self.transact(writes.into()).await?.is_done() {
            true => self.model_version(name, version).await?.ok_or_else(|| no_version(name, version)),
            false => Err(no_version(name, version)),
        }
    }

    /// Sets a tag of a version.
    ///
    /// # Errors
    /// `NotFound` when there is no such version; `Internal` when DynamoDB does not answer.
    pub async fn set_model_version_tag(&self, name: &str, version: u64, key: &str, value: &str) -> Result<()> {
        if self.hides_model(name).await? {
            return Err(no_version(name, version));
        }
        self.keep_texts(&partition(name), [&value.to_owned()]).await?;
        self.update_version(name, version, |update| update.set_entry("tags", key, &stored(value))).await
    }

    /// Removes a tag of a version; there being none is no error.
    ///
    /// # Errors
    /// `NotFound` when there is no such version; `Internal` when DynamoDB does not answer.
    pub async fn delete_model_version_tag(&self, name: &str, version: u64, key: &str) -> Result<()> {
        self.update_version(name, version, |update| Ok(update.remove_entry("tags", key))).await
    }

    /// Moves a version to a stage; where `archive_others` is set, the other versions in that stage are archived.
    ///
    /// # Errors
    /// `NotFound` when there is no such version; `Unavailable` when other writers keep getting in between; `Internal` when
    /// DynamoDB does not answer.
    pub async fn set_stage(&self, name: &str, version: u64, stage: Stage, archive_others: bool) -> Result<ModelVersion> {
        // All that moves now, moves at one time.
        let now = Timestamp::now();
        self.restage(name, version, Some(stage), now).await?;
        if archive_others {
            let model: Option<RegisteredModel> = self.get(&model_key(name)).await?;
            let count = model.and_then(|model| model.stages.get(&stage).map(|versions| versions.count)).unwrap_or_default();
            for other in self.versions_in_stage(name, stage, u64::MAX, count).await?.into_iter().filter(|other| *other != version) {
                self.restage(name, other, Some(Stage::Archived), now).await?;
            }
        }
        self.model_version(name, version).await?.ok_or_else(|| no_version(name, version))
    }

    /// Moves a version to another stage, or out of the registry where that is none.
    async fn restage(&self, name: &str, version: u64, stage: Option<Stage>, now: Timestamp) -> Result<()> {
        if !is_key_text(name) {
            return Err(no_version(name, version));
        }
        let (model_key, version_key) = (model_key(name), version_key(name, version));
        for attempt in 0..ATTEMPTS {
            let (model, found) = tokio::try_join!(self.get::<RegisteredModel>(&model_key), self.get::<ModelVersion>(&version_key))?;
            let (Some(model), Some(found)) = (self.if_shown(model).await?, found) else { return Err(no_version(name, version)) };
            let mut stages = self.stages_without(&model, &found).await?;
            let mut update = Update::new(model_key.clone()).if_exists().if_absent_or("stages", "=", &model.stages)?;
            let mut writes = Vec::new();
            match stage {
                Some(stage) => {
                    let known = stages.get(&stage).copied().unwrap_or(StageVersions { latest: 0, count: 0 });
                    stages.insert(stage, StageVersions { latest: known.latest.max(version), count: known.count + 1 });
                    writes.extend(touching(name, version, now, |update| {
                        update.if_compares("stage", "=", &found.stage)?.set("stage", &stage)
                    })?);
                }
                None => {
                    writes.extend([Write::Delete(version_key.clone()), Write::Delete(place_key(name, version))]);
                    writes.extend(self.forgetting_writes(&found).await?);
                    for alias in model.aliases.iter().filter(|(_, of)| **of == version).map(|(alias, _)| alias) {
                        update = update.remove_entry("aliases", alias);
                    }
                }
            }
            writes.push(Write::Update(update.set("stages", &stages)?.set("updated_at", &now)?));
            if self.transact(writes).await?.is_done() {
                return Ok(());
            }
            wait_for_others(attempt).await;
        }
        Err(busy(name))
    }

    /// A model's stages once a version has left its own.
    async fn stages_without(&self, model: &RegisteredModel, version: &ModelVersion) -> Result<BTreeMap<Stage, StageVersions>> {
        let mut stages = model.stages.clone();
        let Some(left) = stages.remove(&version.stage).filter(|left| left.count > 1) else { return Ok(stages) };
        let latest = match left.latest == version.version {
            false => Some(left.latest),
            true => self.newest_below(&model.name, version.stage, version.version).await?,
        };
        if let Some(latest) = latest {
            stages.insert(version.stage, StageVersions { latest, count: left.count - 1 });
        }
        Ok(stages)
    }

    /// The highest number below `number` of a version in a stage.
    async fn newest_below(&self, name: &str, stage: Stage, number: u64) -> Result<Option<u64>> {
        Ok(self.versions_in_stage(name, stage, number, 1).await?.into_iter().next())
    }

    /// The numbers below `below` of versions in a stage, the highest first, `count` at the most.
    async fn versions_in_stage(&self, name: &str, stage: Stage, below: u64, count: u64) -> Result<Vec<u64>> {
        let query = Query::table(partition(name)).prefix("VERSION#").newest_first();
        let (mut after, mut found) = (version_key(name, below).sort, Vec::new());
        while (found.len() as u64) < count {
            let versions = self.keyed::<ModelVersion>(&query, Some(&after), CHUNK).await?;
            let Some((last, _)) = versions.last() else { break };
            after.clone_from(last);
            found.extend(versions.into_iter().filter(|(_, version)| version.stage == stage).map(|(_, version)| version.version));
        }
        Ok(found)
    }

    /// Removes a version and the aliases that stand for it. Its number is not given again.
    ///
    /// # Errors
    /// `NotFound` when there is no such version; `Unavailable` when other writers keep getting in between; `Internal` when
    /// DynamoDB does not answer.
    pub async fn delete_model_version(&self, name: &str, version: u64) -> Result<()> {
        self.restage(name, version, None, Timestamp::now()).await
    }

    /// Removes all versions of a model; with their ids, unless another name has those now.
    pub(super) async fn delete_versions(&self, name: &str, with_ids: bool) -> Result<()> {
        loop {
            let page = self.model_versions(name, &PageRequest { limit: 100, after: None }).await?;
            for version in &page.items {
                let keys = [version_key(name, version.version), place_key(name, version.version)];
                let mut writes: Vec<Write> = keys.clone().map(Write::Delete).into();
                if with_ids {
                    writes.extend(self.forgetting_writes(version).await?);
                }
                // Somebody else forgot the id meanwhile: what is left is to be removed.
                if !self.transact(writes).await?.is_done() {
                    self.transact(keys.map(Write::Delete).into()).await?;
                }
            }
            if page.next_page_token.is_none() {
                return Ok(());
            }
        }
    }

    /// A change that leaves the version's place in its lists.
    async fn update_version(&self, name: &str, version: u64, change: impl FnOnce(Update) -> Result<Update>) -> Result<()> {
        if !is_key_text(name) || self.hides_model(name).await? {
            return Err(no_version(name, version));
        }
        let update = change(Update::new(version_key(name, version)).if_exists())?;
        match self.update_or_current::<serde::de::IgnoredAny>(update).await? {
            Updated::Done(_) => Ok(()),
            Updated::Refused(_) => Err(no_version(name, version)),
        }
    }
}
