//! API keys in the table: each under its hash, for the look-up of every request, and under its owner.

use serde::{Deserialize, Serialize};

use super::Store;
use super::keys::Key;
use super::query::Query;
use super::write::{NewItem, Outcome, Write};
use crate::identity::api_key::ApiKey;
use crate::{Error, Result, token};

/// How many keys a user may have.
pub const MOST_KEYS: usize = 100;

#[derive(Debug, Serialize, Deserialize)]
struct Owner {
    user_id: String,
}

fn hash_key(hash: &str) -> Key {
    Key::new(format!("API_KEY#{hash}"), "API_KEY")
}

fn owned_key(user_id: &str, id: &str) -> Key {
    Key::new(format!("USER#{user_id}"), format!("API_KEY#{id}"))
}

impl Store {
    /// Adds a user's key.
    ///
    /// # Errors
    /// `Conflict` when the user has as many as may be; `Internal` when DynamoDB does not answer.
    pub async fn create_api_key(&self, api_key: &ApiKey) -> Result<()> {
        if self.api_keys(&api_key.user_id).await?.len() >= MOST_KEYS {
            return Err(Error::conflict(format!("There may be at most {MOST_KEYS} API keys; revoke one first.")));
        }
        let owner = Owner { user_id: api_key.user_id.clone() };
        let writes = vec![
            Write::Put(NewItem::new(&hash_key(&api_key.key_hash), &owner)?.if_absent()),
            Write::Put(NewItem::new(&owned_key(&api_key.user_id, &api_key.id), api_key)?.if_absent()),
        ];
        match self.transact(writes).await? {
            Outcome::Done(()) => Ok(()),
            Outcome::Refused(_) => Err(Error::broken("a new API key was there already")),
        }
    }

    /// A user's keys, the oldest first.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn api_keys(&self, user_id: &str) -> Result<Vec<ApiKey>> {
        self.all(&Query::table(format!("USER#{user_id}")).prefix("API_KEY#")).await
    }

    /// Revokes a user's key; it is refused from then on. `false` when the user has no such key.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn delete_api_key(&self, user_id: &str, id: &str) -> Result<bool> {
        let Some(kept) = self.get::<ApiKey>(&owned_key(user_id, id)).await? else { return Ok(false) };
        self.transact(vec![Write::Delete(hash_key(&kept.key_hash)), Write::Delete(owned_key(user_id, id))]).await?;
        Ok(true)
    }

    /// Whose key this is; `None` when it is nobody's, or was revoked.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn user_of_api_key(&self, api_key: &str) -> Result<Option<String>> {
        Ok(self.get::<Owner>(&hash_key(&token::hash(api_key))).await?.map(|owner| owner.user_id))
    }
}
