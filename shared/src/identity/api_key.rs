//! API keys: what a program sends in place of a session token. Shown once, kept as a hash.

use serde::{Deserialize, Serialize};

use crate::{Error, Result, Timestamp, token};

/// What every key begins with, so that scanners for leaked secrets can find it.
pub const PREFIX: &str = "sml_";
/// How much of a key is shown in lists.
const SHOWN: usize = 12;
const LONGEST_NAME: usize = 100;

/// An API key as the table holds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiKey {
    /// Its id, a UUIDv7.
    pub id: String,
    /// Whose it is.
    pub user_id: String,
    /// What its owner calls it.
    pub name: String,
    /// Its first characters, by which its owner tells it from others.
    pub prefix: String,
    /// The hash of the whole.
    pub key_hash: String,
    /// When it was made.
    pub created_at: Timestamp,
}

impl ApiKey {
    /// A new key of a user; the second value is the key itself, which is kept nowhere.
    ///
    /// # Errors
    /// `Unprocessable`, naming the field, when the name is empty or too long.
    pub fn new(user_id: &str, name: &str) -> Result<(Self, String)> {
        let name = name.trim();
        if name.is_empty() || name.chars().count() > LONGEST_NAME {
            return Err(Error::field("name", format!("must have from 1 to {LONGEST_NAME} characters")));
        }
        let key = format!("{PREFIX}{}", token::new_secret());
        let kept = Self {
            id: crate::id::new_id(),
            user_id: user_id.to_owned(),
            name: name.to_owned(),
            prefix: key.chars().take(SHOWN).collect(),
            key_hash: token::hash(&key),
            created_at: Timestamp::now(),
        };
        Ok((kept, key))
    }
}

/// True for text that can be a key; anything else needs no look-up.
pub fn is_api_key(text: &str) -> bool {
    text.strip_prefix(PREFIX).is_some_and(|secret| secret.len() == 64 && secret.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_key_is_kept_as_its_hash() {
        let (kept, key) = ApiKey::new("user", " ci ").unwrap();
        assert!(is_api_key(&key) && key.starts_with(&kept.prefix));
        assert!(token::matches(&key, &kept.key_hash));
        assert_eq!(kept.name, "ci");
        assert!(!serde_json::to_string(&kept).unwrap().contains(&key));
        assert!(ApiKey::new("user", "  ").is_err());
        assert!(!is_api_key("sml_short"));
    }
}
