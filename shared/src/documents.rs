//! JSON documents of any size that belong to an item of the table: a short one lies in the item as text, a long one in the
//! bucket under its hash, where it never changes.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::objects::keys;
use crate::{Error, Platform, Result};

/// The longest document, in bytes, that lies in its item.
const LONGEST_INLINE: usize = 48 * 1024;

/// Where a document is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Document {
    /// In the item, as JSON text.
    Inline(String),
    /// In the bucket, under its hash.
    Object {
        /// The SHA-256 of its text.
        hash: String,
        /// How long its text is, in bytes.
        bytes: u64,
    },
}

impl Document {
    /// A document that lies in its item, whatever its length: its maker has bounded it.
    pub fn inline(value: &Value) -> Self {
        Document::Inline(value.to_string())
    }

    /// How long its text is, in bytes.
    pub fn bytes(&self) -> u64 {
        match self {
            Document::Inline(text) => text.len() as u64,
            Document::Object { bytes, .. } => *bytes,
        }
    }
}

/// Keeps a document; to be done before the item that holds it is written.
///
/// # Errors
/// `Internal` when S3 does not take it.
pub async fn keep(platform: &Platform, value: &Value) -> Result<Document> {
    let text = value.to_string();
    if text.len() <= LONGEST_INLINE {
        return Ok(Document::Inline(text));
    }
    let hash = hex::encode(Sha256::digest(&text));
    let bytes = text.len() as u64;
    platform.objects()?.put(&keys::document(&hash), text).await?;
    Ok(Document::Object { hash, bytes })
}

/// The document itself.
///
/// # Errors
/// `Internal` when S3 does not answer, or the document is gone or is no JSON.
pub async fn read(platform: &Platform, document: &Document) -> Result<Value> {
    let wrong = |error| Error::internal("reading a document", error);
    match document {
        Document::Inline(text) => serde_json::from_str(text).map_err(wrong),
        Document::Object { hash, .. } => {
            let body = platform.objects()?.get(&keys::document(hash)).await?;
            let body = body.ok_or_else(|| Error::broken(format!("the document {hash} is gone")))?;
            serde_json::from_slice(&body).map_err(wrong)
        }
    }
}

/// The document itself, where there is one.
///
/// # Errors
/// As [`read`].
pub async fn read_optional(platform: &Platform, document: Option<&Document>) -> Result<Option<Value>> {
    match document {
        Some(document) => read(platform, document).await.map(Some),
        None => Ok(None),
    }
}
