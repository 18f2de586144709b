//! Privacy policies in the table. A project has at most [`MOST_POLICIES`], so that its list is read whole.

use serde_json::Value;

use super::Store;
use super::keys::{Index, Key};
use super::query::Query;
use super::update::Update;
use super::write::{NewItem, Outcome};
use crate::domain::privacy_policy::{MOST_POLICIES, PrivacyPolicy};
use crate::{Error, Result, Timestamp};

fn key(id: &str) -> Key {
    Key::new(format!("PRIVACY_POLICY#{id}"), "PRIVACY_POLICY")
}

fn list_of(scope: &str) -> String {
    format!("PROJECT#{scope}#PRIVACY_POLICIES")
}

impl Store {
    /// What a privacy policy of a project says, as the model server takes it; with its key.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn privacy_policy_of_project(&self, project_id: &str, id: &str) -> Result<Option<Value>> {
        let found = self.privacy_policy(id).await?.filter(|policy| policy.project_id == project_id);
        found.map(|policy| serde_json::to_value(&policy.policy)).transpose().map_err(|error| Error::internal("writing a policy", error))
    }

    /// Adds a policy.
    ///
    /// # Errors
    /// `Conflict` when the project has as many as may be; `Internal` when DynamoDB does not answer.
    pub async fn create_privacy_policy(&self, policy: &PrivacyPolicy) -> Result<()> {
        if self.privacy_policies(&policy.scope()).await?.len() >= MOST_POLICIES {
            return Err(Error::conflict(format!("A project may have at most {MOST_POLICIES} privacy policies; delete one first.")));
        }
        let item = NewItem::new(&key(&policy.id), policy)?.listed(Index::First, list_of(&policy.scope()), &policy.id).if_absent();
        match self.put(item).await? {
            Outcome::Done(()) => Ok(()),
            Outcome::Refused(_) => Err(Error::broken("a new privacy policy was there already")),
        }
    }

    /// A policy by its id.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn privacy_policy(&self, id: &str) -> Result<Option<PrivacyPolicy>> {
        if !crate::id::is_id(id) {
            return Ok(None);
        }
        self.get(&key(id)).await
    }

    /// The policies of a scope ([`PrivacyPolicy::scope`]), the newest first.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn privacy_policies(&self, scope: &str) -> Result<Vec<PrivacyPolicy>> {
        self.all(&Query::index(Index::First, list_of(scope)).newest_first()).await
    }

    /// Writes what was changed of a policy that was read with that `updated_at`; its key and project stay. `None` when it was
    /// changed or deleted meanwhile.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn change_privacy_policy(&self, policy: &PrivacyPolicy, read_at: Timestamp) -> Result<Option<PrivacyPolicy>> {
        let update = Update::new(key(&policy.id))
            .set("name", &policy.name)?
            .set("description", &policy.description)?
            .set("policy", &policy.policy)?
            .set("updated_at", &policy.updated_at)?
            .if_exists()
            .if_compares("updated_at", "=", &read_at)?;
        match self.update(update).await? {
            Outcome::Done(changed) => Ok(Some(changed)),
            Outcome::Refused(_) => Ok(None),
        }
    }

    /// Deletes a policy. Deployments that name it refuse predictions from then on: nothing is stored as it is by mistake.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn delete_privacy_policy(&self, id: &str) -> Result<()> {
        self.delete(&key(id)).await
    }
}
