//! Registered models in the table, by name. Their versions: [`super::model_versions`].

use std::collections::BTreeMap;

use super::counters::Counter;
use super::development_models;
use super::keys::{Index, Key};
use super::model_versions::{ATTEMPTS, busy, new_version_items, no_version};
use super::query::Query;
use super::search::Lanes;
use super::update::Update;
use super::values::{HoldsTexts, Texts, all_stored, stored};
use super::viewer::list_of;
use super::write::{NewItem, Outcome, Updated, Write};
use super::{Store, to_attribute};
use crate::domain::registered_model::{ModelVersion, RegisteredModel};
use crate::paging::{self, Page, PageRequest};
use crate::{Error, ErrorKind, Result, Timestamp};

impl HoldsTexts for RegisteredModel {
    fn partition(&self) -> String {
        partition(&self.name)
    }
    fn texts(&mut self) -> Vec<&mut Texts> {
        vec![&mut self.tags]
    }
}

/// Where registered models are listed by name.
pub(crate) const NAME_LIST: &str = "MODELS";

pub(super) fn partition(name: &str) -> String {
    format!("MODEL#{name}")
}

pub(super) fn model_key(name: &str) -> Key {
    Key::new(partition(name), "MODEL")
}

pub(super) fn no_model(name: &str) -> Error {
    Error::not_found(format!("Registered Model with name={name} not found"))
}

pub(super) fn new_model_item(model: &RegisteredModel) -> Result<NewItem> {
    let stored = RegisteredModel { tags: all_stored(&model.tags), ..model.clone() };
    let list = list_of(NAME_LIST, model.project_id.as_deref());
    Ok(NewItem::new(&model_key(&model.name), &stored)?.listed(Index::First, list, &model.name).if_absent())
}

/// The write that counts a model that comes or goes; those of projects are in no total that everybody sees.
pub(super) fn counting(model: &RegisteredModel, amount: i64) -> Result<Option<Write>> {
    model.project_id.is_none().then(|| Counter::RegisteredModels.increase(amount)).transpose()
}

