//! What Lambda knows of a function: its versions, aliases, addresses and limits.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::account::arn;
use crate::template::Cors;

/// The name of the version that changes.
pub const LATEST: &str = "$LATEST";

/// A function.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Function {
    /// Its name.
    pub name: String,
    /// Whether the template made it: then it is not kept on disk.
    pub from_template: bool,
    /// The version that changes.
    pub latest: Version,
    /// The published versions by number.
    pub versions: BTreeMap<u64, Version>,
    /// The number of the next version.
    pub next_version: u64,
    /// The aliases by name.
    pub aliases: BTreeMap<String, Alias>,
    /// The function URLs by qualifier ([`LATEST`] for none).
    pub urls: BTreeMap<String, FunctionUrl>,
    /// Statements of the resource policy by qualifier.
    pub permissions: BTreeMap<String, Vec<Value>>,
    /// How many may run at once, if that is bounded.
    pub reserved_concurrency: Option<u32>,
    /// How many are kept ready, by qualifier (a version's number or an alias).
    pub provisioned: BTreeMap<String, u32>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// How often an asynchronous call that failed is tried again.
    pub maximum_retry_attempts: u8,
}

/// A version: code and configuration, fixed once published.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Version {
    /// [`LATEST`] or the number.
    pub version: String,
    /// What runs and how.
    pub configuration: Configuration,
    /// Changes whenever anything of it changes.
    pub revision_id: String,
    /// When that was, as Lambda writes it.
    pub last_modified: String,
    /// Where its making stands.
    pub state: State,
    /// Where the last change of it stands.
    pub last_update: Update,
}

/// What a version runs, and how.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Configuration {
    /// What it does, in a person's words.
    pub description: String,
    /// The role's ARN.
    pub role: String,
    /// The code.
    pub code: Code,
    /// `_HANDLER`; zip functions only.
    pub handler: Option<String>,
    /// Megabytes.
    pub memory_size: u32,
    /// Seconds.
    pub timeout: u32,
    /// Megabytes of `/tmp`.
    pub ephemeral_storage: u32,
    /// `arm64` or `x86_64`.
    pub architecture: String,
    /// Its own variables.
    pub environment: BTreeMap<String, String>,
    /// ARNs of layers.
    pub layers: Vec<String>,
    /// Where its log goes.
    pub log_group: String,
}

/// Where a function's code comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum Code {
    /// A folder of the project, whose name the program is started under.
    Folder {
        /// `LAMBDA_TASK_ROOT`.
        task_root: PathBuf,
        /// The name of the program.
        program: String,
    },
    /// A container image of the account's registry.
    Image {
        /// As it was given: with a tag or a digest.
        uri: String,
        /// With its digest.
        resolved_uri: String,
    },
}

/// Lambda's `State`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum State {
    Pending,
    Active,
    /// With the reason's code and text.
    Failed(String, String),
}

/// Lambda's `LastUpdateStatus`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Update {
    Successful,
    InProgress,
    /// With the reason's code and text.
    Failed(String, String),
}

/// A name for a version, or for two with weights.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alias {
    /// The version it names.
    pub version: String,
    /// What it is for.
    pub description: String,
    /// Other versions and the share (0 to 1) of calls that they get.
    pub weights: BTreeMap<String, f64>,
    /// Changes whenever it changes.
    pub revision_id: String,
}

/// An address of a function on the laptop.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FunctionUrl {
    /// Its port on `localhost`.
    pub port: u16,
    /// `NONE` or `AWS_IAM`.
    pub auth_type: String,
    /// What pages of other origins may do.
    pub cors: Option<StoredCors>,
    /// When it was made, as Lambda writes it.
    pub creation_time: String,
    /// When it was last changed.
    pub last_modified_time: String,
}

/// A function URL's `Cors`, as its API has it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct StoredCors {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allow_origins: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allow_methods: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allow_headers: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub expose_headers: Vec<String>,
    #[serde(default)]
    pub allow_credentials: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_age: Option<u64>,
}

impl From<&StoredCors> for Cors {
    fn from(cors: &StoredCors) -> Self {
        Self {
            allow_origins: cors.allow_origins.clone(),
            allow_methods: cors.allow_methods.clone(),
            allow_headers: cors.allow_headers.clone(),
            expose_headers: cors.expose_headers.clone(),
            allow_credentials: cors.allow_credentials,
            max_age: cors.max_age,
        }
    }
}

impl Function {
    /// Its ARN, with a qualifier where one is given.
    pub fn arn(&self, region: &str, qualifier: Option<&str>) -> String {
        function_arn(region, &self.name, qualifier)
    }

    /// The version with a label: [`LATEST`] or a number.
    pub fn version(&self, label: &str) -> Option<&Version> {
        if label == LATEST { Some(&self.latest) } else { self.versions.get(&label.parse().ok()?) }
    }

    /// The label of the version that a qualifier means now: itself, or what an alias names, by its weights.
    pub fn choose_version<'a>(&'a self, qualifier: &'a str) -> Option<&'a str> {
        let Some(alias) = self.aliases.get(qualifier) else { return Some(qualifier) };
        if alias.weights.is_empty() {
            return Some(&alias.version);
        }
        let mut point: f64 = rand::random();
        for (version, weight) in &alias.weights {
            if point < *weight {
                return Some(version);
            }
            point -= weight;
        }
        Some(&alias.version)
    }

    /// How many environments of each version are to be kept ready.
    pub fn provisioned_by_version(&self) -> BTreeMap<String, u32> {
        let mut targets: BTreeMap<String, u32> = BTreeMap::new();
        for (qualifier, count) in &self.provisioned {
            let version = self.aliases.get(qualifier).map_or(qualifier.as_str(), |alias| alias.version.as_str());
            *targets.entry(version.to_owned()).or_default() += count;
        }
        targets
    }
}

impl Code {
    /// Lambda's `PackageType`.
    pub fn package_type(&self) -> &'static str {
        match self {
            Self::Folder { .. } => "Zip",
            Self::Image { .. } => "Image",
        }
    }

    /// Lambda's `CodeSha256`.
    pub fn sha256(&self) -> String {
        match self {
            Self::Folder { task_root, .. } => {
                use base64::Engine;
                use sha2::Digest;
                let digest = sha2::Sha256::digest(task_root.to_string_lossy().as_bytes());
                base64::engine::general_purpose::STANDARD.encode(digest)
            }
            Self::Image { resolved_uri, .. } => {
                resolved_uri.rsplit_once("@sha256:").map(|(_, digest)| digest.to_owned()).unwrap_or_default()
            }
        }
    }
}

/// A function's ARN, with a qualifier where one is given.
pub fn function_arn(region: &str, name: &str, qualifier: Option<&str>) -> String {
    let qualifier = qualifier.map(|qualifier| format!(":{qualifier}")).unwrap_or_default();
    arn("lambda", region, &format!("function:{name}{qualifier}"))
}

/// Now, as Lambda writes it: `2024-05-01T12:00:00.000+0000`.
pub fn now() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S%.3f+0000").to_string()
}

/// A new revision id.
pub fn revision() -> String {
    uuid::Uuid::now_v7().to_string()
}
