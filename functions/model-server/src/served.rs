//! What this image serves: `model.json`, the MLflow model folder's `MLmodel`, and the deployment's environment.

use crate::signature::Signature;
use saphyr::{LoadableYamlNode, Scalar, Yaml};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};

/// The largest example that is read and shown.
const EXAMPLE_LIMIT: u64 = 256 * 1024;

/// Everything that is known of the model before it is loaded.
#[derive(Clone, Debug)]
pub struct Served {
    /// The folder with `model.json`, `model/` and `python/`.
    pub root: PathBuf,
    /// `model.json`.
    pub model: ModelFile,
    /// The `flavors` of `MLmodel`, as JSON.
    pub flavors: Value,
    /// The parsed signature of the inputs.
    pub signature: Signature,
    /// A request body that predicts (MLflow's `serving_input_example.json`), where the model has one.
    pub example: Option<Value>,
    /// The deployment's id, image digest and so on.
    pub deployment: Deployment,
}

/// The image's `model.json`.
#[derive(Clone, Debug, Deserialize)]
pub struct ModelFile {
    /// The engine that holds the model.
    #[serde(default = "python")]
    pub engine: String,
    pub model_name: String,
    pub model_version: String,
    #[serde(default)]
    pub framework: Option<String>,
    #[serde(default)]
    pub run_id: Option<String>,
    #[serde(default)]
    pub model_uri: Option<String>,
    #[serde(default)]
    pub created_at: Option<String>,
    #[serde(default)]
    pub python_version: Option<String>,
    /// `{"inputs": […], "outputs": […]}` or null.
    #[serde(default)]
    pub signature: Option<Value>,
}

fn python() -> String {
    "python".to_owned()
}

/// What the deployment's environment variables say.
#[derive(Clone, Debug, Default)]
pub struct Deployment {
    /// `DEPLOYMENT_ID`
    pub id: Option<String>,
    /// `IMAGE_DIGEST`
    pub image_digest: Option<String>,
}

/// Why the image cannot be served at all.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    #[error("cannot read {path}: {cause}")]
    Read { path: PathBuf, cause: std::io::Error },
    #[error("{path} is not what a model image holds: {problem}")]
    Content { path: PathBuf, problem: String },
}

impl Served {
    /// Reads the image's files below `root`. `MODEL_NAME` and `MODEL_VERSION` of the environment win over `model.json`.
    ///
    /// # Errors
    /// [`Broken`], where `model.json` or `model/MLmodel` is missing or cannot be understood.
    pub fn read(root: &Path) -> Result<Self, Broken> {
        let path = root.join("model.json");
        let content = |problem: String| Broken::Content { path: path.clone(), problem };
        let mut model: ModelFile = serde_json::from_str(&text(&path)?).map_err(|problem| content(problem.to_string()))?;
        let path = root.join("model/MLmodel");
        let content = |problem: String| Broken::Content { path: path.clone(), problem };
        let documents = Yaml::load_from_str(&text(&path)?).map_err(|problem| content(problem.to_string()))?;
        let description = documents.first().map_or(Value::Null, json);
        let flavors = description.get("flavors").cloned().unwrap_or(Value::Null);
        if !flavors.is_object() {
            return Err(content("it names no flavors".to_owned()));
        }
        if model.signature.as_ref().is_none_or(Value::is_null) {
            model.signature = written_signature(&description);
        }
        let inputs = model.signature.as_ref().and_then(|signature| signature.get("inputs"));
        let signature = inputs.map_or(Signature::None, Signature::parse);
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        if let Some(name) = variable("MODEL_NAME") {
            model.model_name = name;
        }
        if let Some(version) = variable("MODEL_VERSION") {
            model.model_version = version;
        }
        Ok(Self {
            example: example(&root.join("model")),
            deployment: Deployment { id: variable("DEPLOYMENT_ID"), image_digest: variable("IMAGE_DIGEST") },
            root: root.to_owned(),
            model,
            flavors,
            signature,
        })
    }
}

fn text(path: &Path) -> Result<String, Broken> {
    std::fs::read_to_string(path).map_err(|cause| Broken::Read { path: path.to_owned(), cause })
}

/// The signature that `MLmodel` holds: JSON texts inside the YAML.
fn written_signature(description: &Value) -> Option<Value> {
    let written = description.get("signature")?.as_object()?;
    let parsed: Map<String, Value> = written
        .iter()
        .map(|(key, value)| {
            let inner = value.as_str().and_then(|text| serde_json::from_str(text).ok());
            (key.clone(), inner.unwrap_or_else(|| value.clone()))
        })
        .collect();
    Some(Value::Object(parsed))
}

fn example(model: &Path) -> Option<Value> {
    let path = model.join("serving_input_example.json");
    let size = std::fs::metadata(&path).ok()?.len();
    (size <= EXAMPLE_LIMIT).then(|| serde_json::from_str(&std::fs::read_to_string(path).ok()?).ok()).flatten()
}

/// A YAML node as JSON. What JSON cannot hold becomes null.
fn json(node: &Yaml<'_>) -> Value {
    match node {
        Yaml::Value(Scalar::Boolean(value)) => Value::from(*value),
        Yaml::Value(Scalar::Integer(value)) => Value::from(*value),
        Yaml::Value(Scalar::FloatingPoint(value)) => Value::from(value.into_inner()),
        Yaml::Value(Scalar::String(value)) => Value::from(value.as_ref()),
        Yaml::Sequence(items) => items.iter().map(json).collect(),
        Yaml::Mapping(entries) => {
            let key = |node: &Yaml<'_>| match json(node) {
                Value::String(text) => text,
                other => other.to_string(),
            };
            Value::Object(entries.iter().map(|(name, value)| (key(name), json(value))).collect())
        }
        Yaml::Tagged(_, inner) => json(inner),
        _ => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn reads_what_mlflow_writes() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("model")).unwrap();
        std::fs::write(folder.path().join("model.json"), r#"{"model_name":"m","model_version":"3","signature":null}"#).unwrap();
        let yaml = "flavors:\n  sklearn:\n    code: null\n    pickled_model: model.pkl\n    sklearn_version: 1.9.1\n\
                    signature:\n  inputs: '[{\"type\": \"double\", \"name\": \"gr\\u00f6\\u00dfe\",\n    \"required\": true}]'\n  outputs: null\n";
        std::fs::write(folder.path().join("model/MLmodel"), yaml).unwrap();
        let served = Served::read(folder.path()).unwrap();
        assert_eq!(served.flavors["sklearn"]["pickled_model"], "model.pkl");
        assert!(served.flavors["sklearn"]["code"].is_null());
        let Signature::Columns(fields) = &served.signature else { panic!("{:?}", served.signature) };
        assert_eq!(fields[0].name, "größe");
        assert_eq!(served.model.engine, "python");
    }

    #[test]
    fn says_which_file_is_wrong() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Served::read(folder.path()).unwrap_err().to_string().contains("model.json"));
        std::fs::write(folder.path().join("model.json"), "{}").unwrap();
        assert!(Served::read(folder.path()).unwrap_err().to_string().contains("model_name"));
    }
}
