//! What a version is made of, from the URI that a client names.

use shared::domain::artifact_uri;
use shared::domain::registered_model::{ModelVersion, Stage};
use shared::domain::tracking_rules as rules;
use shared::store::Store;
use shared::{Error, ErrorKind, Platform, Result};

use crate::access::Caller;
use crate::model_versions::stage;

/// What a version is made of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Source {
    /// The URI that the version keeps.
    pub uri: String,
    /// Where its files are under the artifact root; absent when they are somewhere else.
    pub artifact_path: Option<String>,
    /// Where its files are, where the URI names another version and they are somewhere else.
    pub location: Option<String>,
    /// The run that made it.
    pub run_id: Option<String>,
    /// The logged model.
    pub model_id: Option<String>,
}

impl Source {
    /// That the caller may register this.
    ///
    /// # Errors
    /// `Forbidden` when a job's script names something that its job did not make; `NotFound` when it is of a project of which
    /// the caller is no member.
    pub async fn check_access(&self, platform: &Platform, caller: &Caller) -> Result<()> {
        if let Some(path) = &self.artifact_path {
            caller.may_see_artifact(platform, path).await?;
        }
        match (caller, &self.artifact_path) {
            (Caller::Anyone(_), _) => Ok(()),
            (Caller::Job(_), Some(path)) => caller.may_write_artifact(platform, path).await,
            (Caller::Job(_), None) => {
                Err(Error::new(ErrorKind::Forbidden, "A training job registers what it logged itself; this source is somewhere else."))
            }
        }
    }
}

/// What a URI names: `models:/m-…` a logged model, `models:/<name>/<version>` (or a stage, `latest`, `@alias`) another
/// version, `runs:/<run>/<path>` and `mlflow-artifacts:/…` files under the artifact root, anything else files elsewhere.
///
/// # Errors
/// `BadRequest` when the URI cannot be one of a model, or contradicts `run_id` or `model_id`; `NotFound` when what it
/// names is not there.
pub async fn resolve(store: &Store, uri: &str, run_id: Option<String>, model_id: Option<String>) -> Result<Source> {
    let (run_id, model_id) = (run_id.filter(|id| !id.is_empty()), model_id.filter(|id| !id.is_empty()));
    check_text(uri)?;
    if let Some(path) = uri.strip_prefix("models:/") {
        let path = path.trim_start_matches('/');
        return match path.contains(['/', '@']) {
            true => of_version(store, uri, path, run_id, model_id).await,
            false => of_logged_model(store, uri, path, run_id, model_id).await,
        };
    }
    // What a client names beside the URI must be there; the run of a model is its source's.
    let run_id = match (run_id, &model_id) {
        (None, Some(model_id)) => store.logged_model(model_id).await?.and_then(|model| model.source_run_id),
        (run_id, _) => run_id,
    };
    if let Some(path) = uri.strip_prefix("runs:/") {
        // MLflow keeps the URI as it came and asks for no such run. Where there is one, its files are known.
        let path = path.trim_matches('/');
        let (source_run, below) = path.split_once('/').unwrap_or((path, ""));
        let run = store.run(source_run).await?;
        let location = run.as_ref().filter(|_| !below.is_empty()).map(|run| format!("{}/{below}", run.artifact_uri));
        let run_id = run_id.or(run.map(|run| run.id));
        let artifact_path = location.and_then(|location| artifact_uri::path(&location));
        return Ok(Source { uri: uri.to_owned(), artifact_path, run_id, model_id, location: None });
    }
    if uri.starts_with("mlflow-artifacts:") {
        // With a host in it (`mlflow-artifacts://host/path`) it names the same files.
        let path = uri.trim_start_matches("mlflow-artifacts:");
        let path = path.strip_prefix("//").map_or(path, |rest| rest.split_once('/').map_or("", |(_, path)| path));
        let path = path.split('/').filter(|segment| !segment.is_empty()).collect::<Vec<_>>().join("/");
        if !artifact_uri::is_plain(&path) {
            return Err(invalid(uri, "It leads out of the artifacts."));
        }
        return Ok(Source { uri: uri.to_owned(), artifact_path: Some(path), run_id, model_id, location: None });
    }
    Ok(Source { uri: uri.to_owned(), artifact_path: None, run_id, model_id, location: None })
}

