//! Recipes and their versions in the table. What points at a recipe (a recipe made of it, a model, a run) counts itself on
//! it in its own transaction, so that a recipe goes only while nothing does.

use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Deserialize, Serialize};

use super::Store;
use super::facets::Listing;
use super::keys::{Key, sortable};
use super::query::Query;
use super::update::Update;
use super::write::{NewItem, Outcome, TRANSACTION_LIMIT, Write};
use crate::domain::development::choices::{ModelFamily, RecipeLevel, RecipeStatus};
use crate::domain::development::recipe::{Recipe, RecipeVersion, SyntheticExample, is_id};
use crate::http::fields::{Choice as _, Window};
use crate::paging::PageRequest;
use crate::{Error, ErrorKind, Result, Timestamp};

const KIND: &str = "RECIPES";

/// How many of each kind of what points at a recipe are told of.
const TOLD_REFERENCES: u32 = 20;

/// What a list of recipes is filtered by.
#[derive(Debug, Clone, Copy, Default)]
pub struct RecipeFilter {
    /// Of that family.
    pub model_family: Option<ModelFamily>,
    /// At that level.
    pub level: Option<RecipeLevel>,
    /// Of that status.
    pub status: Option<RecipeStatus>,
}

/// A recipe on its way into the table, with its first version.
#[derive(Debug, Clone)]
pub struct NewRecipe {
    /// The recipe.
    pub recipe: Recipe,
    /// Its first version.
    pub version: RecipeVersion,
    /// Its example data.
    pub example: Option<SyntheticExample>,
}

/// What points at a recipe, by id; at most some of each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecipeReferences {
    /// Recipes that were made of it.
    pub children: Vec<String>,
    /// Models.
    pub models: Vec<String>,
    /// Runs.
    pub runs: Vec<String>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Pointer {
    id: String,
}

fn partition(id: &str) -> String {
    format!("RECIPE#{id}")
}

fn key(id: &str) -> Key {
    Key::new(partition(id), "RECIPE")
}

fn version_key(recipe_id: &str, id: &str) -> Key {
    Key::new(partition(recipe_id), format!("VERSION#{id}"))
}

fn example_key(recipe_id: &str) -> Key {
    Key::new(partition(recipe_id), "EXAMPLE")
}

fn name_key(name: &str) -> Key {
    Key::new(format!("RECIPE_NAME#{name}"), "RECIPE_NAME")
}

fn child_key(parent_id: &str, id: &str) -> Key {
    Key::new(partition(parent_id), format!("CHILD#{id}"))
}

pub(super) fn model_pointer_key(recipe_id: &str, model_id: &str) -> Key {
    Key::new(partition(recipe_id), format!("MODEL#{model_id}"))
}

fn sort(recipe: &Recipe) -> String {
    by_time(recipe.created_at, &recipe.id)
}

/// A sort key by time, then by id.
pub(super) fn by_time(time: Timestamp, id: &str) -> String {
    format!("{}#{id}", sortable(time.milliseconds().max(0).unsigned_abs()))
}

fn facets(recipe: &Recipe) -> [&'static str; 3] {
    [recipe.model_family.name(), recipe.level.name(), recipe.status.name()]
}

/// The write that counts one more thing, or one less, that points at a recipe. Its condition is that the recipe is there.
pub(super) fn reference(recipe_id: &str, amount: i64) -> Result<Update> {
    Update::new(key(recipe_id)).if_exists().add("references", amount)?.add("revision", 1)
}

/// The write that points from a recipe at something.
pub(super) fn pointer(key: &Key, id: &str) -> Result<Write> {
    Ok(Write::Put(NewItem::new(key, &Pointer { id: id.to_owned() })?))
}

impl Store {
    /// Makes a recipe.
    ///
    /// # Errors
    /// `AlreadyExists` when there is one of that name; `NotFound` when its parent is gone; `Internal` when DynamoDB does not
    /// answer.
    pub async fn create_recipe(&self, new: &NewRecipe) -> Result<()> {
        let recipe = &new.recipe;
        let mut writes = new_items(new)?;
        if let Some(parent_id) = &recipe.parent_id {
            writes.push(Write::Update(reference(parent_id, 1)?));
            writes.push(pointer(&child_key(parent_id, &recipe.id), &recipe.id)?);
        }
        writes.extend(Listing::default().enter(KIND, &facets(recipe), &sort(recipe), &recipe.id).writes()?);
        match self.transact(writes).await? {
            Outcome::Done(()) => Ok(()),
            Outcome::Refused(_) => Err(match self.recipe_of_name(&recipe.name).await? {
                Some(_) => taken(&recipe.name),
                None => Error::not_found("Parent recipe not found"),
            }),
        }
    }

