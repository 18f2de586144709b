//! One line of a model's requirements: a package's name with version specifiers, and nothing that could make the
//! installer do more.

use std::str::FromStr;

use pep508_rs::{Requirement, VerbatimUrl, VersionOrUrl};

use super::ImageError;

/// The longest line that is read, in bytes.
const LONGEST: usize = 1000;
/// The most lines that are read.
const MOST: usize = 1000;

/// The requirements in the text of a `requirements.txt`; comments and empty lines are passed over.
///
/// Refuses, naming the line: options (`-r`, `--index-url`, `-c`), paths, URLs, version-control references and what is no
/// requirement of PEP 508.
pub fn read(text: &str) -> Result<Vec<Requirement>, ImageError> {
    let mut requirements = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = without_comment(line);
        if line.is_empty() {
            continue;
        }
        if requirements.len() == MOST {
            return Err(ImageError::Requirement(format!("The model's requirements have more than {MOST} lines.")));
        }
        let requirement = read_line(line).map_err(|reason| {
            let shown: String = line.chars().take(80).flat_map(char::escape_debug).collect();
            ImageError::Requirement(format!(
                "Line {} of the model's requirements, \"{shown}\", {reason}. Log the model with names and version \
                 specifiers only, for example pip_requirements=[\"scikit-learn==1.7.0\"].",
                index + 1
            ))
        })?;
        requirements.push(requirement);
    }
    Ok(requirements)
}

/// pip's rule: a comment starts at the line's start or after a space.
fn without_comment(line: &str) -> &str {
    let end = line
        .match_indices('#')
        .find(|(index, _)| *index == 0 || line[..*index].ends_with(char::is_whitespace))
        .map_or(line.len(), |(index, _)| index);
    line[..end].trim()
}

fn read_line(line: &str) -> Result<Requirement, String> {
    if line.len() > LONGEST {
        return Err(format!("is longer than {LONGEST} bytes"));
    }
    if line.starts_with('-') || line.contains(" --") {
        return Err("is or has an option of pip, which is not followed".into());
    }
    if line.contains("://") || line.contains('@') {
        return Err("points at a URL, which is not followed".into());
    }
    if line.contains(['/', '\\']) || line.starts_with(['.', '~']) {
        return Err("is a path, which does not exist where the image is built".into());
    }
    let requirement = Requirement::<VerbatimUrl>::from_str(line)
        .map_err(|error| format!("is not a requirement: {}", error.to_string().lines().next().unwrap_or_default()))?;
    if matches!(requirement.version_or_url, Some(VersionOrUrl::Url(_))) {
        return Err("points at a file, which does not exist where the image is built".into());
    }
    Ok(requirement)
}

/// A requirement as it is written: one form for all spellings, so that two lists that mean the same are the same.
pub fn written(requirement: &Requirement) -> String {
    let mut requirement = requirement.clone();
    requirement.extras.sort();
    requirement.extras.dedup();
    requirement.to_string()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn requirements_as_mlflow_logs_them() {
        let text = "mlflow==3.13.0\n# a comment\n\ncloudpickle==3.1.2  # pinned\nnumpy==2.4.6\r\nscikit_learn [b, a] >= 1.9 ; python_version > '3.8'\nScipy";
        let read: Vec<String> = read(text).unwrap().iter().map(written).collect();
        assert_eq!(
            read,
            ["mlflow==3.13.0", "cloudpickle==3.1.2", "numpy==2.4.6", "scikit-learn[a,b]>=1.9 ; python_full_version >= '3.9'", "scipy"]
        );
    }

    #[test]
    fn lines_that_would_make_the_installer_do_more_are_refused() {
        for (line, reason) in [
            ("-r other.txt", "option"),
            ("-c constraints.txt", "option"),
            ("--index-url=https://host/simple", "option"),
            ("-e .", "option"),
            ("numpy --hash=sha256:00", "option"),
            ("https://host/numpy.whl", "URL"),
            ("git+https://host/repository", "URL"),
            ("numpy @ https://host/numpy.whl", "URL"),
            ("numpy @ file:///numpy.whl", "URL"),
            ("./numpy.whl", "path"),
            ("code/wheels/numpy-1.0-py3-none-any.whl", "path"),
            ("..", "path"),
            ("numpy==", "not a requirement"),
            ("numpy pandas", "not a requirement"),
            ("numpy\u{7}", "not a requirement"),
            ("numpy \\", "path"),
        ] {
            let error = read(&format!("pandas\n{line}")).unwrap_err();
            assert!(error.is_users());
            let error = error.to_string();
            assert!(error.contains(reason) && error.contains("Line 2"), "{line}: {error}");
        }
        assert!(read(&"n".repeat(1001)).is_err());
        assert!(read(&"numpy\n".repeat(1001)).is_err());
    }
}
