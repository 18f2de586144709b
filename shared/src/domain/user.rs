//! A user of the platform.

use serde::{Deserialize, Serialize};

use crate::{Error, Result, Timestamp};

const LONGEST_EMAIL: usize = 254;
const LONGEST_FULL_NAME: usize = 200;
const USERNAME_LENGTH: std::ops::RangeInclusive<usize> = 3..=64;

/// A user as the table holds it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// Its id, a UUIDv7.
    pub id: String,
    /// The address, as the user wrote it.
    pub email: String,
    /// The name by which others know the user.
    pub username: String,
    /// The user's full name, if given.
    pub full_name: Option<String>,
    /// The password's hash.
    pub password_hash: String,
    /// When the user registered.
    pub created_at: Timestamp,
}

impl std::fmt::Debug for User {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("User").field("id", &self.id).field("username", &self.username).finish_non_exhaustive()
    }
}

impl User {
    /// A user who registers now.
    ///
    /// # Errors
    /// `Unprocessable`, naming the field, when one is not as it must be.
    pub fn new(email: &str, username: &str, full_name: Option<&str>, password_hash: String) -> Result<Self> {
        let email = email.trim();
        check_email(email)?;
        check_username(username)?;
        let full_name = full_name.map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned);
        if full_name.as_ref().is_some_and(|name| name.chars().count() > LONGEST_FULL_NAME || name.chars().any(char::is_control)) {
            return Err(Error::field("full_name", format!("must have at most {LONGEST_FULL_NAME} characters and no control characters")));
        }
        Ok(Self {
            id: crate::id::new_id(),
            email: email.to_owned(),
            username: username.to_owned(),
            full_name,
            password_hash,
            created_at: Timestamp::now(),
        })
    }
}

/// An address in the form in which two are compared.
pub fn canonical_email(email: &str) -> String {
    email.trim().to_lowercase()
}

/// That a text has the form of an address: whether it exists only a message to it could tell.
///
/// # Errors
/// `Unprocessable`, naming the field.
pub fn check_email(email: &str) -> Result<()> {
    let plausible = email.len() <= LONGEST_EMAIL
        && !email.chars().any(|character| character.is_whitespace() || character.is_control())
        && email.split_once('@').is_some_and(|(name, domain)| {
            let labels = || domain.split('.');
            !name.is_empty()
                && name.len() <= 64
                && !domain.contains('@')
                && labels().count() >= 2
                && labels().all(|label| {
                    !label.is_empty()
                        && !label.starts_with('-')
                        && !label.ends_with('-')
                        && label.chars().all(|character| character.is_alphanumeric() || character == '-')
                })
        });
    if plausible { Ok(()) } else { Err(Error::field("email", "must be an email address such as user@example.com")) }
}

fn check_username(username: &str) -> Result<()> {
    let (least, most) = (USERNAME_LENGTH.start(), USERNAME_LENGTH.end());
    let allowed = |character: char| character.is_ascii_alphanumeric() || "._-".contains(character);
    if USERNAME_LENGTH.contains(&username.len()) && username.chars().all(allowed) {
        return Ok(());
    }
    Err(Error::field("username", format!("must have from {least} to {most} letters, digits, dots, hyphens or underscores")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_address_is_told() {
        for good in ["user@example.com", "first.last+tag@sub.example.co", "ü@exämple.de"] {
            assert!(check_email(good).is_ok(), "{good}");
        }
        let long = format!("{}@example.com", "x".repeat(300));
        for bad in ["", "user", "@example.com", "user@", "user@example", "a b@example.com", "a@b@c.de", "a@.de", "a@-b.de", &long] {
            assert!(check_email(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_username_is_plain() {
        for bad in ["", "ab", "a b", "../x", "ü_user", &"x".repeat(65)] {
            assert!(check_username(bad).is_err(), "{bad}");
        }
        assert!(check_username("john.doe-1").is_ok());
    }
}
