//! Passwords: kept as Argon2id hashes (RFC 9106), never as they are.

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Algorithm, Argon2, Params, Version};

use crate::{Error, Result};

/// How long a password may be, in bytes; a longer one would only be a way to make this function work.
pub const LENGTH: std::ops::RangeInclusive<usize> = 8..=1024;

/// The work of one hash: 19 MiB of memory, two passes, one lane (the least that OWASP's password storage guide names).
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// The hash of no password that anybody has, with the same work as real ones: what is compared for an unknown user, so
/// that the answer takes as long as for a known one.
const NOBODYS_HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$AAECAwQFBgcICQoLDA0ODw$AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";

fn hasher() -> Result<Argon2<'static>> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(|error| Error::broken(format!("Argon2's parameters: {error}")))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

/// What is kept of a new password, as a PHC string with its salt and parameters.
///
/// # Errors
/// `Unprocessable`, naming the field, when it is too short or too long.
pub fn hash(password: &str) -> Result<String> {
    if !LENGTH.contains(&password.len()) {
        let (least, most) = (LENGTH.start(), LENGTH.end());
        return Err(Error::field("password", format!("must have from {least} to {most} bytes")));
    }
    let hash = hasher()?.hash_password(password.as_bytes()).map_err(|error| Error::broken(format!("hashing a password: {error}")))?;
    Ok(hash.to_string())
}

/// True when the password is the one of which `stored` is kept. Without a stored one (an unknown user) the answer is
/// `false` after the same work.
///
/// # Errors
/// `Internal` when what is stored is not a hash.
pub fn matches(password: &str, stored: Option<&str>) -> Result<bool> {
    let broken = |error: argon2::password_hash::phc::Error| Error::broken(format!("a stored password hash cannot be read: {error}"));
    let hash = PasswordHash::new(stored.unwrap_or(NOBODYS_HASH)).map_err(broken)?;
    let within_bounds = password.len() <= *LENGTH.end();
    let password = if within_bounds { password.as_bytes() } else { b"" };
    let same = hasher()?.verify_password(password, &hash).is_ok();
    Ok(same && within_bounds && stored.is_some())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn only_the_password_itself_matches() {
        let stored = hash("correct horse").unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
        assert_ne!(stored, hash("correct horse").unwrap(), "each hash has a salt of its own");
        assert!(matches("correct horse", Some(&stored)).unwrap());
        assert!(!matches("correct horsf", Some(&stored)).unwrap());
        assert!(!matches("", None).unwrap());
        assert!(!matches(&"x".repeat(5000), Some(&stored)).unwrap());
    }

    #[test]
    fn a_password_has_bounds() {
        assert!(hash("short").unwrap_err().public_message().starts_with("password: must have from 8"));
        assert!(hash(&"x".repeat(1025)).is_err());
    }
}
