//! The models of projects: each registered version has an id, by which it is found, and is in the project in which it was
//! made and in those to which it was added.

use std::collections::{BTreeSet, HashMap};

use serde::{Deserialize, Serialize};

use super::Store;
use super::keys::{Index, Key};
use super::model_versions::{RECENCY_LIST, version_key};
use super::query::Query;
use super::update::Update;
use super::write::{ATTEMPTS, NewItem, Outcome, Write, back_off};
use crate::domain::project::DEFAULT_PROJECT_ID;
use crate::domain::registered_model::ModelVersion;
use crate::paging::PageRequest;
use crate::{Error, Result, Timestamp};

/// The most projects in which one version may be: they are part of one item of the table.
const MOST_PROJECTS: usize = 40;
/// How many versions from before they had ids are looked at whenever somebody lists models.
const BACKFILLED_AT_ONCE: u32 = 200;

/// What an id stands for.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Identity {
    model_name: String,
    version: u64,
    projects: Vec<String>,
}

/// That a version is in a project.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Member {
    model_id: String,
    added_at: Timestamp,
}

#[derive(Debug, Default, Deserialize)]
struct Part {
    #[serde(default)]
    total: u64,
}

/// How far the versions from before they had ids were looked through.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Backfill {
    after: Option<String>,
    done: bool,
}

fn identity_key(id: &str) -> Key {
    Key::new(format!("MODEL_ID#{id}"), "MODEL_ID")
}

fn member_key(project_id: &str, id: &str) -> Key {
    Key::new(format!("PROJECT#{project_id}"), format!("MODEL#{id}"))
}

/// A project's total is kept in parts, so that those who register at once do not all write to one item.
fn total_key(project_id: &str, id: &str) -> Key {
    Key::new(format!("PROJECT#{project_id}"), format!("MODELS_TOTAL#{}", id.chars().last().unwrap_or('0')))
}

fn backfill_key() -> Key {
    Key::new(format!("PROJECT#{DEFAULT_PROJECT_ID}"), "BACKFILL")
}

fn counting(project_id: &str, id: &str, amount: i64) -> Result<Write> {
    Ok(Write::Update(Update::new(total_key(project_id, id)).add("total", amount)?))
}

fn joining(project_id: &str, id: &str) -> Result<[Write; 2]> {
    let member = Member { model_id: id.to_owned(), added_at: Timestamp::now() };
    Ok([Write::Put(NewItem::new(&member_key(project_id, id), &member)?.if_absent()), counting(project_id, id, 1)?])
}

/// The writes that let a new version be found by its id, and be in its project.
pub(super) fn identity_writes(version: &ModelVersion) -> Result<Vec<Write>> {
    let (id, project_id) = (version.id(), version.project());
    let projects = vec![project_id.to_owned()];
    let identity = Identity { model_name: version.model_name.clone(), version: version.version, projects };
    let mut writes = vec![Write::Put(NewItem::new(&identity_key(&id), &identity)?.if_absent())];
    writes.extend(joining(project_id, &id)?);
    Ok(writes)
}

impl Store {
    /// The writes that forget the id of a version that is removed.
    pub(super) async fn forgetting_writes(&self, version: &ModelVersion) -> Result<Vec<Write>> {
        let id = version.id();
        let Some(identity) = self.get::<Identity>(&identity_key(&id)).await? else { return Ok(Vec::new()) };
        let mut writes = vec![Write::Delete(identity_key(&id))];
        for project_id in &identity.projects {
            let value = aws_sdk_dynamodb::types::AttributeValue::S(id.clone());
            writes.push(Write::DeleteWhere(member_key(project_id, &id), "model_id", value));
            writes.push(counting(project_id, &id, -1)?);
        }
        Ok(writes)
    }

    /// Lets a version be found by its id under its new name.
    pub(super) async fn rename_identity(&self, version: &ModelVersion, new_name: &str) -> Result<()> {
        let update = Update::new(identity_key(&version.id())).if_exists().set("model_name", new_name)?;
        self.update::<serde::de::IgnoredAny>(update).await.map(drop)
    }

