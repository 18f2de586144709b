//! Package requirements that a user gives: names and version specifiers, nothing that could make the installer do more.

use std::str::FromStr;

use pep508_rs::{Requirement, VerbatimUrl, VersionOrUrl};

use crate::{Error, Result};

const MOST: usize = 200;
const LONGEST: usize = 512;

/// The MLflow client that is added where the user named none. From 3.14 on `mlflow.sklearn.log_model` saves as skops by
/// default, which refuses a random forest; this is the newest line with which such a script works as written.
pub const DEFAULT_MLFLOW: &str = "mlflow>=3.13,<3.14";

/// Requirements, checked and normalised, in the order given, without repetition.
///
/// # Errors
/// `Unprocessable`, naming the line, for pip options, paths, URLs, version-control references, what is not a
/// requirement of PEP 508, and too many or too long lines.
pub fn check(requirements: &[String]) -> Result<Vec<String>> {
    if requirements.len() > MOST {
        return Err(Error::field("requirements", format!("must have at most {MOST} entries, not {}", requirements.len())));
    }
    let mut checked: Vec<String> = Vec::with_capacity(requirements.len());
    for (position, line) in requirements.iter().enumerate() {
        let requirement = check_one(line).map_err(|message| Error::field(&format!("requirements.{position}"), message))?;
        if !checked.contains(&requirement) {
            checked.push(requirement);
        }
    }
    Ok(checked)
}

/// The requirements of a training environment: the user's, and MLflow where none of them brings it.
pub fn with_mlflow(mut requirements: Vec<String>) -> Vec<String> {
    let named = requirements.iter().any(|requirement| {
        Requirement::<VerbatimUrl>::from_str(requirement)
            .is_ok_and(|requirement| matches!(requirement.name.as_ref(), "mlflow" | "mlflow-skinny" | "mlflow-tracing"))
    });
    if !named {
        requirements.push(DEFAULT_MLFLOW.to_owned());
    }
    requirements
}

fn check_one(line: &str) -> Result<String, String> {
    let line = line.trim();
    let shown: String = line.chars().take(80).collect();
    if line.is_empty() {
        return Err("must not be empty; name a package, for example \"scikit-learn==1.7.0\"".to_owned());
    }
    if line.len() > LONGEST {
        return Err(format!("must have at most {LONGEST} bytes"));
    }
    if line.chars().any(char::is_control) {
        return Err(format!("{shown:?} holds control characters; give one requirement per entry"));
    }
    if line.starts_with('-') {
        return Err(format!("{shown:?} is an option of pip; only package names and version specifiers are accepted"));
    }
    if line.contains("://") || line.contains('@') {
        return Err(format!("{shown:?} points at a URL; only package names and version specifiers are accepted"));
    }
    if line.starts_with(['.', '/', '~']) || line.contains(['/', '\\']) {
        return Err(format!("{shown:?} is a path; only package names and version specifiers are accepted"));
    }
    let requirement = Requirement::<VerbatimUrl>::from_str(line)
        .map_err(|error| format!("{shown:?} is not a requirement: {}", error.to_string().lines().next().unwrap_or_default()))?;
    if matches!(requirement.version_or_url, Some(VersionOrUrl::Url(_))) {
        return Err(format!("{shown:?} points at a file or URL; only package names and version specifiers are accepted"));
    }
    Ok(requirement.to_string())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn lines(lines: &[&str]) -> Vec<String> {
        lines.iter().map(|line| (*line).to_owned()).collect()
    }

    #[test]
    fn names_and_specifiers_pass() {
        let checked =
            check(&lines(&["scikit-learn==1.3.0", "xgboost>=2.0.0", "pandas", "s3fs", "uvicorn[standard]", "Pandas", " pandas "])).unwrap();
        assert_eq!(checked, ["scikit-learn==1.3.0", "xgboost>=2.0.0", "pandas", "s3fs", "uvicorn[standard]"]);
        assert!(check(&lines(&["numpy<2; python_version < '3.12'"])).is_ok());
    }

    #[test]
    fn nothing_else_does() {
        for bad in [
            "",
            "-r other.txt",
            "--index-url=http://evil",
            "-e .",
            "./local",
            "/etc/passwd",
            "..",
            "git+https://host/x",
            "pkg @ https://host/x.whl",
            "pkg @ file:///etc",
            "http://host/x.whl",
            "a b",
            "pkg==",
            "pkg\n--index-url=x",
            "model.whl/x",
            "~/x",
            "C:\\x",
        ] {
            assert!(check(&lines(&[bad])).is_err(), "{bad:?}");
        }
        assert!(check(&vec!["a".to_owned(); 201]).is_err());
    }

    #[test]
    fn mlflow_is_added_where_there_is_none() {
        assert_eq!(with_mlflow(lines(&["scikit-learn"])), ["scikit-learn", DEFAULT_MLFLOW]);
        assert_eq!(with_mlflow(lines(&["MLflow==3.18.0"])), ["MLflow==3.18.0"]);
    }
}
