//! A user as the document shows one.

use serde::Serialize;
use shared::Timestamp;
use shared::domain::user::User;
use utoipa::ToSchema;

/// A user.
#[derive(Debug, Serialize, ToSchema)]
pub struct UserView {
    /// The user's id.
    #[schema(example = "user-123")]
    pub id: String,
    /// The address.
    #[schema(example = "user@example.com")]
    pub email: String,
    /// The username.
    #[schema(example = "johndoe")]
    pub username: String,
    /// The full name, if given.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "John Doe")]
    pub full_name: Option<String>,
    /// When the user registered.
    pub created_at: Timestamp,
}

impl From<User> for UserView {
    fn from(user: User) -> Self {
        Self {
            id: format!("user-{}", user.id),
            email: user.email,
            username: user.username,
            full_name: user.full_name,
            created_at: user.created_at,
        }
    }
}