fn check_text(uri: &str) -> Result<()> {
    if uri.len() > 2048 || uri.chars().any(char::is_control) {
        return Err(Error::bad_request("The source must be a URI of at most 2048 characters."));
    }
    let scheme = uri.split_once(':').map(|(scheme, _)| scheme);
    let is_scheme =
        |scheme: &str| scheme.len() > 1 && scheme.chars().all(|character| character.is_ascii_alphanumeric() || "+-.".contains(character));
    match scheme {
        Some(scheme) if is_scheme(scheme) && scheme != "file" => {}
        _ => {
            return Err(invalid(
                uri,
                "To use a local path as a model version source, the run_id request parameter has to be specified and the local \
                 path has to be contained within the artifact directory of the run specified by the run_id.",
            ));
        }
    }
    let decoded = decoded(uri);
    if uri.contains(['?', '#']) || decoded.contains(char::is_control) || decoded.split('/').any(|segment| matches!(segment, "." | "..")) {
        return Err(invalid(
            uri,
            "If supplying a source as an http, https, local file path, ftp, objectstore, or mlflow-artifacts uri, an absolute path must be provided without relative path references present. Please provide an absolute path.",
        ));
    }
    Ok(())
}

/// A text whose `%2f` and the like are read, as often as it takes: a path may not hide what it is.
fn decoded(text: &str) -> String {
    let mut text = text.to_owned();
    loop {
        let mut bytes = Vec::with_capacity(text.len());
        let mut rest = text.as_bytes();
        while let [first, after @ ..] = rest {
            let escaped = after.get(..2).filter(|_| *first == b'%').and_then(|digits| {
                digits.iter().try_fold(0, |value: u8, digit| Some((value << 4) | u8::try_from(char::from(*digit).to_digit(16)?).ok()?))
            });
            bytes.push(escaped.unwrap_or(*first));
            rest = if escaped.is_some() { &after[2..] } else { after };
        }
        let next = String::from_utf8_lossy(&bytes).into_owned();
        if next.len() >= text.len() {
            return next;
        }
        text = next;
    }
}

fn invalid(uri: &str, why: &str) -> Error {
    Error::bad_request(format!("Invalid model version source: '{uri}'. {why}"))
}

async fn of_logged_model(store: &Store, uri: &str, id: &str, run_id: Option<String>, model_id: Option<String>) -> Result<Source> {
    if model_id.as_deref().is_some_and(|named| named != id) {
        return Err(invalid(uri, "The model_id request parameter must identify the resource that contains the source."));
    }
    let model = store.logged_model(id).await?;
    let model = model.ok_or_else(|| Error::not_found(format!("Logged model with ID '{id}' not found.")))?;
    Ok(Source {
        uri: format!("models:/{id}"),
        artifact_path: model.artifact_path(),
        run_id: run_id.or(model.source_run_id),
        model_id: Some(model.id),
        location: None,
    })
}

async fn of_version(store: &Store, uri: &str, path: &str, run_id: Option<String>, model_id: Option<String>) -> Result<Source> {
    let version = named_version(store, uri, path).await?;
    let differs = |named: &Option<String>, held: &Option<String>| named.is_some() && named != held;
    if differs(&run_id, &version.run_id) || differs(&model_id, &version.model_id) {
        return Err(invalid(uri, "The run_id and model_id request parameters must match the referenced model version."));
    }
    Ok(Source {
        uri: format!("models:/{}/{}", version.model_name, version.version),
        location: match (&version.artifact_path, &version.model_id) {
            (None, None) => version.location.or(Some(version.source)),
            _ => None,
        },
        artifact_path: version.artifact_path,
        run_id: version.run_id,
        model_id: version.model_id,
    })
}

async fn named_version(store: &Store, uri: &str, path: &str) -> Result<ModelVersion> {
    let (name, version) = if let Some((name, which)) = path.split_once('/') {
        rules::check_model_name(name)?;
        let version = if which.eq_ignore_ascii_case("latest") {
            store.latest_version(name).await?
        } else if which.bytes().all(|byte| byte.is_ascii_digit()) && !which.is_empty() {
            store.model_version(name, rules::version_number(which)?).await?
        } else {
            let wanted: Stage = stage::of_name(which)?;
            store.latest_versions_of_model(name, &[wanted]).await?.pop()
        };
        (name, version)
    } else {
        let (name, alias) = path.rsplit_once('@').ok_or_else(|| invalid(uri, "It names no version."))?;
        rules::check_model_name(name)?;
        let model = store.registered_model(name).await?.ok_or_else(|| no_model(name))?;
        let version = match model.aliases.get(alias) {
            Some(number) => store.model_version(name, *number).await?,
            None => None,
        };
        (name, version)
    };
    match version {
        Some(version) => Ok(version),
        None if store.registered_model(name).await?.is_none() => Err(no_model(name)),
        None => Err(Error::not_found(format!(
            "Unable to fetch model from model URI source artifact location '{uri}': there is no such version."
        ))),
    }
}

/// That there is no registered model of a name.
pub fn no_model(name: &str) -> Error {
    Error::not_found(format!("Registered Model with name={name} not found"))
}
