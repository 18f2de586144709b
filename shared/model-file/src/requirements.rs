use std::collections::BTreeSet;

use crate::inspection::{Framework, Inspection};

/// Import names and what their packages are called where they are installed from.
const PACKAGES: [(&str, &str); 11] = [
    ("catboost", "catboost"),
    ("imblearn", "imbalanced-learn"),
    ("joblib", "joblib"),
    ("keras", "keras"),
    ("lightgbm", "lightgbm"),
    ("numpy", "numpy"),
    ("pandas", "pandas"),
    ("scipy", "scipy"),
    ("sklearn", "scikit-learn"),
    ("torch", "torch"),
    ("torchvision", "torchvision"),
];

/// The requirements with which a model can most likely be loaded, for who names none: pinned to the version that the
/// file tells, without a version where it tells none. Sorted, without duplicates.
pub fn suggested_requirements(inspection: &Inspection) -> Vec<String> {
    let mut requirements = BTreeSet::new();
    let mut require = |import: &str, package: &str| {
        requirements.insert(match inspection.package_versions.get(import) {
            Some(version) if is_version(version) => format!("{package}=={version}"),
            _ => package.to_owned(),
        });
    };
    match inspection.framework {
        Framework::Onnx => require("onnxruntime", "onnxruntime"),
        Framework::Tensorflow => {
            require("keras", "keras");
            // Keras needs one of its backends; the file names the one it was made with.
            match inspection.package_versions.get("keras_backend").map(String::as_str) {
                Some("torch") => require("torch", "torch"),
                Some("jax") => require("jax", "jax"),
                _ => require("tensorflow", "tensorflow"),
            }
        }
        Framework::Pytorch => require("torch", "torch"),
        Framework::Sklearn => require("sklearn", "scikit-learn"),
        // Its scikit-learn interface needs scikit-learn, though the file may not import it.
        Framework::Xgboost if inspection.module.starts_with("xgboost.sklearn") => require("sklearn", "scikit-learn"),
        Framework::Lightgbm if inspection.module.starts_with("lightgbm.sklearn") => require("sklearn", "scikit-learn"),
        Framework::Xgboost | Framework::Lightgbm | Framework::Other => {}
    }
    for package in &inspection.packages {
        if package == "xgboost" {
            // From version 3 on the package without GPU code, which is far smaller, has every release too.
            let major = inspection.package_versions.get("xgboost").and_then(|version| version.split('.').next()?.parse().ok());
            require("xgboost", if major.is_some_and(|major: u32| major >= 3) { "xgboost-cpu" } else { "xgboost" });
        } else if let Some((import, name)) = PACKAGES.iter().find(|(import, _)| import == package) {
            // scikit-learn brings these at versions that fit it.
            let brought = matches!(*import, "numpy" | "scipy" | "joblib") && inspection.packages.contains("sklearn");
            if !brought {
                require(import, name);
            }
        }
    }
    requirements.into_iter().collect()
}

/// Whether it can stand in a requirement: files are hostile.
fn is_version(version: &str) -> bool {
    version.len() <= 40
        && version.starts_with(|first: char| first.is_ascii_digit())
        && version.chars().all(|character| character.is_ascii_alphanumeric() || matches!(character, '.' | '+' | '-' | '_'))
}
