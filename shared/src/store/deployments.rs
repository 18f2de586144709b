//! Deployments in the table: one for each registered model, changed by one job at a time. Every change of a
//! deployment's state passes through [`Store::apply`], one transaction, in which whoever wants to hear of it is told.

use std::collections::{BTreeSet, HashMap};

use serde::{Deserialize, Serialize};

use super::Store;
use super::idempotency::Idempotency;
use super::jobs::Created;
use super::keys::{Index, Key, sortable};
use super::outbox::event_write;
use super::query::Query;
use super::update::Update;
use super::users::count_deployments;
use super::write::{ATTEMPTS, NewItem, Outcome, Write, back_off};
use crate::domain::deployment::{Configuration, Deployment, DeploymentEvent, DeploymentStatus, DeploymentVersion, ModelMetadata};
use crate::domain::event::Event;
use crate::domain::job::Job;
use crate::paging::{Page, PageRequest};
use crate::{Error, ErrorKind, Result, Timestamp};

/// For how long a job may hold a deployment without a sign of life, in seconds.
pub const LEASE_SECONDS: i64 = 900;

#[derive(Debug, Serialize, Deserialize)]
struct Endpoint {
    deployment_id: String,
}

/// What a job made live.
#[derive(Debug, Clone, PartialEq)]
pub struct Live {
    /// Where it answers; no slash at the end. Absent where it has no public URL.
    pub url: Option<String>,
    /// The deployment's version that was published anew; absent where this is a new version.
    pub republished: Option<u64>,
    /// The model version.
    pub model_version: u64,
    /// The function version.
    pub function_version: String,
    /// The image.
    pub image_uri: String,
    /// What the function version was given.
    pub configuration: Configuration,
    /// What is known of its model.
    pub model: ModelMetadata,
    /// What changed, in its maker's words.
    pub changes: Option<String>,
}

impl Live {
    /// A new version with the platform's own configuration.
    pub fn new(url: Option<String>, model_version: u64, function_version: String, image_uri: String) -> Self {
        Self {
            url,
            republished: None,
            model_version,
            function_version,
            image_uri,
            configuration: Configuration::default(),
            model: ModelMetadata::default(),
            changes: None,
        }
    }
}

/// A change of a deployment's state.
#[derive(Debug)]
pub(super) struct Change {
    /// The status that it reaches.
    to: DeploymentStatus,
    /// What else of the deployment changes.
    update: Update,
    /// What those are told who want to hear of it.
    events: Vec<DeploymentEvent>,
    /// What is written in the same transaction.
    also: Vec<Write>,
}

impl Change {
    pub(super) fn new(id: &str, to: DeploymentStatus) -> Self {
        Self { to, update: Update::new(key(id)).if_exists(), events: Vec::new(), also: Vec::new() }
    }

    pub(super) fn set<T: Serialize + ?Sized>(mut self, attribute: &str, value: &T) -> Result<Self> {
        self.update = self.update.set(attribute, value)?;
        Ok(self)
    }

    fn set_or_remove<T: Serialize>(mut self, attribute: &str, value: Option<&T>) -> Result<Self> {
        self.update = match value {
            Some(value) => self.update.set(attribute, value)?,
            None => self.update.remove(attribute),
        };
        Ok(self)
    }

    fn remove(mut self, attribute: &str) -> Self {
        self.update = self.update.remove(attribute);
        self
    }

    fn if_held_by(mut self, job_id: &str) -> Result<Self> {
        self.update = self.update.if_compares("lease_job_id", "=", job_id)?;
        Ok(self)
    }

    fn tell(mut self, event: DeploymentEvent) -> Self {
        self.events.push(event);
        self
    }

    fn also(mut self, writes: impl IntoIterator<Item = Write>) -> Self {
        self.also.extend(writes);
        self
    }
}

pub(super) fn key(id: &str) -> Key {
    Key::new(format!("DEPLOYMENT#{id}"), "DEPLOYMENT")
}

fn endpoint_key(model_name: &str) -> Key {
    Key::new(format!("MODEL#{model_name}"), "ENDPOINT")
}

