//! Deployments in the table: one for each registered model, changed by one job at a time.

use std::collections::{BTreeSet, HashMap};

use serde::{Deserialize, Serialize};

use super::Store;
use super::keys::{Index, Key};
use super::query::Query;
use super::update::Update;
use super::write::{NewItem, Outcome, Write};
use crate::domain::deployment::Deployment;
use crate::paging::{Page, PageRequest};
use crate::{Error, Result, Timestamp};

/// For how long a job may hold a deployment without a sign of life, in seconds.
pub const LEASE_SECONDS: i64 = 900;

#[derive(Debug, Serialize, Deserialize)]
struct Endpoint {
    deployment_id: String,
}

/// What a deployment's live version is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Live {
    /// Where it answers; no slash at the end.
    pub url: String,
    /// The model version.
    pub model_version: u64,
    /// The function version.
    pub function_version: String,
    /// The image.
    pub image_uri: String,
}

fn key(id: &str) -> Key {
    Key::new(format!("DEPLOYMENT#{id}"), "DEPLOYMENT")
}

fn endpoint_key(model_name: &str) -> Key {
    Key::new(format!("MODEL#{model_name}"), "ENDPOINT")
}

impl Store {
    /// A deployment by its id.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn deployment(&self, id: &str) -> Result<Option<Deployment>> {
        self.get(&key(id)).await
    }

    /// The deployments of those ids that are there, by id.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn deployments_by_id(&self, ids: BTreeSet<String>) -> Result<HashMap<String, Deployment>> {
        let found = self.get_all::<Deployment>(ids.iter().map(|id| key(id)).collect()).await?;
        Ok(found.into_values().map(|deployment| (deployment.id.clone(), deployment)).collect())
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

    /// Deployments, newest first.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn deployments(&self, page: &PageRequest) -> Result<Page<Deployment>> {
        self.page(&Query::index(Index::First, "DEPLOYMENTS").newest_first(), page).await
    }

    /// The deployment of a registered model; made where there is none. `function_prefix` is what the names of all
    /// deployed models' functions start with.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn ensure_deployment(&self, model_name: &str, function_prefix: &str) -> Result<Deployment> {
        if let Some(deployment) = self.deployment_of_model(model_name).await? {
            return Ok(deployment);
        }
        let deployment = Deployment::new(model_name, function_prefix);
        let endpoint = Endpoint { deployment_id: deployment.id.clone() };
        let outcome = self
            .transact(vec![
                Write::Put(NewItem::new(&endpoint_key(model_name), &endpoint)?.if_absent()),
                Write::Put(NewItem::new(&key(&deployment.id), &deployment)?.listed(Index::First, "DEPLOYMENTS", &deployment.id)),
            ])
            .await?;
        match outcome {
            Outcome::Done(()) => Ok(deployment),
            Outcome::Refused(_) => self
                .deployment_of_model(model_name)
                .await?
                .ok_or_else(|| Error::conflict(format!("The deployment of {model_name} is being deleted; try again."))),
        }
    }

    /// Takes the right to change a deployment's function, or keeps it for longer. `false` when another job has it.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn lease_deployment(&self, id: &str, job_id: &str) -> Result<bool> {
        let now = Timestamp::now().seconds();
        let update = |condition: Update| -> Result<Update> {
            condition.if_exists().set("lease_job_id", job_id)?.set("lease_until", &(now + LEASE_SECONDS))
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

    /// Records which version is live, as the job that holds the deployment.
    ///
    /// # Errors
    /// `Conflict` when the job does not hold it any more; `Internal` when DynamoDB does not answer.
    pub async fn set_live(&self, id: &str, job_id: &str, live: &Live) -> Result<Deployment> {
        let update = Update::new(key(id))
            .if_exists()
            .if_compares("lease_job_id", "=", job_id)?
            .set("url", &live.url)?
            .set("live_model_version", &live.model_version)?
            .set("live_function_version", &live.function_version)?
            .set("live_image_uri", &live.image_uri)?
            .set("live_job_id", job_id)?
            .set("updated_at", &Timestamp::now())?;
        match self.update(update).await? {
            Outcome::Done(deployment) => Ok(deployment),
            Outcome::Refused(_) => Err(Error::conflict(format!("Job {job_id} does not hold deployment {id} any more"))),
        }
    }

    /// Forgets a deployment, as the job or request that holds it.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn delete_deployment(&self, deployment: &Deployment) -> Result<()> {
        let writes = vec![Write::Delete(endpoint_key(&deployment.model_name)), Write::Delete(key(&deployment.id))];
        self.transact(writes).await.map(drop)
    }
}