/// Removes a model's item unless a version came, left or changed its stage meanwhile.
fn delete_unless_versions_change(model: &RegisteredModel) -> Result<Write> {
    Ok(Write::DeleteWhere(model_key(&model.name), "stages", to_attribute(&model.stages)?))
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
        self.create_registered_model_in(None, name, description, tags).await
    }

    /// As [`Store::create_registered_model`], in a project: for its members alone.
    ///
    /// # Errors
    /// As there.
    pub async fn create_registered_model_in(
        &self,
        project_id: Option<&str>,
        name: &str,
        description: Option<String>,
        tags: BTreeMap<String, String>,
    ) -> Result<RegisteredModel> {
        let now = Timestamp::now();
        let model = RegisteredModel {
            name: name.to_owned(),
            project_id: project_id.map(str::to_owned),
            description,
            tags,
            aliases: BTreeMap::new(),
            last_version: 0,
            stages: BTreeMap::new(),
            development: None,
            created_at: now,
            updated_at: now,
        };
        self.keep_texts(&partition(name), model.tags.values()).await?;
        let mut writes = vec![Write::Put(new_model_item(&model)?)];
        writes.extend(counting(&model, 1)?);
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
        let found = self.get::<RegisteredModel>(&model_key(name)).await?;
        match self.if_shown(found).await? {
            Some(model) => self.with_texts(model).await.map(Some),
            None => Ok(None),
        }
    }

    /// Registered models by name.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn registered_models(&self, page: &PageRequest) -> Result<Page<RegisteredModel>> {
        let queries = self.lists_shown(NAME_LIST).await?.into_iter().map(|list| Query::index(Index::First, list)).collect();
        let limit = page.limit as usize;
        // One more than asked tells whether there is a next page.
        let mut found = Lanes::<RegisteredModel>::new(queries, false, page.after.as_deref(), limit + 1).next(self).await?;
        let more = found.len() > limit;
        found.truncate(limit);
        let next_page_token = found.last().filter(|_| more).map(|(name, _)| paging::encode(name));
        let mut items: Vec<RegisteredModel> = found.into_iter().map(|(_, model)| model).collect();
        self.restore_texts(&mut items).await?;
        Ok(Page { items, next_page_token })
    }

    /// How many registered models there are that are everybody's.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn count_registered_models(&self) -> Result<u64> {
        self.count(Counter::RegisteredModels).await
    }

    /// Changes a registered model's description.
    ///
    /// # Errors
    /// `NotFound` when there is no such model; `Internal` when DynamoDB does not answer.
    pub async fn describe_registered_model(&self, name: &str, description: Option<&str>) -> Result<RegisteredModel> {
        self.update_model(name, |update| update.set("description", &description)?.set("updated_at", &Timestamp::now())).await
    }

    /// Sets a tag of a registered model.
    ///
    /// # Errors
    /// `NotFound` when there is no such model; `Internal` when DynamoDB does not answer.
    pub async fn set_registered_model_tag(&self, name: &str, key: &str, value: &str) -> Result<()> {
        if self.hides_model(name).await? {
            return Err(no_model(name));
        }
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

    /// Gives a registered model another name: it is written under the new one, version by version, and removed under the old
    /// one. Asked again after a failure, it goes on.
    ///
    /// # Errors
    /// `NotFound` when there is no such model; `AlreadyExists` when the new name is taken; `Conflict` when the model is
    /// deployed, since its deployment knows it by its name; `Unavailable` when its versions keep changing; `Internal` when
    /// DynamoDB does not answer.
    pub async fn rename_registered_model(&self, name: &str, new_name: &str) -> Result<RegisteredModel> {
        let taken = || Error::new(ErrorKind::AlreadyExists, format!("Registered Model (name={new_name}) already exists."));
        for _ in 0..ATTEMPTS {
            let model = self.registered_model(name).await?.ok_or_else(|| no_model(name))?;
            if name == new_name || self.get::<serde::de::IgnoredAny>(&model_key(new_name)).await?.is_some() {
                return Err(taken());
            }
            if self.deployment_of_model(name).await?.is_some() {
                return Err(Error::conflict(format!("{name} is deployed and keeps its name; delete its deployment first.")));
            }
            self.copy_versions(name, new_name).await?;
            let old = delete_unless_versions_change(&model)?;
            let renamed = RegisteredModel { name: new_name.to_owned(), updated_at: Timestamp::now(), ..model };
            self.keep_texts(&partition(new_name), renamed.tags.values()).await?;
            // From here on the new name is the model's; the old one's versions are removed behind it.
            let mut writes = vec![Write::Put(new_model_item(&renamed)?), old];
            writes.extend(development_models::renamed(&renamed, new_name)?);
            if self.transact(writes).await?.is_done() {
                self.rename_identities(name, new_name).await?;
                self.delete_versions(name, false).await?;
                return Ok(renamed);
            }
            // The copies are of versions that changed; where the name was taken instead, the next round says so.
            if self.get::<serde::de::IgnoredAny>(&model_key(new_name)).await?.is_none() {
                self.delete_versions(new_name, false).await?;
            }
        }
        Err(busy(name))
    }

    async fn copy_versions(&self, name: &str, new_name: &str) -> Result<()> {
        let mut request = PageRequest { limit: 100, after: None };
        loop {
            let page = self.model_versions(name, &request).await?;
            for version in page.items {
                let id = Some(version.id());
                let version = ModelVersion { id, model_name: new_name.to_owned(), updated_at: Timestamp::now(), ..version };
                self.keep_texts(&partition(new_name), version.tags.values()).await?;
                for item in new_version_items(&version)? {
                    // What is there was copied before, or belongs to a model that took the name meanwhile.
                    self.put(item.if_absent()).await?;
                }
            }
            let Some(token) = page.next_page_token else { return Ok(()) };
            request = PageRequest::new(request.limit, request.limit, Some(&token))?;
        }
    }

    async fn rename_identities(&self, name: &str, new_name: &str) -> Result<()> {
        let mut request = PageRequest { limit: 100, after: None };
        loop {
            let page = self.model_versions(name, &request).await?;
            for version in &page.items {
                self.rename_identity(version, new_name).await?;
            }
            let Some(token) = page.next_page_token else { return Ok(()) };
            request = PageRequest::new(request.limit, request.limit, Some(&token))?;
        }
    }

    /// Removes a registered model with all its versions.
    ///
    /// # Errors
    /// `NotFound` when there is no such model; `Unavailable` when its versions keep changing; `Internal` when DynamoDB does
    /// not answer.
    pub async fn delete_registered_model(&self, name: &str) -> Result<()> {
        for _ in 0..ATTEMPTS {
            let model = self.registered_model(name).await?.ok_or_else(|| no_model(name))?;
            // Versions first: while the model is there, what is left can be deleted by asking again.
            self.delete_versions(name, true).await?;
            let mut writes = vec![delete_unless_versions_change(&model)?];
            writes.extend(counting(&model, -1)?);
            writes.extend(development_models::removed(&model)?);
            if self.transact(writes).await?.is_done() {
                return Ok(());
            }
        }
        Err(busy(name))
    }

    async fn update_model(&self, name: &str, change: impl FnOnce(Update) -> Result<Update>) -> Result<RegisteredModel> {
        if !is_key_text(name) || self.hides_model(name).await? {
            return Err(no_model(name));
        }
        let update = change(Update::new(model_key(name)).if_exists())?;
        match self.update_or_current::<RegisteredModel>(update).await? {
            Updated::Done(model) => self.with_texts(model).await,
            Updated::Refused(_) => Err(no_model(name)),
        }
    }
}

/// True for text that can be part of a key: DynamoDB takes keys of at most 2048 bytes, and no empty ones.
pub(super) fn is_key_text(text: &str) -> bool {
    !text.is_empty() && text.len() <= 1000
}
