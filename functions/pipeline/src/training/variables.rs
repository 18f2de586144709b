//! The environment variables of a training script. Everything else of this program's environment stays here.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::Path;

use super::environment::Environment;
use super::protocol::Claim;

/// Variables of the machine that network access and time need.
const PASSED_ON: &[&str] = &[
    "TZ",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "LD_LIBRARY_PATH",
];

/// Artifacts from this size on are uploaded in parts by signed URLs: a request to a function carries 6 MB at the most,
/// of which base64 takes a quarter. In bytes.
const LARGEST_DIRECT_UPLOAD: u32 = 4 * 1024 * 1024;
/// The size of such a part in bytes; S3 wants 5 MB at the least.
const PART_SIZE: u32 = 16 * 1024 * 1024;

/// The variables that a script sees: the platform's, then the user's, which cannot be of the same names. `inherited` is
/// this program's environment.
pub fn of_script(
    claim: &Claim,
    environment: &Environment,
    work: &Path,
    temporary: &Path,
    api_url: &str,
    inherited: impl Iterator<Item = (OsString, OsString)>,
) -> BTreeMap<OsString, OsString> {
    let mut variables = BTreeMap::new();
    let mut path = environment.programs().into_os_string();
    let mut no_proxy = String::new();
    for (name, value) in inherited {
        let Some(text) = name.to_str() else { continue };
        match text {
            "PATH" => {
                path.push(":");
                path.push(&value);
            }
            "NO_PROXY" | "no_proxy" => no_proxy = value.to_string_lossy().into_owned(),
            _ if PASSED_ON.contains(&text) || is_for_the_users_data(text) => {
                variables.insert(name, value);
            }
            _ => {}
        }
    }
    // A proxy cannot reach the machine itself, which is where the platform is on a laptop.
    for host in ["localhost", "127.0.0.1"] {
        if !no_proxy.split(',').any(|known| known.trim() == host) {
            no_proxy = if no_proxy.is_empty() { host.to_owned() } else { format!("{no_proxy},{host}") };
        }
    }
    let mut set = |name: &str, value: &OsStr| variables.insert(name.into(), value.to_owned());
    set("PATH", &path);
    set("NO_PROXY", no_proxy.as_ref());
    set("no_proxy", no_proxy.as_ref());
    set("HOME", work.as_os_str());
    set("TMPDIR", temporary.as_os_str());
    set("VIRTUAL_ENV", environment.folder().as_os_str());
    let (smallest, part) = (LARGEST_DIRECT_UPLOAD.to_string(), PART_SIZE.to_string());
    for (name, value) in [
        ("LANG", "C.UTF-8"),
        ("PYTHONUNBUFFERED", "1"),
        ("PYTHONNOUSERSITE", "1"),
        ("PYTHONFAULTHANDLER", "1"),
        // A plot goes to a file: there is no screen.
        ("MPLBACKEND", "Agg"),
        // MLflow asks git for the script's commit; a machine without git is no trouble.
        ("GIT_PYTHON_REFRESH", "quiet"),
        ("MLFLOW_TRACKING_URI", api_url),
        ("MLFLOW_REGISTRY_URI", api_url),
        ("MLFLOW_TRACKING_TOKEN", &claim.token),
        ("MLFLOW_EXPERIMENT_NAME", &claim.experiment_name),
        ("MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD", "true"),
        ("MLFLOW_MULTIPART_UPLOAD_MINIMUM_FILE_SIZE", &smallest),
        ("MLFLOW_MULTIPART_UPLOAD_CHUNK_SIZE", &part),
        ("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false"),
        ("MLFLOW_DISABLE_TELEMETRY", "true"),
        // The links that MLflow prints lead to pages of its own server.
        ("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true"),
        ("MLFLOW_PRINT_MODEL_URLS_ON_CREATION", "false"),
    ] {
        set(name, value.as_ref());
    }
    if let Some(run_id) = &claim.run_id {
        // `mlflow.start_run()` goes on with this run instead of beginning another.
        variables.insert("MLFLOW_RUN_ID".into(), run_id.into());
    }
    variables.extend(claim.environment_vars.iter().map(|(name, value)| (name.into(), value.into())));
    variables
}