fn version_key(id: &str, number: u64) -> Key {
    Key::new(format!("DEPLOYMENT#{id}"), format!("VERSION#{}", sortable(number)))
}

/// The list of what a user made, or of what nobody in particular did.
fn list_of(owner: Option<&str>) -> String {
    format!("DEPLOYMENTS#{}", owner.unwrap_or("anyone"))
}

fn list_of_deleted(owner: Option<&str>) -> String {
    format!("DELETED_DEPLOYMENTS#{}", owner.unwrap_or("anyone"))
}

/// What a transaction writes so that those who want to hear of a deployment's events are told of them.
fn event_writes(deployment: &Deployment, events: &[DeploymentEvent]) -> Result<Vec<Write>> {
    events.iter().map(|event| event_write(&Event::of_deployment((*event).into(), deployment))).collect()
}

/// The writes that make a deployment.
fn creation(deployment: &Deployment) -> Result<Vec<Write>> {
    let endpoint = Endpoint { deployment_id: deployment.id.clone() };
    let item = NewItem::new(&key(&deployment.id), deployment)?.listed(Index::First, list_of(deployment.owner.as_deref()), &deployment.id);
    let mut writes = vec![
        Write::Put(NewItem::new(&endpoint_key(&deployment.model_name), &endpoint)?.if_absent()),
        Write::Put(item.if_absent()),
        count_deployments(deployment.owner.as_deref(), 1)?,
    ];
    writes.extend(event_writes(deployment, &[DeploymentEvent::Created])?);
    Ok(writes)
}

