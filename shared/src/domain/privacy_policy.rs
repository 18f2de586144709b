//! A privacy policy of a project: which personal data is treated in predictions' records and answers, and how.

use privacy::{Key, Policy};
use serde::{Deserialize, Serialize};

use super::project::scope;
use crate::{Timestamp, id, token};

/// The most policies of a project.
pub const MOST_POLICIES: usize = 100;

/// A policy, as it is kept. Its key never leaves the platform but for the model server, which hashes with it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PrivacyPolicy {
    /// Its id, a UUIDv7.
    pub id: String,
    /// The project whose deployments may name it.
    pub project_id: String,
    /// Who made it; absent where nobody in particular did.
    #[serde(default)]
    pub owner: Option<String>,
    /// Its name, for people.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// What it says, with its key.
    pub policy: Policy,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl PrivacyPolicy {
    /// A new policy of a project, with a key of its own.
    pub fn new(project_id: String, owner: Option<String>, name: String, description: Option<String>, policy: Policy) -> Self {
        let now = Timestamp::now();
        let policy = Policy { key: Some(Key::new(token::new_secret())), ..policy };
        Self { id: id::new_id(), project_id, owner, name, description, policy, created_at: now, updated_at: now }
    }
    /// Where it is listed: with its project's; in the project that is everybody's, with those of who made it.
    pub fn scope(&self) -> String {
        scope(&self.project_id, self.owner.as_deref())
    }
}
