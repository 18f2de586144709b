//! SHA-256 digests as images write them: `sha256:` and 64 lower-case hexadecimal digits.

use sha2::{Digest, Sha256};

/// The digest of bytes.
pub fn sha256(bytes: &[u8]) -> String {
    written(Sha256::new_with_prefix(bytes))
}

/// A finished hash in the written form.
pub fn written(hash: Sha256) -> String {
    format!("sha256:{}", hex::encode(hash.finalize()))
}

/// Whether a text is a digest in the written form.
pub fn is_digest(text: &str) -> bool {
    text.strip_prefix("sha256:").is_some_and(|hex| hex.len() == 64 && hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_written_as_images_write_them() {
        let empty = sha256(b"");
        assert_eq!(empty, "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        assert!(is_digest(&empty));
        for wrong in ["", "sha256:", "sha256:E3B0", &empty.to_uppercase(), &format!("{empty}0"), "../../etc/passwd"] {
            assert!(!is_digest(wrong), "{wrong}");
        }
    }
}
