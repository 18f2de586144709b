//! A model file that is on its way to the bucket by itself, to be deployed by its id.

use serde::{Deserialize, Serialize};

use crate::{Error, Result, Timestamp};

/// The largest model file that is taken, in bytes.
pub const LARGEST_FILE: u64 = 1024 * 1024 * 1024;

/// For how long an upload may be made, and then deployed, in seconds.
pub const VALID_SECONDS: i64 = 3600;

const LONGEST_FILE_NAME: usize = 255;

/// An upload as the table holds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upload {
    /// Its id, a UUIDv7.
    pub id: String,
    /// Who may deploy it; absent where nobody in particular asked for it.
    pub owner: Option<String>,
    /// The file's name, whose ending tells its format.
    pub file_name: String,
    /// The file's size in bytes, exactly.
    pub size_bytes: u64,
    /// When it was asked for.
    pub created_at: Timestamp,
}

impl Upload {
    /// An upload that is about to be made.
    ///
    /// # Errors
    /// `Unprocessable`, naming the field, when the name or the size cannot be a model file's.
    pub fn new(owner: Option<String>, file_name: String, size_bytes: i64) -> Result<Self> {
        check_file_name("file_name", &file_name)?;
        let size_bytes = u64::try_from(size_bytes)
            .ok()
            .filter(|size| (1..=LARGEST_FILE).contains(size))
            .ok_or_else(|| Error::field("size_bytes", format!("must be from 1 to {LARGEST_FILE} (1 GiB), not {size_bytes}")))?;
        Ok(Self { id: crate::id::new_id(), owner, file_name, size_bytes, created_at: Timestamp::now() })
    }

    /// When it can no longer be made.
    pub fn expires_at(&self) -> Timestamp {
        self.created_at.plus_seconds(VALID_SECONDS)
    }
}

/// A model file's name, checked. Only its ending is ever used.
///
/// # Errors
/// `Unprocessable`, naming `field`, when it is empty, too long, a path, or holds control characters.
pub fn check_file_name(field: &str, name: &str) -> Result<()> {
    if name.is_empty() || name.len() > LONGEST_FILE_NAME {
        return Err(Error::field(field, format!("the file's name must have 1 to {LONGEST_FILE_NAME} bytes, not {}", name.len())));
    }
    if name.chars().any(|character| character.is_control() || matches!(character, '/' | '\\')) {
        return Err(Error::field(field, "the file's name must not hold slashes or control characters"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn name_and_size_have_bounds() {
        let new = |name: &str, size| Upload::new(None, name.to_owned(), size);
        assert_eq!(new("model.pkl", 1).unwrap().size_bytes, 1);
        for (name, size) in [("", 1), ("a/b.pkl", 1), ("..\\b.pkl", 1), ("a\n.pkl", 1), (&*"x".repeat(256), 1)] {
            assert!(new(name, size).unwrap_err().public_message().starts_with("file_name: "), "{name:?}");
        }
        for size in [i64::MIN, -1, 0, 1024 * 1024 * 1024 + 1, i64::MAX] {
            assert!(new("m.pkl", size).unwrap_err().public_message().starts_with("size_bytes: "), "{size}");
        }
    }
}