impl Store {
    /// A deployment by its id; one that was deleted is not there.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn deployment(&self, id: &str) -> Result<Option<Deployment>> {
        Ok(self.deployment_even_deleted(id).await?.filter(|deployment| deployment.status != DeploymentStatus::Deleted))
    }

    /// A deployment by its id, also one that was deleted.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn deployment_even_deleted(&self, id: &str) -> Result<Option<Deployment>> {
        if !crate::id::is_id(id) {
            return Ok(None);
        }
        self.get(&key(id)).await
    }

    /// The deployments of those ids that are there, by id.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn deployments_by_id(&self, ids: BTreeSet<String>) -> Result<HashMap<String, Deployment>> {
        let found = self.get_all::<Deployment>(ids.iter().map(|id| key(id)).collect()).await?;
        let there = found.into_values().filter(|deployment| deployment.status != DeploymentStatus::Deleted);
        Ok(there.map(|deployment| (deployment.id.clone(), deployment)).collect())
    }

    /// The deployment of a registered model.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn deployment_of_model(&self, model_name: &str) -> Result<Option<Deployment>> {
        match self.get::<Endpoint>(&endpoint_key(model_name)).await? {
            Some(endpoint) => self.deployment(&endpoint.deployment_id).await,
            None => Ok(None),
        }
    }

    /// The deployments that a user made, or that nobody in particular did, newest first.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn deployments(&self, owner: Option<&str>, page: &PageRequest) -> Result<Page<Deployment>> {
        self.page(&Query::index(Index::First, list_of(owner)).newest_first(), page).await
    }

    /// As [`Store::deployments`], those that were deleted.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn deleted_deployments(&self, owner: Option<&str>, page: &PageRequest) -> Result<Page<Deployment>> {
        self.page(&Query::index(Index::First, list_of_deleted(owner)).newest_first(), page).await
    }

    /// The deployment of a registered model; made where there is none, as one that nobody in particular made.
    /// `function_prefix` is what the names of all deployed models' functions start with.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn ensure_deployment(&self, model_name: &str, function_prefix: &str) -> Result<Deployment> {
        if let Some(deployment) = self.deployment_of_model(model_name).await? {
            return Ok(deployment);
        }
        let deployment = Deployment::new(model_name, function_prefix);
        match self.transact(creation(&deployment)?).await? {
            Outcome::Done(()) => Ok(deployment),
            Outcome::Refused(_) => self
                .deployment_of_model(model_name)
                .await?
                .ok_or_else(|| Error::conflict(format!("The deployment of {model_name} is being deleted; try again."))),
        }
    }

    /// Makes a job that brings something to a deployment, and in the same transaction the deployment where it is a new
    /// one, else its status. `None` when another request changed the deployment in between: look again.
    ///
    /// # Errors
    /// `Conflict` when the deployment was deleted, or the Idempotency-Key was used for another request; `Internal` when
    /// DynamoDB does not answer.
    pub async fn create_deployment_job(
        &self,
        job: &Job,
        deployment: &Deployment,
        is_new: bool,
        idempotency: Option<&Idempotency>,
    ) -> Result<Option<Created>> {
        let writes = if is_new {
            creation(&Deployment { job_id: Some(job.id.clone()), ..deployment.clone() })?
        } else {
            let change = Change::new(&deployment.id, deployment.status_while_changed()).set("job_id", &job.id)?.remove("error");
            change_writes(deployment, change)?
        };
        self.create_job_and(job, idempotency, writes).await
    }

    /// Tells that a job builds an image for a deployment, once for each job.
    ///
    /// # Errors
    /// `NotFound` when there is none of that id; `Conflict` when it was deleted; `Internal` when DynamoDB does not
    /// answer.
    pub async fn begin_building(&self, id: &str, job_id: &str) -> Result<Deployment> {
        self.transition(id, |current| {
            if current.building_job_id.as_deref() == Some(job_id) {
                return Ok(None);
            }
            let change = Change::new(id, current.status).set("building_job_id", job_id)?;
            Ok(Some(change.tell(DeploymentEvent::Building)))
        })
        .await
    }

    /// Records which version is live, as the job that holds the deployment. Recording it again changes nothing.
    ///
    /// # Errors
    /// `Conflict` when the job does not hold it any more; `Internal` when DynamoDB does not answer.
    pub async fn set_live(&self, id: &str, job_id: &str, live: &Live) -> Result<Deployment> {
        self.transition(id, |current| {
            if current.lease_job_id.as_deref() != Some(job_id) {
                return Err(Error::conflict(format!("Job {job_id} does not hold deployment {id} any more")));
            }
            if current.live_job_id.as_deref() == Some(job_id)
                && current.live_function_version.as_ref() == Some(&live.function_version)
                && current.status == DeploymentStatus::Active
            {
                return Ok(None);
            }
            let another_follows = current.job_id.as_deref().is_some_and(|latest| latest != job_id)
                && matches!(current.status, DeploymentStatus::Building | DeploymentStatus::Updating);
            let to = if another_follows { DeploymentStatus::Updating } else { DeploymentStatus::Active };
            let number = live.republished.unwrap_or(current.last_version + 1);
            let change = Change::new(id, to)
                .if_held_by(job_id)?
                .set_or_remove("url", live.url.as_ref())?
                .set("live_version", &number)?
                .set("last_version", &current.last_version.max(number))?
                .set("live_model_version", &live.model_version)?
                .set("live_function_version", &live.function_version)?
                .set("live_image_uri", &live.image_uri)?
                .set("live_job_id", job_id)?
                .set("configuration", &live.configuration)?
                .set("model", &live.model)?
                .remove("error")
                .also([version_write(id, number, job_id, live)?]);
            Ok(Some(change.tell(DeploymentEvent::Ready)))
        })
        .await
    }

    /// Records that a job which was to bring something to a deployment failed, unless another job was asked for since:
    /// what was live stays so.
    ///
    /// # Errors
    /// `NotFound` when there is none of that id; `Internal` when DynamoDB does not answer.
    pub async fn fail_deployment(&self, id: &str, job_id: &str, reason: &str) -> Result<Deployment> {
        self.transition(id, |current| {
            let under_way = matches!(current.status, DeploymentStatus::Building | DeploymentStatus::Updating);
            if !under_way || current.job_id.as_deref() != Some(job_id) {
                return Ok(None);
            }
            let change = Change::new(id, current.status_after_failure()).set("error", reason)?;
            Ok(Some(change.tell(DeploymentEvent::Failed)))
        })
        .await
    }

    /// Gives a deployment another name.
    ///
    /// # Errors
    /// `NotFound` when there is none of that id; `Conflict` when it was deleted; `Internal` when DynamoDB does not
    /// answer.
    pub async fn rename_deployment(&self, id: &str, name: &str) -> Result<Deployment> {
        self.transition(id, |current| Ok(Some(Change::new(id, current.status).set("name", name)?))).await
    }

    /// Records that an earlier version is live again, as whoever holds the deployment.
    ///
    /// # Errors
    /// `Conflict` when `holder` does not hold it any more; `Internal` when DynamoDB does not answer.
    pub async fn set_rolled_back(&self, id: &str, holder: &str, version: &DeploymentVersion) -> Result<Deployment> {
        self.transition(id, |current| {
            if current.lease_job_id.as_deref() != Some(holder) {
                return Err(Error::conflict("Another request changes this deployment at this moment; try again."));
            }
            let configuration = Configuration {
                memory_mb: version.configuration.memory_mb,
                timeout_seconds: version.configuration.timeout_seconds,
                // How many instances there are belongs to the function, not to one of its versions.
                ..current.configuration
            };
            let change = Change::new(id, current.status)
                .if_held_by(holder)?
                .set("live_version", &version.number)?
                .set("live_model_version", &version.model_version)?
                .set("live_function_version", &version.function_version)?
                .set("live_image_uri", &version.image_uri)?
                .set("live_job_id", &version.job_id)?
                .set("configuration", &configuration)?
                .set("model", &version.model)?;
            Ok(Some(change))
        })
        .await
    }

    /// Forgets a deployment, as the job or request that holds it: its record is kept for those who ask for it by id.
    /// Forgetting it again changes nothing.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn delete_deployment(&self, deployment: &Deployment) -> Result<()> {
        let id = &deployment.id;
        let deleted = self.transition(id, |current| {
            if current.status == DeploymentStatus::Deleted {
                return Ok(None);
            }
            let owner = current.owner.as_deref();
            let change = Change::new(id, DeploymentStatus::Deleted)
                .set("deleted_at", &Timestamp::now())?
                .set(Index::First.partition_attribute(), &list_of_deleted(owner))?
                .remove("url")
                .remove("lease_job_id")
                .remove("lease_until")
                .also([Write::Delete(endpoint_key(&current.model_name)), count_deployments(owner, -1)?]);
            Ok(Some(change.tell(DeploymentEvent::Deleted)))
        });
        deleted.await.map(drop)
    }

    /// Changes a deployment's state as `plan` says, from what it is at this moment; `None` leaves it as it is.
    async fn transition(&self, id: &str, plan: impl Fn(&Deployment) -> Result<Option<Change>>) -> Result<Deployment> {
        for attempt in 0..ATTEMPTS {
            let current = self.deployment_even_deleted(id).await?;
            let current = current.ok_or_else(|| Error::not_found(format!("Deployment {id} not found")))?;
            let Some(change) = plan(&current)? else { return Ok(current) };
            if self.apply(&current, change).await?.is_done() {
                let changed = self.deployment_even_deleted(id).await?;
                return changed.ok_or_else(|| Error::broken(format!("deployment {id} vanished")));
            }
            back_off(attempt).await;
        }
        Err(Error::new(ErrorKind::Unavailable, "Others change this deployment at this moment; try again."))
    }

    /// The one place where a deployment that is there changes its state: one transaction with everything that belongs to
    /// the change. Refused when the deployment is not any more what it was.
    async fn apply(&self, current: &Deployment, change: Change) -> Result<Outcome> {
        self.transact(change_writes(current, change)?).await
    }

    /// Takes the right to change a deployment's function, or keeps it for longer. `false` when another job has it.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn lease_deployment(&self, id: &str, job_id: &str) -> Result<bool> {
        let now = Timestamp::now().seconds();
        let update = |condition: Update| -> Result<Update> {
            condition.if_exists().if_absent("deleted_at").set("lease_job_id", job_id)?.set("lease_until", &(now + LEASE_SECONDS))
        };
        let free = update(Update::new(key(id)).if_absent_or("lease_until", "<", &now)?)?;
        if self.update::<serde::de::IgnoredAny>(free).await?.is_done() {
            return Ok(true);
        }
        let mine = update(Update::new(key(id)).if_compares("lease_job_id", "=", job_id)?)?;
        Ok(self.update::<serde::de::IgnoredAny>(mine).await?.is_done())
    }

    /// Gives the right to change a deployment's function back; not having it is no error.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn release_deployment(&self, id: &str, job_id: &str) -> Result<()> {
        let update =
            Update::new(key(id)).if_exists().if_compares("lease_job_id", "=", job_id)?.remove("lease_job_id").remove("lease_until");
        self.update::<serde::de::IgnoredAny>(update).await.map(drop)
    }

    /// The versions of a deployment, newest first.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn deployment_versions(&self, id: &str, page: &PageRequest) -> Result<Page<DeploymentVersion>> {
        self.page(&Query::table(format!("DEPLOYMENT#{id}")).prefix("VERSION#").newest_first(), page).await
    }

    /// A version of a deployment by its number.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn deployment_version(&self, id: &str, number: u64) -> Result<Option<DeploymentVersion>> {
        self.get(&version_key(id, number)).await
    }
}

