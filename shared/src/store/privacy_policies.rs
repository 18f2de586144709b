//! Privacy policies in the table.

use serde_json::Value;

use super::Store;
use super::keys::Key;
use crate::Result;

fn key(id: &str) -> Key {
    Key::new(format!("PRIVACY_POLICY#{id}"), "PRIVACY_POLICY")
}

impl Store {
    /// What a privacy policy of a project says, as the model server takes it; with its key.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn privacy_policy_of_project(&self, project_id: &str, id: &str) -> Result<Option<Value>> {
        if !crate::id::is_id(id) {
            return Ok(None);
        }
        let found: Option<Value> = self.get(&key(id)).await?;
        Ok(found.filter(|policy| policy["project_id"] == project_id).map(|mut policy| policy["policy"].take()))
    }
}
