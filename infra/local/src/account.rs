//! The account that the laptop cloud pretends to be: its number, region, resource names and the one key that opens it.

use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::atomic_file;

/// The number of the laptop's account.
pub const ACCOUNT_ID: &str = "000000000000";

/// The region used where the options name none.
pub const DEFAULT_REGION: &str = "us-east-1";

/// The access key that the functions of this cloud sign their calls with. It is random for each data folder, so that no
/// page in a browser and no other program can guess its way in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credentials {
    /// What a request names.
    pub access_key_id: String,
    /// What a request is signed with.
    pub secret_access_key: String,
}

impl Credentials {
    /// Reads the key of a data folder, or makes and stores one (readable by its owner only).
    pub fn load_or_create(data: &Path) -> io::Result<Self> {
        let path = data.join("credentials.json");
        match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| {
                io::Error::other(format!("{} cannot be read ({error}); delete it to have a new key made", path.display()))
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let credentials =
                    Self { access_key_id: format!("ASIA{}", random_hex(8).to_uppercase()), secret_access_key: random_hex(20) };
                atomic_file::write_private(&path, &serde_json::to_vec_pretty(&credentials)?)?;
                Ok(credentials)
            }
            Err(error) => Err(error),
        }
    }
}

/// `count` random bytes as lower-case hexadecimal.
pub fn random_hex(count: usize) -> String {
    let bytes: Vec<u8> = (0..count).map(|_| rand::random::<u8>()).collect();
    hex::encode(bytes)
}

/// An ARN in the laptop's account, for example `arn("lambda", region, "function:train")`.
pub fn arn(service: &str, region: &str, resource: &str) -> String {
    format!("arn:aws:{service}:{region}:{ACCOUNT_ID}:{resource}")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn credentials_are_made_once_for_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        let first = Credentials::load_or_create(folder.path()).unwrap();
        let second = Credentials::load_or_create(folder.path()).unwrap();
        assert_eq!(first, second);
        assert_eq!(first.access_key_id.len(), 20);
        assert_eq!(first.secret_access_key.len(), 40);
    }
}
