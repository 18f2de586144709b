//! Names that users give, and their bounds.

use crate::{Error, Result};

/// The longest name of a model or an experiment, in characters; MLflow's registry has the same bound.
pub const LONGEST_NAME: usize = 256;

/// A registered model's name, checked.
///
/// # Errors
/// `Unprocessable`, naming `field`, when it is empty, too long, or holds what cannot stand in a path (`/`, `:`, control
/// characters), as in MLflow's registry.
pub fn check_model_name(field: &str, name: &str) -> Result<()> {
    check_text(field, name)?;
    match name.chars().find(|character| matches!(character, '/' | ':')) {
        Some(character) => Err(Error::field(field, format!("must not contain {character:?}"))),
        None => Ok(()),
    }
}

/// An experiment's name, checked.
///
/// # Errors
/// `Unprocessable`, naming `field`, when it is empty, too long or holds control characters.
pub fn check_experiment_name(field: &str, name: &str) -> Result<()> {
    check_text(field, name)
}

fn check_text(field: &str, name: &str) -> Result<()> {
    if name.trim().is_empty() {
        return Err(Error::field(field, "must not be empty"));
    }
    if name.trim() != name {
        return Err(Error::field(field, "must not begin or end with a space"));
    }
    let length = name.chars().count();
    if length > LONGEST_NAME {
        return Err(Error::field(field, format!("must have at most {LONGEST_NAME} characters, not {length}")));
    }
    if name.chars().any(char::is_control) {
        return Err(Error::field(field, "must not contain control characters"));
    }
    Ok(())
}

/// Tags of a model version, checked.
///
/// # Errors
/// `Unprocessable`, naming `field`, when there are too many or one is too long; MLflow's bounds.
pub fn check_tags(field: &str, tags: &std::collections::BTreeMap<String, String>) -> Result<()> {
    if tags.len() > 100 {
        return Err(Error::field(field, format!("must have at most 100 entries, not {}", tags.len())));
    }
    for (key, value) in tags {
        if key.is_empty() || key.chars().count() > 250 {
            return Err(Error::field(field, "each key must have 1 to 250 characters"));
        }
        if value.len() > 5000 {
            return Err(Error::field(&format!("{field}.{key}"), "must have at most 5000 bytes"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_bounds() {
        for good in ["churn_predictor", "Modèle 1", "a.b-c"] {
            assert!(check_model_name("model_name", good).is_ok(), "{good}");
        }
        for bad in ["", " ", " a", "a/b", "a:b", "a\nb", &"x".repeat(257)] {
            assert!(check_model_name("model_name", bad).is_err(), "{bad:?}");
        }
    }
}