    /// Makes the recipes that come with the platform, all at once and only once; they have no parents.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn create_built_in_recipes(&self, recipes: &[NewRecipe]) -> Result<()> {
        let mut writes = Vec::new();
        let mut listing = Listing::default();
        for new in recipes {
            writes.extend(new_items(new)?);
            listing = listing.enter(KIND, &facets(&new.recipe), &sort(&new.recipe), &new.recipe.id);
        }
        writes.extend(listing.writes()?);
        if writes.len() > TRANSACTION_LIMIT {
            return Err(Error::broken(format!("{} writes do not fit a transaction", writes.len())));
        }
        // Refused: another request made them.
        self.transact(writes).await.map(drop)
    }

    /// How many recipes there are.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn count_recipes(&self) -> Result<u64> {
        self.facet_total(KIND, &[None; 3]).await
    }

    /// A recipe by its id.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn recipe(&self, id: &str) -> Result<Option<Recipe>> {
        if is_id(id) { self.get(&key(id)).await } else { Ok(None) }
    }

    /// Recipes, the newest first, and how many there are.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn recipes(&self, filter: RecipeFilter, window: Window) -> Result<(Vec<Recipe>, u64)> {
        let filter =
            [filter.model_family.map(ModelFamily::name), filter.level.map(RecipeLevel::name), filter.status.map(RecipeStatus::name)];
        self.faceted(KIND, &filter, window, key).await
    }

    async fn recipe_of_name(&self, name: &str) -> Result<Option<String>> {
        Ok(self.get::<Pointer>(&name_key(name)).await?.map(|pointer| pointer.id))
    }

    /// Writes a recipe in place of what was read of it; `false` when it, or what points at it, changed meanwhile.
    ///
    /// # Errors
    /// `AlreadyExists` when its new name is taken; `Internal` when DynamoDB does not answer.
    pub async fn change_recipe(&self, old: &Recipe, new: &Recipe) -> Result<bool> {
        let changed =
            changed(old)?.set("name", &new.name)?.set("status", &new.status)?.set("tags", &new.tags)?.set("updated_at", &new.updated_at)?;
        let mut writes = vec![Write::Update(changed)];
        if old.name != new.name {
            writes.push(Write::Put(NewItem::new(&name_key(&new.name), &Pointer { id: new.id.clone() })?.if_absent()));
            writes.push(Write::DeleteWhere(name_key(&old.name), "id", AttributeValue::S(old.id.clone())));
        }
        writes.extend(Listing::default().moved(KIND, &facets(old), &facets(new), &sort(old), &old.id).writes()?);
        match self.transact(writes).await? {
            Outcome::Done(()) => Ok(true),
            Outcome::Refused(refused) if refused.contains(&1) && old.name != new.name => Err(taken(&new.name)),
            Outcome::Refused(_) => Ok(false),
        }
    }

    /// Adds a version to a recipe as it was read; `false` when that changed meanwhile.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn add_recipe_version(&self, old: &Recipe, version: &RecipeVersion) -> Result<bool> {
        let update = changed(old)?
            .set("latest_version_id", &version.id)?
            .set("latest_version_number", &version.version_number)?
            .set("updated_at", &version.created_at)?
            .add("versions", 1)?;
        let new = NewItem::new(&version_key(&old.id, &version.id), version)?.if_absent();
        Ok(self.transact(vec![Write::Update(update), Write::Put(new)]).await?.is_done())
    }

    /// A version of a recipe.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn recipe_version(&self, recipe_id: &str, id: &str) -> Result<Option<RecipeVersion>> {
        if is_id(id) && is_id(recipe_id) { self.get(&version_key(recipe_id, id)).await } else { Ok(None) }
    }

    /// Versions of a recipe, the newest first.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn recipe_versions(&self, recipe_id: &str, window: Window) -> Result<Vec<RecipeVersion>> {
        let request = PageRequest { limit: u32::try_from(window.offset + window.limit).unwrap_or(u32::MAX), after: None };
        let page = self.page(&Query::table(partition(recipe_id)).prefix("VERSION#").newest_first(), &request).await?;
        Ok(page.items.into_iter().skip(window.offset).collect())
    }

    /// What points at a recipe.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn recipe_references(&self, id: &str) -> Result<RecipeReferences> {
        let request = PageRequest { limit: TOLD_REFERENCES, after: None };
        let pointers = |prefix: &str| Query::table(partition(id)).prefix(prefix);
        let (children, models) = (pointers("CHILD#"), pointers("MODEL#"));
        let (children, models, runs) = futures::try_join!(
            self.page::<Pointer>(&children, &request),
            self.page::<Pointer>(&models, &request),
            self.runs_of_recipe(id, Window { limit: TOLD_REFERENCES as usize, offset: 0 }),
        )?;
        let ids = |pointers: Vec<Pointer>| pointers.into_iter().map(|pointer| pointer.id).collect();
        Ok(RecipeReferences {
            children: ids(children.items),
            models: ids(models.items),
            runs: runs.into_iter().map(|run| run.id).collect(),
        })
    }

    /// Removes a recipe that nothing points at, as it was read, with its versions; `false` when that changed meanwhile.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn delete_recipe(&self, recipe: &Recipe) -> Result<bool> {
        let mut writes = vec![
            Write::DeleteWhere(key(&recipe.id), "revision", AttributeValue::N(recipe.revision.to_string())),
            Write::DeleteWhere(name_key(&recipe.name), "id", AttributeValue::S(recipe.id.clone())),
            Write::Delete(example_key(&recipe.id)),
        ];
        if let Some(parent_id) = &recipe.parent_id {
            writes.push(Write::Update(reference(parent_id, -1)?));
            writes.push(Write::Delete(child_key(parent_id, &recipe.id)));
        }
        writes.extend(Listing::default().remove(KIND, &facets(recipe), &sort(recipe)).writes()?);
        if !self.transact(writes).await?.is_done() {
            return Ok(false);
        }
        for version in self.all::<RecipeVersion>(&Query::table(partition(&recipe.id)).prefix("VERSION#")).await? {
            self.delete(&version_key(&recipe.id, &version.id)).await?;
        }
        Ok(true)
    }

    /// Keeps the example data of a recipe, in place of what was there; `false` when the recipe is gone.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn put_synthetic_example(&self, example: &SyntheticExample) -> Result<bool> {
        let there = Update::new(key(&example.recipe_id)).if_exists().add("revision", 1)?;
        let put = NewItem::new(&example_key(&example.recipe_id), example)?;
        Ok(self.transact(vec![Write::Update(there), Write::Put(put)]).await?.is_done())
    }

    /// The example data of a recipe.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn synthetic_example(&self, recipe_id: &str) -> Result<Option<SyntheticExample>> {
        if is_id(recipe_id) { self.get(&example_key(recipe_id)).await } else { Ok(None) }
    }
}

/// The beginning of an update of a recipe that is as it was read.
fn changed(old: &Recipe) -> Result<Update> {
    Update::new(key(&old.id)).if_exists().if_compares("revision", "=", &old.revision)?.add("revision", 1)
}

fn new_items(new: &NewRecipe) -> Result<Vec<Write>> {
    let recipe = &new.recipe;
    let mut writes = vec![
        Write::Put(NewItem::new(&name_key(&recipe.name), &Pointer { id: recipe.id.clone() })?.if_absent()),
        Write::Put(NewItem::new(&key(&recipe.id), recipe)?.if_absent()),
        Write::Put(NewItem::new(&version_key(&recipe.id, &new.version.id), &new.version)?.if_absent()),
    ];
    if let Some(example) = &new.example {
        writes.push(Write::Put(NewItem::new(&example_key(&recipe.id), example)?));
    }
    Ok(writes)
}

fn taken(name: &str) -> Error {
    Error::new(ErrorKind::AlreadyExists, format!("A recipe named {name:?} exists already"))
}