/// The variables through which AWS's libraries find region, credentials and endpoints: a script may read its user's data
/// with the role that it shares. What belongs to the function itself stays here.
fn is_for_the_users_data(name: &str) -> bool {
    name.starts_with("AWS_") && !name.starts_with("AWS_LAMBDA_")
}

/// True when a URL leads to this machine itself.
pub fn is_this_machine(url: &str) -> bool {
    let host = url.split_once("://").map_or(url, |(_, rest)| rest);
    let host = host.split(['/', '?']).next().unwrap_or_default();
    let host = if host.starts_with('[') { host } else { host.rsplit_once(':').map_or(host, |(host, _)| host) };
    host == "localhost" || host.starts_with("127.") || host.starts_with("[::1]")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim() -> Claim {
        Claim {
            token: "job.1.secret".to_owned(),
            attempt: 1,
            script_url: String::new(),
            script_name: "train.py".to_owned(),
            requirements: Vec::new(),
            environment_vars: BTreeMap::from([("N_SAMPLES".to_owned(), "200".to_owned())]),
            timeout_seconds: 60,
            experiment_name: "churn".to_owned(),
            run_id: None,
            files: Vec::new(),
        }
    }

    #[test]
    fn a_script_sees_what_it_needs_and_nothing_else() {
        let inherited = [
            ("PATH", "/opt/bin:/usr/bin"),
            ("API_URL", "http://localhost:8000"),
            ("TICKET", "secret"),
            ("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9"),
            ("AWS_ACCESS_KEY_ID", "key"),
            ("AWS_REGION", "us-east-1"),
            ("PYTHONPATH", "/elsewhere"),
            ("SECRET_OF_THE_USER", "x"),
            ("https_proxy", "http://proxy:3128"),
            ("NO_PROXY", "example.com"),
        ];
        let inherited = inherited.into_iter().map(|(name, value)| (OsString::from(name), OsString::from(value)));
        let environment = Environment::at("/cache/environments/abc".into());
        let variables = of_script(&claim(), &environment, "/work".as_ref(), "/work/tmp".as_ref(), "http://localhost:8000", inherited);
        let get = |name: &str| variables.get(OsStr::new(name)).and_then(|value| value.to_str());
        assert_eq!(get("PATH"), Some("/cache/environments/abc/bin:/opt/bin:/usr/bin"));
        assert_eq!(get("HOME"), Some("/work"));
        assert_eq!(get("TMPDIR"), Some("/work/tmp"));
        assert_eq!(get("MLFLOW_TRACKING_URI"), Some("http://localhost:8000"));
        assert_eq!(get("MLFLOW_TRACKING_TOKEN"), Some("job.1.secret"));
        assert_eq!(get("MLFLOW_EXPERIMENT_NAME"), Some("churn"));
        assert_eq!(get("N_SAMPLES"), Some("200"));
        assert_eq!(get("AWS_ACCESS_KEY_ID"), Some("key"));
        assert_eq!(get("https_proxy"), Some("http://proxy:3128"));
        assert_eq!(get("no_proxy"), Some("example.com,localhost,127.0.0.1"));
        for absent in ["API_URL", "TICKET", "AWS_LAMBDA_RUNTIME_API", "PYTHONPATH", "SECRET_OF_THE_USER"] {
            assert_eq!(get(absent), None, "{absent}");
        }
    }

    #[test]
    fn this_machine_is_known_by_its_names() {
        for url in ["http://localhost:8000", "http://127.0.0.1:9/x", "http://[::1]:80", "https://localhost"] {
            assert!(is_this_machine(url), "{url}");
        }
        for url in ["https://abc.execute-api.us-east-1.amazonaws.com", "http://localhost.example.com", "http://10.0.0.1:8000"] {
            assert!(!is_this_machine(url), "{url}");
        }
    }
}
