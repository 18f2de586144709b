//! The environment of a function's process: what Lambda sets, what the function's own configuration says, and nothing of
//! the user's but what downloads need.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::model::{Code, Version};
use crate::rights::Rights;

/// What the environments of all functions have in common.
#[derive(Debug, Clone)]
pub struct Common {
    /// The region.
    pub region: String,
    /// Whose key zip functions and builds sign with: each its own.
    pub rights: Arc<Rights>,
    /// The address of the cloud's AWS APIs.
    pub endpoint: String,
    /// The folder under which each function has its `TMPDIR`.
    pub temporary: PathBuf,
    /// The cache folder.
    pub cache: PathBuf,
}

/// The variables that a function may not set itself, as on Lambda.
const RESERVED: [&str; 3] = ["_HANDLER", "AWS_LAMBDA_RUNTIME_API", "LAMBDA_TASK_ROOT"];

impl Common {
    /// The variables of a process.
    ///
    /// `image` are an image's own variables; `layers` the folders of the function's layers, whose programs come first.
    /// A container function gets no key and no address of the AWS APIs: what it runs came from elsewhere.
    #[expect(clippy::too_many_arguments, reason = "each is one fact of the environment, and there is one caller")]
    pub fn variables(
        &self,
        function: &str,
        version: &Version,
        runtime_api: &str,
        log_stream: &str,
        provisioned: bool,
        layers: &[PathBuf],
        image: &[(String, String)],
    ) -> Vec<(OsString, OsString)> {
        let configuration = &version.configuration;
        let mut variables = self.base(&self.temporary.join(function));
        let mut set = |name: &str, value: &str| {
            variables.insert(name.into(), value.into());
        };
        for (name, value) in image {
            set(name, value);
        }
        for (name, value) in &configuration.environment {
            set(name, value);
        }
        for (name, value) in [
            ("AWS_LAMBDA_RUNTIME_API", runtime_api),
            ("AWS_LAMBDA_FUNCTION_NAME", function),
            ("AWS_LAMBDA_FUNCTION_VERSION", &version.version),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", &configuration.memory_size.to_string()),
            ("AWS_LAMBDA_LOG_GROUP_NAME", &configuration.log_group),
            ("AWS_LAMBDA_LOG_STREAM_NAME", log_stream),
            ("AWS_LAMBDA_INITIALIZATION_TYPE", if provisioned { "provisioned-concurrency" } else { "on-demand" }),
            ("AWS_REGION", &self.region),
            ("AWS_DEFAULT_REGION", &self.region),
        ] {
            set(name, value);
        }
        if let Code::Folder { task_root, .. } = &configuration.code {
            set("LAMBDA_TASK_ROOT", &task_root.to_string_lossy());
            set("LAMBDA_RUNTIME_DIR", &task_root.to_string_lossy());
            set("_HANDLER", configuration.handler.as_deref().unwrap_or_default());
            for (name, value) in self.aws_access(function) {
                set(name, &value);
            }
        }
        add_layers(&mut variables, layers);
        variables.into_iter().collect()
    }

    /// The variables of a process of a project's build: its own, and what lets it call AWS.
    pub fn build_variables(
        &self,
        project: &str,
        own: &BTreeMap<String, String>,
        temporary: &Path,
        layers: &[PathBuf],
    ) -> Vec<(OsString, OsString)> {
        let mut variables = self.base(temporary);
        variables.extend(self.aws_access(project).map(|(name, value)| (name.into(), value.into())));
        for (name, value) in [("AWS_REGION", &self.region), ("AWS_DEFAULT_REGION", &self.region)] {
            variables.insert(name.into(), value.into());
        }
        variables.extend(own.iter().map(|(name, value)| (name.into(), value.into())));
        add_layers(&mut variables, layers);
        variables.into_iter().collect()
    }

