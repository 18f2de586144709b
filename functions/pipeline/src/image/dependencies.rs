//! What a model needs to serve, from what it needed to be trained and logged, and the key under which its dependency
//! layer is kept.
//!
//! MLflow logs its own full distribution with every model: a web server, a database toolkit, a plotting library. Serving
//! needs none of it. A model whose flavor is loaded directly does without MLflow altogether; any other gets
//! `mlflow-skinny`, the same code without those dependencies.

use pep508_rs::{Requirement, VersionOrUrl};
use serde_json::Value;
use sha2::{Digest, Sha256};
use shared::model_files::FLAVOR;

use super::{BUILDER_FORMAT, ImageError, requirement};

/// The flavors that the model server's Python engine loads without MLflow.
const DIRECT_FLAVORS: [&str; 3] = ["sklearn", "xgboost", "lightgbm"];
/// What models use and often do not list, because every MLflow installation brings it.
const BROUGHT_BY_MLFLOW: [&str; 3] = ["cloudpickle", "numpy", "pandas"];
/// The distributions of MLflow itself.
const MLFLOW: [&str; 3] = ["mlflow", "mlflow-skinny", "mlflow-tracing"];

/// How the model server loads a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Loader {
    /// With the flavor's own package; lists the packages that this needs, with versions where the model tells them.
    Direct(Vec<String>),
    /// Through MLflow's `pyfunc`, with the model's MLflow version if it tells one.
    Pyfunc(Option<String>),
}

/// Chooses the loader as the model server does.
///
/// `flavors` is the `flavors` mapping of the model's `MLmodel` file; `mlflow_version` its field of that name.
pub fn loader(flavors: &Value, mlflow_version: Option<&str>) -> Loader {
    if let Some(file) = flavors.get(FLAVOR) {
        let packages = file["packages"].as_array().into_iter().flatten().filter_map(Value::as_str);
        return Loader::Direct(packages.map(str::to_owned).collect());
    }
    let module = flavors["python_function"]["loader_module"].as_str();
    let direct = DIRECT_FLAVORS
        .into_iter()
        .find(|name| flavors.get(name).is_some() && module.is_none_or(|module| module == format!("mlflow.{name}")));
    let Some(name) = direct else {
        return Loader::Pyfunc(mlflow_version.filter(|version| is_version(version)).map(str::to_owned));
    };
    let flavor = &flavors[name];
    let pinned = |package: &str, field: &str| match flavor[field].as_str() {
        Some(version) if is_version(version) => format!("{package}=={version}"),
        _ => package.to_owned(),
    };
    let mut packages = match name {
        "sklearn" => vec![pinned("scikit-learn", "sklearn_version")],
        "xgboost" => vec![pinned("xgboost", "xgb_version")],
        _ => vec![pinned("lightgbm", "lgb_version")],
    };
    // The estimators of these two packages are built upon scikit-learn, which the packages do not require themselves.
    if name != "sklearn" && flavor["model_class"].as_str().is_some_and(|class| class.contains(".sklearn.")) {
        packages.push("scikit-learn".to_owned());
    }
    if flavor["serialization_format"] == "skops" {
        packages.push("skops".to_owned());
    }
    Loader::Direct(packages)
}

/// A version that is published: digits and dots with a pre-release mark, nothing that a specifier could misread.
fn is_version(version: &str) -> bool {
    !version.is_empty() && version.len() < 50 && version.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'.')
}

/// The packages that go into a model's image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServingRequirements {
    /// One requirement a line, normalised, sorted, without repetition.
    pub lines: Vec<String>,
}

impl ServingRequirements {
    /// From the text of the model's `requirements.txt` and the way in which it is loaded.
    ///
    /// # Errors
    /// [`ImageError::Requirement`], naming the line, for anything but names and version specifiers.
    pub fn new(text: &str, loader: &Loader) -> Result<Self, ImageError> {
        let logged = requirement::read(text)?;
        let mut kept: Vec<Requirement> =
            logged.iter().filter(|requirement| !MLFLOW.contains(&requirement.name.as_ref())).cloned().collect();
        let mut added: Vec<String> = BROUGHT_BY_MLFLOW.into_iter().map(str::to_owned).collect();
        match loader {
            Loader::Direct(packages) => added.extend(packages.iter().cloned()),
            Loader::Pyfunc(version) => added.push(skinny(&logged, version.as_deref())),
        }
        for requirement in requirement::read(&added.join("\n"))? {
            if !kept.iter().any(|other| other.name == requirement.name) {
                kept.push(requirement);
            }
        }
        let mut lines: Vec<String> = kept.iter().map(requirement::written).collect();
        lines.sort();
        lines.dedup();
        Ok(Self { lines })
    }

