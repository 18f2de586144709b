//! Uploads of model files in the table, kept for as long as they may be deployed.

use super::Store;
use super::keys::Key;
use super::write::NewItem;
use crate::domain::upload::Upload;
use crate::{Result, Timestamp};

fn key(id: &str) -> Key {
    Key::new(format!("UPLOAD#{id}"), "UPLOAD")
}

impl Store {
    /// Keeps an upload until it expires.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn create_upload(&self, upload: &Upload) -> Result<()> {
        let new = NewItem::new(&key(&upload.id), upload)?.expires_at(upload.expires_at().seconds());
        self.put(new.if_absent()).await.map(drop)
    }

    /// An upload by its id; one that has expired is not there.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn upload(&self, id: &str) -> Result<Option<Upload>> {
        if !crate::id::is_id(id) {
            return Ok(None);
        }
        let upload: Option<Upload> = self.get(&key(id)).await?;
        Ok(upload.filter(|upload| upload.expires_at().seconds() > Timestamp::now().seconds()))
    }
}