/// The writes of a change, the deployment's own first; they hold only while the deployment is what `current` says.
pub(super) fn change_writes(current: &Deployment, change: Change) -> Result<Vec<Write>> {
    if !change.to.reached_from().contains(&current.status) {
        let (from, to) = (current.status.name(), change.to.name());
        let message = match current.status {
            DeploymentStatus::Deleted => format!("Deployment {} was deleted", current.id),
            _ => format!("Deployment {} is {from} and cannot become {to}", current.id),
        };
        return Err(Error::conflict(message));
    }
    let unchanged = match current.revision {
        // What was written before deployments had revisions has none.
        0 => change.update.if_absent_or("revision", "=", &0)?,
        revision => change.update.if_compares("revision", "=", &revision)?,
    };
    let update = unchanged.set("status", &change.to)?.set("revision", &(current.revision + 1))?.set("updated_at", &Timestamp::now())?;
    let mut writes = vec![Write::Update(update)];
    writes.extend(change.also);
    writes.extend(event_writes(&Deployment { status: change.to, ..current.clone() }, &change.events)?);
    Ok(writes)
}

fn version_write(id: &str, number: u64, job_id: &str, live: &Live) -> Result<Write> {
    let key = version_key(id, number);
    if live.republished.is_some() {
        let update = Update::new(key)
            .if_exists()
            .set("function_version", &live.function_version)?
            .set("image_uri", &live.image_uri)?
            .set("configuration", &live.configuration)?;
        return Ok(Write::Update(update));
    }
    let version = DeploymentVersion {
        number,
        model_version: live.model_version,
        function_version: live.function_version.clone(),
        image_uri: live.image_uri.clone(),
        configuration: live.configuration,
        model: live.model.clone(),
        changes: live.changes.clone(),
        job_id: job_id.to_owned(),
        created_at: Timestamp::now(),
    };
    Ok(Write::Put(NewItem::new(&key, &version)?))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_change_names_the_state_that_it_leaves() {
        let mut deployment = Deployment::new("m", "serveml-model-");
        let change = |to| Change::new("id", to);
        assert!(change_writes(&deployment, change(DeploymentStatus::Active)).is_ok());
        deployment.status = DeploymentStatus::Deleted;
        for to in DeploymentStatus::ALL {
            let refused = change_writes(&deployment, change(to)).unwrap_err();
            assert!(refused.public_message().ends_with("was deleted"), "{refused}");
        }
        deployment.status = DeploymentStatus::Active;
        assert!(change_writes(&deployment, change(DeploymentStatus::Building)).is_err());
    }
}
