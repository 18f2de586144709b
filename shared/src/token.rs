//! Secrets that name their owner: made once, stored only as a hash, compared in constant time.

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// A new secret of 256 random bits as 64 hexadecimal digits.
pub fn new_secret() -> String {
    hex::encode(rand::random::<[u8; 32]>())
}

/// What is stored of a secret: its SHA-256 as hexadecimal digits. A random secret of 256 bits needs no slow hash.
pub fn hash(secret: &str) -> String {
    hex::encode(Sha256::digest(secret.as_bytes()))
}

/// True when `secret` is the one of which `stored_hash` is kept; takes the same time wherever they differ.
pub fn matches(secret: &str, stored_hash: &str) -> bool {
    hash(secret).as_bytes().ct_eq(stored_hash.as_bytes()).into()
}

/// A bearer token of a training job, `job.<job id>.<secret>`: it names the job it is good for.
pub fn job_token(job_id: &str, secret: &str) -> String {
    format!("job.{job_id}.{secret}")
}

/// The job id and the secret of a job's bearer token; `None` for any other text.
pub fn parse_job_token(token: &str) -> Option<(&str, &str)> {
    let (job_id, secret) = token.strip_prefix("job.")?.split_once('.')?;
    crate::id::is_id(job_id).then_some((job_id, secret))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_secret_itself_matches() {
        let secret = new_secret();
        assert!(matches(&secret, &hash(&secret)));
        assert!(!matches("", &hash(&secret)));
        assert!(!matches(&new_secret(), &hash(&secret)));
    }

    #[test]
    fn a_job_token_names_its_job() {
        let job_id = crate::id::new_id();
        assert_eq!(parse_job_token(&job_token(&job_id, "abc")), Some((job_id.as_str(), "abc")));
        assert_eq!(parse_job_token("job.not-an-id.abc"), None);
    }
}
