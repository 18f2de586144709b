//! The models of the ML development API: registered models with what that API knows of them.

use serde::{Deserialize, Serialize};

use super::Store;
use super::counters::Counter;
use super::facets::Listing;
use super::keys::Key;
use super::recipes::{by_time, model_pointer_key, pointer, reference};
use super::registered_models::{model_key, new_model_item};
use super::update::Update;
use super::write::{NewItem, Outcome, Write};
use crate::domain::development::choices::{ModelFamily, ModelStatus};
use crate::domain::development::recipe::is_id;
use crate::domain::registered_model::{Development, RegisteredModel};
use crate::http::fields::{Choice as _, Window};
use crate::{Error, ErrorKind, Result, Timestamp};

const KIND: &str = "DEVELOPMENT_MODELS";

/// What a list of models is filtered by.
#[derive(Debug, Clone, Copy, Default)]
pub struct ModelFilter {
    /// Of that family.
    pub model_family: Option<ModelFamily>,
    /// Of that status.
    pub status: Option<ModelStatus>,
}

#[derive(Debug, Serialize, Deserialize)]
struct ModelName {
    name: String,
}

fn id_key(id: &str) -> Key {
    Key::new(format!("DEVELOPMENT_MODEL#{id}"), "DEVELOPMENT_MODEL")
}

fn facets(development: &Development) -> [&'static str; 2] {
    [development.model_family.name(), development.status.name()]
}

fn sort(model: &RegisteredModel, development: &Development) -> String {
    by_time(model.created_at, &development.id)
}

/// What goes with a model into the table under a name: for the transaction that renames it.
pub(super) fn renamed(model: &RegisteredModel, new_name: &str) -> Result<Vec<Write>> {
    let Some(development) = &model.development else { return Ok(Vec::new()) };
    let facets = facets(development);
    let mut writes = Listing::default().moved(KIND, &facets, &facets, &sort(model, development), new_name).writes()?;
    writes.push(Write::Put(NewItem::new(&id_key(&development.id), &ModelName { name: new_name.to_owned() })?));
    Ok(writes)
}

/// What goes with a model out of the table: for the transaction that deletes it.
pub(super) fn removed(model: &RegisteredModel) -> Result<Vec<Write>> {
    let Some(development) = &model.development else { return Ok(Vec::new()) };
    let mut writes = Listing::default().remove(KIND, &facets(development), &sort(model, development)).writes()?;
    writes.push(Write::Delete(id_key(&development.id)));
    writes.push(Write::Delete(model_pointer_key(&development.recipe_id, &development.id)));
    writes.push(Write::Update(reference(&development.recipe_id, -1)?));
    Ok(writes)
}

impl Store {
    /// Registers a model that was made of a recipe.
    ///
    /// # Errors
    /// `AlreadyExists` when there is one of that name; `NotFound` when the recipe is gone; `Internal` when DynamoDB does not
    /// answer.
    pub async fn create_development_model(&self, name: &str, development: Development) -> Result<RegisteredModel> {
        let now = Timestamp::now();
        let model = RegisteredModel {
            name: name.to_owned(),
            project_id: None,
            description: None,
            tags: Default::default(),
            aliases: Default::default(),
            last_version: 0,
            stages: Default::default(),
            development: Some(development.clone()),
            created_at: now,
            updated_at: now,
        };
        let mut writes = vec![
            Write::Put(new_model_item(&model)?),
            Counter::RegisteredModels.increase(1)?,
            Write::Put(NewItem::new(&id_key(&development.id), &ModelName { name: name.to_owned() })?.if_absent()),
            Write::Update(reference(&development.recipe_id, 1)?),
            pointer(&model_pointer_key(&development.recipe_id, &development.id), &development.id)?,
        ];
        writes.extend(Listing::default().enter(KIND, &facets(&development), &sort(&model, &development), name).writes()?);
        match self.transact(writes).await? {
            Outcome::Done(()) => Ok(model),
            Outcome::Refused(refused) if refused.contains(&0) => {
                Err(Error::new(ErrorKind::AlreadyExists, format!("A model named {name:?} exists already")))
            }
            Outcome::Refused(_) => Err(Error::not_found("Recipe not found")),
        }
    }

    /// A model by its id.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn development_model(&self, id: &str) -> Result<Option<(RegisteredModel, Development)>> {
        if !is_id(id) {
            return Ok(None);
        }
        let Some(ModelName { name }) = self.get(&id_key(id)).await? else { return Ok(None) };
        let model = self.registered_model(&name).await?;
        Ok(model.and_then(|model| Some((model.clone(), model.development?))).filter(|(_, development)| development.id == id))
    }

    /// Models, the newest first, and how many there are.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn development_models(&self, filter: ModelFilter, window: Window) -> Result<(Vec<RegisteredModel>, u64)> {
        let filter = [filter.model_family.map(ModelFamily::name), filter.status.map(ModelStatus::name)];
        self.faceted(KIND, &filter, window, model_key).await
    }

    /// Writes what the ML development API knows of a model in place of what was read; `false` when that changed meanwhile.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn change_development_model(&self, model: &RegisteredModel, old: &Development, new: &Development) -> Result<bool> {
        let update = Update::new(model_key(&model.name)).if_exists().if_compares("development", "=", old)?;
        let update = update.set("development", new)?.set("updated_at", &Timestamp::now())?;
        let mut writes = vec![Write::Update(update)];
        if old.status != new.status {
            let sort = sort(model, old);
            writes.extend(Listing::default().moved(KIND, &facets(old), &facets(new), &sort, &model.name).writes()?);
        }
        Ok(self.transact(writes).await?.is_done())
    }
}
