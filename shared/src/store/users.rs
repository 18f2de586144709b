//! Users in the table, and the secret that signs their session tokens.

use serde::{Deserialize, Serialize};

use super::Store;
use super::keys::Key;
use super::update::Update;
use super::write::{NewItem, Outcome, Write};
use crate::domain::user::{User, canonical_email};
use crate::identity::session::SigningKey;
use crate::{Error, ErrorKind, Result, token};

#[derive(Debug, Serialize, Deserialize)]
struct Named {
    user_id: String,
}

#[derive(Serialize, Deserialize)]
struct Secret {
    secret: String,
}

/// What a user has done in all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct UserTotals {
    /// How many deployments the user has.
    pub deployments: u64,
    /// How many predictions they made.
    pub predictions: u64,
}

pub(crate) fn totals_key(id: &str) -> Key {
    Key::new(format!("USER#{id}"), "TOTALS")
}

/// Under which name is counted what nobody in particular made; no user has such an id.
pub(crate) const ANYONE: &str = "anyone";

/// The write that counts a deployment more, or less, of a user, or of nobody in particular.
pub(crate) fn count_deployments(owner: Option<&str>, amount: i64) -> Result<Write> {
    Ok(Write::Update(Update::new(totals_key(owner.unwrap_or(ANYONE))).add("deployments", amount)?))
}

fn key(id: &str) -> Key {
    Key::new(format!("USER#{id}"), "USER")
}

fn email_key(email: &str) -> Key {
    Key::new(format!("USER_EMAIL#{}", canonical_email(email)), "USER_EMAIL")
}

fn username_key(username: &str) -> Key {
    Key::new(format!("USER_NAME#{}", username.to_lowercase()), "USER_NAME")
}

fn signing_key() -> Key {
    Key::new("SECRET#SESSION_SIGNING", "SECRET")
}

impl Store {
    /// Adds a user.
    ///
    /// # Errors
    /// `AlreadyExists` when the address or the username is taken; `Internal` when DynamoDB does not answer.
    pub async fn create_user(&self, user: &User) -> Result<()> {
        let named = Named { user_id: user.id.clone() };
        let writes = vec![
            Write::Put(NewItem::new(&email_key(&user.email), &named)?.if_absent()),
            Write::Put(NewItem::new(&username_key(&user.username), &named)?.if_absent()),
            Write::Put(NewItem::new(&key(&user.id), user)?.if_absent()),
        ];
        let taken = |message: &str| Err(Error::new(ErrorKind::AlreadyExists, message.to_owned()));
        match self.transact(writes).await? {
            Outcome::Done(()) => Ok(()),
            Outcome::Refused(which) if which.contains(&0) => taken("A user with this email address is already registered."),
            Outcome::Refused(which) if which.contains(&1) => taken("This username is taken."),
            Outcome::Refused(_) => Err(Error::new(ErrorKind::Unavailable, "Somebody else registers at this moment; try again.")),
        }
    }

    /// A user by id.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn user(&self, id: &str) -> Result<Option<User>> {
        self.get(&key(id)).await
    }

    /// A user by address, whatever its case.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn user_of_email(&self, email: &str) -> Result<Option<User>> {
        match self.get::<Named>(&email_key(email)).await? {
            Some(named) => self.user(&named.user_id).await,
            None => Ok(None),
        }
    }

    /// What a user has done in all.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn user_totals(&self, id: &str) -> Result<UserTotals> {
        self.owner_totals(Some(id)).await
    }

    /// What a user has done in all, or nobody in particular.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn owner_totals(&self, owner: Option<&str>) -> Result<UserTotals> {
        Ok(self.get(&totals_key(owner.unwrap_or(ANYONE))).await?.unwrap_or_default())
    }

    /// The key that signs session tokens; `None` as long as nobody has registered.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn session_signing_key(&self) -> Result<Option<SigningKey>> {
        Ok(self.get::<Secret>(&signing_key()).await?.map(|kept| SigningKey::new(&kept.secret)))
    }

    /// The key that signs session tokens; made where there is none.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn ensure_session_signing_key(&self) -> Result<SigningKey> {
        if let Some(kept) = self.session_signing_key().await? {
            return Ok(kept);
        }
        let made = Secret { secret: token::new_secret() };
        match self.put(NewItem::new(&signing_key(), &made)?.if_absent()).await? {
            Outcome::Done(()) => Ok(SigningKey::new(&made.secret)),
            Outcome::Refused(_) => self.session_signing_key().await?.ok_or_else(|| Error::broken("the session signing key vanished")),
        }
    }
}