    /// The version of an id, if it is in that project.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn project_model(&self, project_id: &str, id: &str) -> Result<Option<ModelVersion>> {
        match self.identity(id).await? {
            Some(identity) if identity.projects.iter().any(|project| project == project_id) => {
                self.model_version(&identity.model_name, identity.version).await
            }
            _ => Ok(None),
        }
    }

    /// The version of an id, whichever projects it is in.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn model_of_id(&self, id: &str) -> Result<Option<ModelVersion>> {
        match self.identity(id).await? {
            Some(identity) => self.model_version(&identity.model_name, identity.version).await,
            None => Ok(None),
        }
    }

    async fn identity(&self, id: &str) -> Result<Option<Identity>> {
        if !crate::id::is_id(id) {
            return Ok(None);
        }
        self.get(&identity_key(&id.to_ascii_lowercase())).await
    }

    /// Adds a version to a project; where it is there, this changes nothing.
    ///
    /// # Errors
    /// `Conflict` when it is in as many projects as it may be; `Unavailable` when others add it at the same time;
    /// `Internal` when DynamoDB does not answer.
    pub async fn add_model_to_project(&self, project_id: &str, version: &ModelVersion) -> Result<()> {
        let id = version.id();
        for attempt in 0..ATTEMPTS {
            let writes = match self.get::<Identity>(&identity_key(&id)).await? {
                Some(identity) if identity.projects.iter().any(|project| project == project_id) => return Ok(()),
                Some(identity) if identity.projects.len() >= MOST_PROJECTS => {
                    return Err(Error::conflict(format!("A model version is in at most {MOST_PROJECTS} projects.")));
                }
                Some(identity) => {
                    let projects: Vec<String> = identity.projects.iter().cloned().chain([project_id.to_owned()]).collect();
                    let update = Update::new(identity_key(&id)).if_exists().if_compares("projects", "=", &identity.projects)?;
                    let mut writes = vec![Write::Update(update.set("projects", &projects)?)];
                    writes.extend(joining(project_id, &id)?);
                    writes
                }
                // It is from before versions had ids.
                None => identity_writes(version)?,
            };
            self.transact(writes).await?;
            back_off(attempt).await;
        }
        Err(super::projects::busy())
    }

    /// The models of a project, the newest first, `limit` of them behind `offset`.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn project_models(&self, project_id: &str, offset: u32, limit: u32) -> Result<Vec<ModelVersion>> {
        if project_id == DEFAULT_PROJECT_ID {
            self.backfill().await?;
        }
        let query = Query::table(format!("PROJECT#{project_id}")).prefix("MODEL#").newest_first();
        let members = self.page::<Member>(&query, &PageRequest { limit: offset + limit, after: None }).await?.items;
        let ids: Vec<String> = members.into_iter().skip(offset as usize).map(|member| member.model_id).collect();
        let identities = self.get_all::<Identity>(ids.iter().map(|id| identity_key(id)).collect()).await?;
        let place = |id: &String| identities.get(&identity_key(id)).map(|identity| version_key(&identity.model_name, identity.version));
        let places: Vec<Key> = ids.iter().filter_map(place).collect();
        let mut found = self.get_all::<ModelVersion>(places.clone()).await?;
        Ok(places.iter().filter_map(|place| found.remove(place)).collect())
    }

    /// The ids of versions that are registered, by name and number.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn ids_of_versions(&self, versions: &BTreeSet<(String, u64)>) -> Result<HashMap<(String, u64), String>> {
        let keys = versions.iter().map(|(name, version)| version_key(name, *version)).collect();
        let found = self.get_all::<ModelVersion>(keys).await?.into_values();
        Ok(found.map(|version| ((version.model_name.clone(), version.version), version.id())).collect())
    }

    /// How many models a project has.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn count_project_models(&self, project_id: &str) -> Result<u64> {
        let parts: Vec<Part> = self.all(&Query::table(format!("PROJECT#{project_id}")).prefix("MODELS_TOTAL#")).await?;
        Ok(parts.into_iter().map(|part| part.total).sum())
    }

    /// Gives ids to some of the versions from before they had any.
    async fn backfill(&self) -> Result<()> {
        let so_far: Backfill = self.get(&backfill_key()).await?.unwrap_or_default();
        if so_far.done {
            return Ok(());
        }
        let query = Query::index(Index::First, RECENCY_LIST);
        let versions = self.keyed::<ModelVersion>(&query, so_far.after.as_deref(), BACKFILLED_AT_ONCE as usize).await?;
        let done = versions.len() < BACKFILLED_AT_ONCE as usize;
        let after = versions.last().map(|(key, _)| key.clone()).or(so_far.after);
        for (_, version) in versions.iter().filter(|(_, version)| version.id.is_none()) {
            // What has an id already is refused, and stays.
            let _: Outcome = self.transact(identity_writes(version)?).await?;
        }
        self.put(NewItem::new(&backfill_key(), &Backfill { after, done })?).await.map(drop)
    }

    /// Keeps what a version's model is, once somebody looked.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn set_algo(&self, version: &ModelVersion, algo: &str) -> Result<()> {
        let update = Update::new(version_key(&version.model_name, version.version)).if_exists().set("algo", algo)?;
        self.update::<serde::de::IgnoredAny>(update).await.map(drop)
    }
}