    /// What every process gets.
    fn base(&self, temporary: &Path) -> BTreeMap<OsString, OsString> {
        let wanted = |(name, _): &(OsString, OsString)| name.to_str().is_some_and(inherited);
        let mut variables: BTreeMap<OsString, OsString> = std::env::vars_os().filter(wanted).collect();
        variables.insert("LANG".into(), "en_US.UTF-8".into());
        variables.insert("TZ".into(), ":UTC".into());
        variables.insert("TMPDIR".into(), temporary.into());
        variables.insert("UV_CACHE_DIR".into(), self.cache.join("uv").into());
        variables
    }

    /// What lets a process of a function or a project call the cloud's AWS APIs.
    fn aws_access(&self, principal: &str) -> impl Iterator<Item = (&'static str, String)> {
        let credentials = self.rights.credentials(principal);
        [
            ("AWS_ACCESS_KEY_ID", credentials.access_key_id),
            ("AWS_SECRET_ACCESS_KEY", credentials.secret_access_key),
            ("AWS_SESSION_TOKEN", "laptop".to_owned()),
            ("AWS_ENDPOINT_URL", self.endpoint.clone()),
            // No look at a machine's metadata: this key is the only one.
            ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
        ]
        .into_iter()
    }
}

/// Whether a name may be among a function's own variables.
pub fn allowed(name: &str) -> bool {
    let mut characters = name.chars();
    characters.next().is_some_and(|first| first.is_ascii_alphabetic())
        && characters.all(|character| character.is_ascii_alphanumeric() || character == '_')
        && !RESERVED.contains(&name)
        && (!name.starts_with("AWS_LAMBDA_") || name == "AWS_LAMBDA_EXEC_WRAPPER")
}

/// What a process gets of the user's environment: what package downloads need.
fn inherited(name: &str) -> bool {
    let upper = name.to_ascii_uppercase();
    matches!(
        upper.as_str(),
        "HOME"
            | "HTTP_PROXY"
            | "HTTPS_PROXY"
            | "ALL_PROXY"
            | "NO_PROXY"
            | "SSL_CERT_FILE"
            | "SSL_CERT_DIR"
            | "REQUESTS_CA_BUNDLE"
            | "CURL_CA_BUNDLE"
    ) || (upper.starts_with("PIP_") && name == upper)
        || (upper.starts_with("UV_") && name == upper)
}

/// Puts the programs of layers first on the `PATH`.
fn add_layers(variables: &mut BTreeMap<OsString, OsString>, layers: &[PathBuf]) {
    let own = variables.remove(&OsString::from("PATH")).or_else(|| std::env::var_os("PATH"));
    variables.insert("PATH".into(), path(layers, own));
}

fn path(layers: &[PathBuf], own: Option<OsString>) -> OsString {
    let mut path = OsString::new();
    for folder in layers.iter().map(|layer| layer.join("bin")) {
        push(&mut path, &folder);
    }
    push(&mut path, Path::new(&own.unwrap_or_else(|| "/usr/local/bin:/usr/bin:/bin".into())));
    path
}

fn push(path: &mut OsString, entry: &Path) {
    if !path.is_empty() {
        path.push(":");
    }
    path.push(entry);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_users_environment_stays_out() {
        assert!(inherited("HTTPS_PROXY") && inherited("https_proxy") && inherited("UV_INDEX_URL") && inherited("HOME"));
        for name in ["AWS_PROFILE", "AWS_ACCESS_KEY_ID", "PYTHONPATH", "LD_PRELOAD", "SSH_AUTH_SOCK", "pip_x"] {
            assert!(!inherited(name), "{name}");
        }
    }

    #[test]
    fn reserved_names_are_not_a_functions_own() {
        assert!(allowed("MODEL_NAME"));
        for name in ["_HANDLER", "AWS_LAMBDA_RUNTIME_API", "1A", "", "A-B", "LAMBDA_TASK_ROOT"] {
            assert!(!allowed(name), "{name}");
        }
    }
}
