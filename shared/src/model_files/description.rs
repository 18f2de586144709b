//! What a model's folder says of the model: its `MLmodel` file, read as data and never executed.

use super::FLAVOR;
use crate::{Error, Result};
use saphyr::{LoadableYamlNode, Scalar, Yaml};
use serde_json::{Map, Value};

const DEEPEST: usize = 64;

/// An `MLmodel` file as JSON.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelDescription {
    /// Its `flavors`.
    pub flavors: Value,
    /// The version of MLflow that logged the model.
    pub mlflow_version: Option<String>,
}

impl ModelDescription {
    /// Reads the text of an `MLmodel` file.
    ///
    /// # Errors
    /// `BadRequest` when it cannot be understood.
    pub fn of_text(text: &str) -> Result<Self> {
        let unusable = |problem: String| Error::bad_request(format!("the model's MLmodel file cannot be used: {problem}"));
        let documents = Yaml::load_from_str(text).map_err(|error| unusable(error.to_string()))?;
        let description = documents.first().map_or(Value::Null, |document| json(document, 0));
        if !description["flavors"].is_object() {
            return Err(unusable("it names no flavors".to_owned()));
        }
        Ok(Self { flavors: description["flavors"].clone(), mlflow_version: description["mlflow_version"].as_str().map(str::to_owned) })
    }

    /// The class of the model, without its module, where its flavor tells it.
    pub fn model_type(&self) -> Option<String> {
        let flavors = self.flavors.as_object()?;
        let class = flavors.values().find_map(|flavor| flavor["model_class"].as_str())?;
        class.rsplit('.').next().map(str::to_owned)
    }

    /// The file that holds the model, within its folder, where its flavor names one.
    pub fn model_file(&self) -> Option<&str> {
        let flavors = self.flavors.as_object()?;
        let named = flavors.iter().filter(|(name, _)| *name != "python_function");
        let file = named.flat_map(|(_, flavor)| ["pickled_model", "data", "model_data"].map(|key| flavor[key].as_str())).flatten().next();
        file.filter(|file| !file.is_empty() && file.split('/').all(|part| !matches!(part, "" | "." | "..")))
    }

    /// The framework in a word: the one that a model file's flavor names, else the flavor that is not `python_function`.
    pub fn framework(&self) -> String {
        if let Some(framework) = self.flavors[FLAVOR]["framework"].as_str() {
            return framework.to_owned();
        }
        let flavors = self.flavors.as_object();
        let named = flavors.and_then(|flavors| flavors.keys().find(|name| *name != "python_function"));
        named.map_or_else(|| "python_function".to_owned(), Clone::clone)
    }
}

fn json(node: &Yaml<'_>, depth: usize) -> Value {
    if depth > DEEPEST {
        return Value::Null;
    }
    match node {
        Yaml::Value(Scalar::Boolean(value)) => Value::Bool(*value),
        Yaml::Value(Scalar::Integer(value)) => Value::from(*value),
        Yaml::Value(Scalar::FloatingPoint(value)) => Value::from(value.into_inner()),
        Yaml::Value(Scalar::String(value)) => Value::String(value.to_string()),
        Yaml::Sequence(items) => items.iter().map(|item| json(item, depth + 1)).collect(),
        Yaml::Mapping(entries) => {
            let entries = entries.iter().filter_map(|(key, value)| Some((key.as_str()?.to_owned(), json(value, depth + 1))));
            Value::Object(entries.collect::<Map<_, _>>())
        }
        _ => Value::Null,
    }
}