    /// The name of the dependency layer that these requirements lead to: 64 hexadecimal digits.
    ///
    /// `python_version` is `3.11`; `platform` names machine and system, for example `x86_64-linux`. Where any of them or
    /// the builder's own form changes, the key does.
    pub fn cache_key(&self, python_version: &str, platform: &str) -> String {
        let mut hash = Sha256::new();
        for part in [&BUILDER_FORMAT.to_string(), python_version, platform].into_iter().chain(self.lines.iter().map(String::as_str)) {
            // No part can hold a line's end, so no two lists run into the same text.
            hash.update(part.as_bytes());
            hash.update(b"\n");
        }
        hex::encode(hash.finalize())
    }
}

/// `mlflow-skinny` with the version specifiers that the model has for MLflow, or with the version that logged it.
fn skinny(logged: &[Requirement], version: Option<&str>) -> String {
    let of_mlflow = logged.iter().filter(|requirement| MLFLOW[..2].contains(&requirement.name.as_ref()));
    let mut specifiers = of_mlflow.filter_map(|requirement| match &requirement.version_or_url {
        Some(VersionOrUrl::VersionSpecifier(specifiers)) => Some(specifiers.to_string()),
        _ => None,
    });
    match (specifiers.next_back(), version) {
        (Some(specifiers), _) => format!("mlflow-skinny{specifiers}"),
        (None, Some(version)) => format!("mlflow-skinny=={version}"),
        (None, None) => "mlflow-skinny".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;

    const LOGGED: &str = "mlflow==3.13.0\ncloudpickle==3.1.2\nnumpy==2.4.6\npandas==2.3.3\nscikit-learn==1.9.1\nscipy==1.17.1";

    fn lines(text: &str, loader: &Loader) -> Vec<String> {
        ServingRequirements::new(text, loader).unwrap().lines
    }

    #[test]
    fn a_model_that_is_loaded_directly_does_without_mlflow() {
        let flavors = json!({
            "python_function": {"loader_module": "mlflow.sklearn", "predict_fn": "predict"},
            "sklearn": {"sklearn_version": "1.9.1", "serialization_format": "cloudpickle"},
        });
        let loader = loader(&flavors, Some("3.13.0"));
        assert_eq!(loader, Loader::Direct(vec!["scikit-learn==1.9.1".into()]));
        assert_eq!(lines(LOGGED, &loader), ["cloudpickle==3.1.2", "numpy==2.4.6", "pandas==2.3.3", "scikit-learn==1.9.1", "scipy==1.17.1"]);
        assert_eq!(
            lines("mlflow", &loader),
            ["cloudpickle", "numpy", "pandas", "scikit-learn==1.9.1"],
            "what MLflow would have brought is there"
        );
    }

    #[test]
    fn estimators_built_upon_scikit_learn_get_it() {
        let of = |class: &str| loader(&json!({"xgboost": {"xgb_version": "3.2.0", "model_class": class}}), None);
        assert_eq!(of("xgboost.core.Booster"), Loader::Direct(vec!["xgboost==3.2.0".into()]));
        assert_eq!(of("xgboost.sklearn.XGBRegressor"), Loader::Direct(vec!["xgboost==3.2.0".into(), "scikit-learn".into()]));
        let lightgbm = json!({"lightgbm": {"lgb_version": "4.6.0 --x", "model_class": "lightgbm.sklearn.LGBMClassifier"}});
        assert_eq!(loader(&lightgbm, None), Loader::Direct(vec!["lightgbm".into(), "scikit-learn".into()]));
    }

    #[test]
    fn any_other_model_gets_mlflow_without_its_server() {
        let own = json!({"python_function": {"loader_module": "mlflow.pyfunc.model"}});
        assert_eq!(lines(LOGGED, &loader(&own, Some("3.13.0")))[1], "mlflow-skinny==3.13.0",);
        assert!(lines("numpy", &loader(&own, Some("3.9.0"))).contains(&"mlflow-skinny==3.9.0".to_owned()));
        assert!(lines("mlflow[extras]>=3,<4", &loader(&own, None)).contains(&"mlflow-skinny>=3,<4".to_owned()));
        let wrapped = json!({"python_function": {"loader_module": "my.loader"}, "sklearn": {}});
        assert!(matches!(loader(&wrapped, None), Loader::Pyfunc(None)));
    }

    #[test]
    fn the_key_depends_on_meaning_alone() {
        let loader = Loader::Direct(vec!["scikit-learn".into()]);
        let key = |text: &str| ServingRequirements::new(text, &loader).unwrap().cache_key("3.11", "x86_64-linux");
        assert_eq!(key("Scikit_Learn==1.9\nnumpy"), key("# x\nnumpy\n\nscikit-learn == 1.9  # y\nnumpy\n"));
        assert_ne!(key("numpy==1"), key("numpy==2"));
        let requirements = ServingRequirements::new("numpy", &loader).unwrap();
        let base = requirements.cache_key("3.11", "x86_64-linux");
        assert_eq!(base.len(), 64);
        assert_ne!(base, requirements.cache_key("3.12", "x86_64-linux"));
        assert_ne!(base, requirements.cache_key("3.11", "aarch64-linux"));
    }
}
