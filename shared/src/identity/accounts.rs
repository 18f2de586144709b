//! Registering and logging in.

use super::password;
use crate::domain::user::User;
use crate::{Error, ErrorKind, Platform, Result, Timestamp, config};

/// A user with a session token.
#[derive(Debug)]
pub struct Session {
    /// The user.
    pub user: User,
    /// The token.
    pub access_token: String,
}

/// Who registers, not yet checked.
#[derive(Debug, Clone, Copy)]
pub struct Registration<'a> {
    /// The address.
    pub email: &'a str,
    /// The username.
    pub username: &'a str,
    /// The password.
    pub password: &'a str,
    /// The full name.
    pub full_name: Option<&'a str>,
}

/// Adds a user, who is then logged in.
///
/// # Errors
/// `Forbidden` when the platform takes no new users; `Unprocessable`, naming the field, when one is not as it must be;
/// `AlreadyExists` when the address or the username is taken.
pub async fn register(platform: &Platform, registration: Registration<'_>) -> Result<Session> {
    if platform.config.get(config::REGISTRATION)? != "open" {
        return Err(Error::new(ErrorKind::Forbidden, "This platform takes no new users; ask whoever runs it."));
    }
    // The cheap checks go first: a hash is work.
    User::new(registration.email, registration.username, registration.full_name, String::new())?;
    let hash = password::hash(registration.password)?;
    let user = User::new(registration.email, registration.username, registration.full_name, hash)?;
    platform.store()?.create_user(&user).await?;
    tracing::info!(user_id = user.id, "a user registered");
    session(platform, user).await
}

/// Logs a user in.
///
/// # Errors
/// `Unauthorized`, with the same words after the same work, when there is no such user or the password is wrong.
pub async fn log_in(platform: &Platform, email: &str, given_password: &str) -> Result<Session> {
    let user = platform.store()?.user_of_email(email).await?;
    let matches = password::matches(given_password, user.as_ref().map(|user| user.password_hash.as_str()))?;
    match user {
        Some(user) if matches => session(platform, user).await,
        _ => Err(Error::unauthorized("The email address or the password is wrong.")),
    }
}

async fn session(platform: &Platform, user: User) -> Result<Session> {
    let access_token = platform.store()?.ensure_session_signing_key().await?.issue(&user.id, Timestamp::now())?;
    Ok(Session { user, access_token })
}
