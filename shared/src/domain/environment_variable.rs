//! Environment variables that a user gives a training script.

use std::collections::BTreeMap;

use crate::{Error, Result};

const MOST: usize = 100;
const LONGEST_TOTAL: usize = 32 * 1024;

/// Names, and beginnings of names, that would alter how programs are loaded, how Python starts, which AWS account or
/// platform is talked to, or how packages are fetched.
const REFUSED_NAMES: &[&str] = &[
    "PATH",
    "HOME",
    "SHELL",
    "IFS",
    "ENV",
    "BASH_ENV",
    "TMPDIR",
    "TMP",
    "TEMP",
    "USER",
    "LOGNAME",
    "_HANDLER",
    "VIRTUAL_ENV",
    "GCONV_PATH",
    "LOCPATH",
    "NLSPATH",
    "HOSTALIASES",
    "LOCALDOMAIN",
    "RES_OPTIONS",
    "MALLOC_TRACE",
    "NIS_PATH",
    "OPENSSL_CONF",
    "OPENSSL_MODULES",
    "SSLKEYLOGFILE",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
];
const REFUSED_PREFIXES: &[&str] =
    &["LD_", "DYLD_", "PYTHON", "AWS_", "LAMBDA_", "MLFLOW_", "UV_", "PIP_", "GLIBC_", "SERVEML_", "CODEBUILD_", "ECS_"];
/// MLflow's own switches that are the script's business, not the platform's.
const ALLOWED_NAMES: &[&str] =
    &["MLFLOW_RUN_NAME", "MLFLOW_HTTP_REQUEST_TIMEOUT", "MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING", "MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL"];

/// Environment variables, checked.
///
/// # Errors
/// `Unprocessable`, naming the variable, when there are too many, a name is not one, a value holds NUL, or the name is
/// one that would alter the loader, Python's start, credentials or the platform.
pub fn check(variables: &BTreeMap<String, String>) -> Result<()> {
    if variables.len() > MOST {
        return Err(Error::field("environment_vars", format!("must have at most {MOST} entries, not {}", variables.len())));
    }
    let total: usize = variables.iter().map(|(name, value)| name.len() + value.len()).sum();
    if total > LONGEST_TOTAL {
        return Err(Error::field("environment_vars", format!("must have at most {LONGEST_TOTAL} bytes in all, not {total}")));
    }
    for (name, value) in variables {
        let field = format!("environment_vars.{name}");
        let mut characters = name.chars();
        let begins = characters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_');
        if !begins || name.len() > 128 || !characters.all(|character| character.is_ascii_alphanumeric() || character == '_') {
            return Err(Error::field(
                "environment_vars",
                format!("{name:?} is not a variable name: letters, digits and _ only, at most 128"),
            ));
        }
        let upper = name.to_ascii_uppercase();
        let refused = REFUSED_NAMES.contains(&upper.as_str()) || REFUSED_PREFIXES.iter().any(|prefix| upper.starts_with(prefix));
        if refused && !ALLOWED_NAMES.contains(&upper.as_str()) {
            return Err(Error::field(
                &field,
                "is reserved: it would alter how the program is loaded, how Python starts, or which platform and credentials it uses",
            ));
        }
        if value.contains('\0') {
            return Err(Error::field(&field, "must not contain NUL characters"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(name: &str) -> BTreeMap<String, String> {
        BTreeMap::from([(name.to_owned(), "1".to_owned())])
    }

    #[test]
    fn the_loader_python_and_credentials_are_out_of_reach() {
        for bad in [
            "LD_PRELOAD",
            "ld_library_path",
            "DYLD_INSERT_LIBRARIES",
            "PYTHONPATH",
            "PYTHONSTARTUP",
            "PythonHome",
            "AWS_SECRET_ACCESS_KEY",
            "AWS_ENDPOINT_URL",
            "PATH",
            "BASH_ENV",
            "MLFLOW_TRACKING_URI",
            "MLFLOW_TRACKING_TOKEN",
            "UV_INDEX_URL",
            "PIP_INDEX_URL",
            "",
            "1A",
            "A-B",
            "A=B",
            "A B",
        ] {
            assert!(check(&one(bad)).is_err(), "{bad:?}");
        }
        for good in ["DATA_PATH", "N_ESTIMATORS", "LEARNING_RATE", "_x", "MLFLOW_RUN_NAME"] {
            assert!(check(&one(good)).is_ok(), "{good:?}");
        }
    }
}
