//! Page tokens of searches: where a page ended, and of which search.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{Error, Result};

/// How long a sort key can be, in bytes, the name of a model before it included.
const LONGEST_KEY: usize = 2048;

/// Where a page ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// The part of the search: lists are read one after the other.
    #[serde(rename = "p")]
    pub part: usize,
    /// The sort key of the last item that was read; empty at the beginning of the part.
    #[serde(rename = "a")]
    pub after: String,
    /// How many items of an order made in memory came before.
    #[serde(rename = "o", default)]
    pub offset: usize,
    #[serde(rename = "q")]
    search: String,
}

impl Position {
    /// The beginning of a search; `description` tells it from every other one.
    pub fn start(description: &str) -> Self {
        Self { part: 0, after: String::new(), offset: 0, search: digest(description) }
    }

    /// Where a token leads: to the beginning when there is none.
    ///
    /// # Errors
    /// `BadRequest` when the token is not one of this search.
    pub fn of(token: Option<&str>, description: &str) -> Result<Self> {
        let start = Self::start(description);
        let Some(position) = Self::read(token)? else { return Ok(start) };
        if position.search == start.search { Ok(position) } else { Err(invalid()) }
    }

    /// Where a token leads in a search that tells what differs: each of `parts` is what to say where it is another
    /// one, and what the caller gave.
    ///
    /// # Errors
    /// `BadRequest` when the token is not one of this search; it says so of the first part that is another one.
    pub fn of_parts(token: Option<&str>, parts: &[(&str, String)]) -> Result<Self> {
        let digests: Vec<String> = parts.iter().map(|(_, description)| digest(description)).collect();
        let Some(position) = Self::read(token)? else { return Ok(Self { search: digests.join("."), ..Self::start("") }) };
        let held: Vec<&str> = position.search.split('.').collect();
        if held.len() != digests.len() {
            return Err(invalid());
        }
        match parts.iter().zip(held.iter().zip(&digests)).find(|(_, (held, asked))| *held != asked) {
            None => Ok(position),
            Some(((differs, _), _)) => Err(Error::bad_request(*differs)),
        }
    }

    fn read(token: Option<&str>) -> Result<Option<Self>> {
        let Some(token) = token.filter(|token| !token.is_empty()) else { return Ok(None) };
        if token.len() > 4096 {
            return Err(invalid());
        }
        let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| Error::bad_request("Invalid page token, could not base64-decode"))?;
        let position: Self = serde_json::from_slice(&bytes).map_err(|_| invalid())?;
        if position.part < 16 && position.after.len() <= LONGEST_KEY { Ok(Some(position)) } else { Err(invalid()) }
    }

    /// The token that leads here.
    pub fn token(&self) -> String {
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(self).unwrap_or_default())
    }

    /// The sort key after which to go on.
    pub fn after(&self) -> Option<&str> {
        (!self.after.is_empty()).then_some(self.after.as_str())
    }
}

fn digest(description: &str) -> String {
    hex::encode(&Sha256::digest(description)[..8])
}

fn invalid() -> Error {
    Error::bad_request("Invalid page token: it is not one that this search returned.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_good_for_its_own_search_only() {
        let mut position = Position::start("runs of 1");
        position.after = "abc".to_owned();
        assert_eq!(Position::of(Some(&position.token()), "runs of 1").ok(), Some(position.clone()));
        assert!(Position::of(Some(&position.token()), "runs of 2").is_err());
        for token in ["x", "§", "e30", &"a".repeat(5000)] {
            assert!(Position::of(Some(token), "runs of 1").is_err(), "{token}");
        }
    }
}
