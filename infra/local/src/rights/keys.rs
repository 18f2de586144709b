//! The keys that functions sign with: one for each, made from the account's, so that they outlive a restart as presigned
//! addresses do.

use sha2::{Digest, Sha256};

use crate::account::Credentials;

/// The key of a principal of an account.
pub fn derive(account: &Credentials, principal: &str) -> Credentials {
    Credentials {
        access_key_id: format!("ASIA{}", &hash(account, "id", principal)[..16].to_uppercase()),
        secret_access_key: hash(account, "secret", principal)[..40].to_owned(),
    }
}

fn hash(account: &Credentials, purpose: &str, principal: &str) -> String {
    let mut digest = Sha256::new();
    for part in [account.secret_access_key.as_str(), purpose, principal] {
        digest.update(part.len().to_be_bytes());
        digest.update(part);
    }
    hex::encode(digest.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_a_key_of_its_own_that_stays() {
        let account = Credentials { access_key_id: "A".into(), secret_access_key: "S".into() };
        assert_eq!(derive(&account, "f"), derive(&account, "f"));
        assert_ne!(derive(&account, "f").access_key_id, derive(&account, "g").access_key_id);
        assert_eq!((derive(&account, "f").access_key_id.len(), derive(&account, "f").secret_access_key.len()), (20, 40));
    }
}
