//! The `Idempotency-Key` header: a request that is sent again starts nothing a second time.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::keys::Key;
use super::write::NewItem;
use crate::{Error, Request, Result, Timestamp};

/// For how long a key is remembered, in seconds.
const REMEMBERED_SECONDS: i64 = 24 * 3600;
const LONGEST_KEY: usize = 255;

/// The key of a request, with what the request asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Idempotency {
    scope: &'static str,
    user: String,
    key: String,
    request_hash: String,
}

/// What is remembered of the first request with a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdempotencyRecord {
    /// The hash of the request's path and body.
    pub request_hash: String,
    /// The job that it started.
    pub job_id: String,
}

impl Idempotency {
    /// The key that a request carries, if it carries one. `scope` keeps routes apart; users are kept apart too.
    ///
    /// # Errors
    /// `BadRequest` when the key is empty, too long or not printable.
    pub fn of(request: &Request, scope: &'static str) -> Result<Option<Self>> {
        let Some(header) = request.headers.get("idempotency-key") else { return Ok(None) };
        let key = header.to_str().unwrap_or_default().trim();
        if key.is_empty() || key.len() > LONGEST_KEY {
            return Err(Error::bad_request(format!("Idempotency-Key must have 1 to {LONGEST_KEY} printable characters")));
        }
        // The path tells what the request is about: the same body for another deployment is another request.
        let hash = Sha256::new().chain_update(&request.path).chain_update("\n").chain_update(&request.body);
        let request_hash = hex::encode(hash.finalize());
        let user = request.caller.user_id().unwrap_or_default().to_owned();
        Ok(Some(Self { scope, user, key: key.to_owned(), request_hash }))
    }

    /// The same key for a request whose content can be written in more than one way, such as a form's.
    pub fn of_content(self, content: &[u8]) -> Self {
        Self { request_hash: hex::encode(Sha256::digest(content)), ..self }
    }

    pub(crate) fn key(&self) -> Key {
        Key::new(format!("IDEMPOTENCY#{}#{}#{}", self.scope, self.user, self.key), "IDEMPOTENCY")
    }

    pub(crate) fn record(&self, job_id: &str) -> Result<NewItem> {
        let record = IdempotencyRecord { request_hash: self.request_hash.clone(), job_id: job_id.to_owned() };
        let expires = Timestamp::now().plus_seconds(REMEMBERED_SECONDS).seconds();
        Ok(NewItem::new(&self.key(), &record)?.expires_at(expires).if_absent())
    }

    pub(crate) fn check(&self, record: &IdempotencyRecord) -> Result<()> {
        if record.request_hash == self.request_hash {
            return Ok(());
        }
        Err(Error::conflict(
            "This Idempotency-Key was used for another request, with another body or path; use a new key for a new request.",
        ))
    }
}
