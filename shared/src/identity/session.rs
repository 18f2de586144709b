//! Session tokens: JSON Web Tokens (RFC 7519), signed with HMAC-SHA-256 by a key that only the platform's functions can
//! read, good for a day.

mod signature;

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};

use crate::{Error, ErrorKind, Result, Timestamp};

/// For how long a session token is good, in seconds.
pub const LIFETIME_SECONDS: i64 = 24 * 3600;
/// The longest text that can be a token of ours.
const LONGEST_TOKEN: usize = 2048;
const ISSUER: &str = "serveml";

#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    iat: i64,
    exp: i64,
}

/// The key that signs session tokens: 256 random bits.
#[derive(Clone)]
pub struct SigningKey(Vec<u8>);

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("SigningKey(..)")
    }
}

impl SigningKey {
    /// The key of a secret as the table keeps it.
    pub fn new(secret: &str) -> Self {
        Self(secret.as_bytes().to_vec())
    }

    /// A token for a user, good from `now` on.
    ///
    /// # Errors
    /// `Internal` when it cannot be written.
    pub fn issue(&self, user_id: &str, now: Timestamp) -> Result<String> {
        signature::install();
        let issued = now.seconds();
        let claims = Claims { iss: ISSUER.to_owned(), sub: user_id.to_owned(), iat: issued, exp: issued + LIFETIME_SECONDS };
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &EncodingKey::from_secret(&self.0))
            .map_err(|error| Error::internal("signing a session token", error))
    }

    /// The user for whom a token was issued.
    ///
    /// # Errors
    /// `Unauthorized` when it is not one of ours or has expired.
    pub fn user_of(&self, token: &str) -> Result<String> {
        signature::install();
        let refused = |message: &str| Error::new(ErrorKind::Unauthorized, message.to_owned());
        if token.len() > LONGEST_TOKEN {
            return Err(refused("The token is not valid; log in again."));
        }
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_issuer(&[ISSUER]);
        validation.set_required_spec_claims(&["exp", "iss", "sub"]);
        match jsonwebtoken::decode::<Claims>(token, &DecodingKey::from_secret(&self.0), &validation) {
            Ok(token) => Ok(token.claims.sub),
            Err(error) if matches!(error.kind(), jsonwebtoken::errors::ErrorKind::ExpiredSignature) => {
                Err(refused("The token has expired; log in again."))
            }
            Err(_) => Err(refused("The token is not valid; log in again.")),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_token_names_its_user_until_it_expires() {
        let key = SigningKey::new("0123456789abcdef0123456789abcdef");
        let now = Timestamp::now();
        let token = key.issue("user", now).unwrap();
        assert!(token.starts_with("eyJ"), "{token}");
        assert_eq!(key.user_of(&token).unwrap(), "user");
        let old = key.issue("user", now.plus_seconds(-LIFETIME_SECONDS - 120)).unwrap();
        assert_eq!(key.user_of(&old).unwrap_err().public_message(), "The token has expired; log in again.");
    }

    #[test]
    fn what_was_not_signed_with_the_key_is_refused() {
        use base64::Engine as _;
        use base64::engine::general_purpose::URL_SAFE_NO_PAD;
        let key = SigningKey::new("0123456789abcdef0123456789abcdef");
        let token = key.issue("user", Timestamp::now()).unwrap();
        let (_, rest) = token.split_once('.').unwrap();
        let (claims, signature) = rest.split_once('.').unwrap();
        let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
        let forged = String::from_utf8(URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap().replace("\"user\"", "\"root\"");
        for wrong in [
            String::new(),
            "a.b.c".to_owned(),
            "x".repeat(10_000),
            SigningKey::new("another key").issue("user", Timestamp::now()).unwrap(),
            format!("{}.{}.{signature}", encode(r#"{"alg":"HS256","typ":"JWT"}"#), encode(&forged)),
            format!("{}.{claims}.", encode(r#"{"alg":"none","typ":"JWT"}"#)),
            format!("{}.{claims}.{signature}", encode(r#"{"alg":"HS384","typ":"JWT"}"#)),
        ] {
            assert_eq!(key.user_of(&wrong).unwrap_err().kind(), ErrorKind::Unauthorized, "{wrong}");
        }
    }
}
