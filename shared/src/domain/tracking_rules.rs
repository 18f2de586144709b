//! What MLflow's tracking and registry take: names, lengths, how much at once. The messages are those that its clients
//! know.

use std::collections::BTreeMap;

use serde_json::Value;

use super::run::MetricPoint;
use crate::{Error, Result};

/// The most metrics in one batch.
pub const MOST_METRICS: usize = 1000;
/// The most params, and the most tags, in one batch.
pub const MOST_PARAMS_OR_TAGS: usize = 100;
/// The most of all three in one batch.
pub const MOST_ENTITIES: usize = 1000;
/// The largest batch in bytes.
pub const LARGEST_BATCH: usize = 1_000_000;

const LONGEST_KEY: usize = 250;
const LONGEST_PARAM: usize = 6000;
const LONGEST_TAG: usize = 8000;
const LONGEST_EXPERIMENT_NAME: usize = 500;
const LONGEST_EXPERIMENT_TAG: usize = 20_000;
const LONGEST_REGISTRY_TAG: usize = 100_000;
const LONGEST_ALIAS: usize = 255;
const LONGEST_MODEL_NAME: usize = 256;
const LONGEST_DESCRIPTION: usize = 100_000;
const LONGEST_LOCATION: usize = 2048;

const BAD_CHARACTERS: &str =
    "Names may only contain alphanumerics, underscores (_), dashes (-), periods (.), spaces ( ), colon(:) and slashes (/).";

/// MLflow's message about a value.
pub fn invalid_value(path: &str, value: &Value, message: &str) -> Error {
    let tail = if message.is_empty() { ".".to_owned() } else { format!(": {message}") };
    Error::bad_request(format!("Invalid value {value} for parameter '{path}' supplied{tail}"))
}

/// MLflow's message about a value that is missing.
pub fn missing_value(path: &str) -> Error {
    Error::bad_request(format!("Missing value for required parameter '{path}'."))
}

fn check_length(what: &str, limit: usize, text: &str) -> Result<()> {
    if text.chars().count() > limit {
        return Err(Error::bad_request(format!("'{what}' exceeds the maximum length of {limit} characters")));
    }
    Ok(())
}

/// The name as a path with its empty and dotted segments resolved, as POSIX does it.
fn normal_path(name: &str) -> String {
    let mut segments: Vec<&str> = Vec::new();
    let absolute = name.starts_with('/');
    for segment in name.split('/') {
        match segment {
            "" | "." => {}
            ".." if segments.last().is_some_and(|last| *last != "..") => {
                segments.pop();
            }
            ".." if absolute => {}
            other => segments.push(other),
        }
    }
    let path = segments.join("/");
    match (absolute, path.is_empty()) {
        (true, _) => format!("/{path}"),
        (false, true) => ".".to_owned(),
        (false, false) => path,
    }
}

fn check_unique_path(name: &str, path: &str) -> Result<()> {
    let normal = normal_path(name);
    if normal != name || normal == "." || normal.starts_with("..") || normal.starts_with('/') {
        let message = format!(
            "Names may be treated as files in certain cases, and must not resolve to other names when treated as such. This \
             name would resolve to '{normal}'"
        );
        return Err(invalid_value(path, &Value::from(name), &message));
    }
    Ok(())
}

/// The name of a metric, param or tag.
///
/// # Errors
/// `BadRequest` when it has other characters, or would name another file as a path.
pub fn check_entity_name(name: &str, path: &str) -> Result<()> {
    let good = |character: char| character.is_alphanumeric() || "/_.- :".contains(character);
    if !name.chars().all(good) {
        return Err(invalid_value(path, &Value::from(name), BAD_CHARACTERS));
    }
    check_unique_path(name, path)
}

fn inside(path: &str, field: &str) -> String {
    if path.is_empty() { field.to_owned() } else { format!("{path}.{field}") }
}

/// A value of a metric. `path` is where the metric is in the request, empty when it is the request.
///
/// # Errors
/// `BadRequest` when the name or the time is not one.
pub fn check_metric(name: &str, value: MetricPoint, path: &str) -> Result<()> {
    check_entity_name(name, &inside(path, "name"))?;
    if value.timestamp < 0 {
        let message = format!("metric '{name}' (value={}). Timestamp must be a nonnegative long (64-bit integer) ", value.value);
        return Err(invalid_value(&inside(path, "timestamp"), &Value::from(value.timestamp), &message));
    }
    check_length("Metric name", LONGEST_KEY, name)
}

/// The value that is kept of a metric: the infinities become the largest numbers.
pub fn kept_value(value: f64) -> f64 {
    if value.is_nan() { value } else { value.clamp(f64::MIN, f64::MAX) }
}

/// A param; its value is cut to its longest.
///
/// # Errors
/// `BadRequest` when the name is not one.
pub fn check_param(name: &str, value: &str, path: &str) -> Result<String> {
    check_entity_name(name, &inside(path, "key"))?;
    check_length("Param key", LONGEST_KEY, name)?;
    Ok(value.chars().take(LONGEST_PARAM).collect())
}

/// A tag of a run; its value is cut to its longest.
///
/// # Errors
/// `BadRequest` when the name is not one.
pub fn check_tag(name: &str, value: &str, path: &str) -> Result<String> {
    check_entity_name(name, &inside(path, "key"))?;
    check_length(&inside(path, "key"), LONGEST_KEY, name)?;
    Ok(value.chars().take(LONGEST_TAG).collect())
}

/// A tag of an experiment.
///
/// # Errors
/// `BadRequest` when the name is not one, or something is too long.
pub fn check_experiment_tag(name: &str, value: &str) -> Result<()> {
    check_entity_name(name, "key")?;
    check_length("key", LONGEST_KEY, name)?;
    check_length("value", LONGEST_EXPERIMENT_TAG, value)
}

/// A tag of a registered model or a version.
///
/// # Errors
/// `BadRequest` when the name is not one, or something is too long.
pub fn check_registry_tag(name: &str, value: &str) -> Result<()> {
    check_entity_name(name, "key")?;
    check_length("key", LONGEST_KEY, name)?;
    check_length("value", LONGEST_REGISTRY_TAG, value)
}

/// The tags of something new.
///
/// # Errors
/// `BadRequest` when there are very many, or for one as `check` says.
pub fn check_tags(tags: &BTreeMap<String, String>, check: impl Fn(&str, &str) -> Result<()>) -> Result<()> {
    if tags.len() > MOST_ENTITIES {
        return Err(Error::bad_request(format!("There can be at most {MOST_ENTITIES} tags. Got {} tags.", tags.len())));
    }
    tags.iter().try_for_each(|(name, value)| check(name, value))
}

/// A batch's size.
///
/// # Errors
/// `BadRequest` when there is too much of anything.
pub fn check_batch(metrics: usize, params: usize, tags: usize) -> Result<()> {
    for (what, limit, length) in [
        ("metrics", MOST_METRICS, metrics),
        ("params", MOST_PARAMS_OR_TAGS, params),
        ("tags", MOST_PARAMS_OR_TAGS, tags),
        ("metrics, params, and tags", MOST_ENTITIES, metrics + params + tags),
    ] {
        if length > limit {
            return Err(Error::bad_request(format!(
                "A batch logging request can contain at most {limit} {what}. Got {length} {what}. Please split up {what} \
                 across multiple requests and try again."
            )));
        }
    }
    Ok(())
}

/// The name of an experiment.
///
/// # Errors
/// `BadRequest` when it is empty or too long.
pub fn check_experiment_name(name: &str) -> Result<()> {
    if name.trim().is_empty() {
        return Err(Error::bad_request(format!("Invalid experiment name: '{name}'")));
    }
    check_length("name", LONGEST_EXPERIMENT_NAME, name)
}

/// An experiment's id: a whole number.
///
/// # Errors
/// `BadRequest` when it is something else.
pub fn check_experiment_id(id: &str) -> Result<()> {
    match id.parse::<i64>() {
        Ok(_) => Ok(()),
        Err(_) => Err(Error::bad_request(format!("Invalid experiment ID '{id}'. Experiment ID must be a valid integer."))),
    }
}

/// Where an experiment's artifacts go.
///
/// # Errors
/// `BadRequest` when it is too long, is a run's, or carries a query or a fragment.
pub fn check_artifact_location(location: &str) -> Result<()> {
    check_length("artifact_location", LONGEST_LOCATION, location)?;
    if location.starts_with("runs:") {
        return Err(Error::bad_request(format!("Artifact location cannot be a runs:/ URI. Given: '{location}'")));
    }
    if location.contains(['?', '#']) || location.split('/').any(|segment| segment == "..") || location.chars().any(char::is_control) {
        return Err(Error::bad_request(format!(
            "'artifact_location' URL can't include fragments or params, and no path that leads upwards. Given: '{location}'"
        )));
    }
    Ok(())
}

/// A run's id.
///
/// # Errors
/// `BadRequest` when it has other characters or is too long.
pub fn check_run_id(id: &str) -> Result<()> {
    let good = |character: char| character.is_alphanumeric() || "_-".contains(character);
    if id.len() > 256 || !id.chars().all(good) || !id.starts_with(|first: char| first.is_ascii_alphanumeric()) {
        return Err(invalid_value("run_id", &Value::from(id), ""));
    }
    Ok(())
}

/// The name of a registered model.
///
/// # Errors
/// `BadRequest` when it is empty, too long, or could not stand in a URI.
pub fn check_model_name(name: &str) -> Result<()> {
    if name.trim().is_empty() {
        return Err(missing_value("name"));
    }
    if name.contains(['/', ':']) {
        return Err(Error::bad_request(format!("Invalid model name '{name}'. Names cannot contain '/' or ':'.")));
    }
    check_unique_path(name, "name")?;
    if name.chars().any(char::is_control) {
        return Err(Error::bad_request(format!("Invalid model name {name:?}. Names cannot contain control characters.")));
    }
    check_length("name", LONGEST_MODEL_NAME, name)
}

/// The name of a logged model.
///
/// # Errors
/// `BadRequest` when it is empty, too long, or has characters that a URI or a file name could not.
pub fn check_logged_model_name(name: &str) -> Result<()> {
    if name.is_empty() || name.contains(['/', ':', '.', '%', '"', '\'']) {
        return Err(Error::bad_request(format!(
            "Invalid model name ({name:?}) provided. Model name must be a non-empty string and cannot contain the following \
             characters: ('/', ':', '.', '%', '\"', \"'\")"
        )));
    }
    check_length("name", LONGEST_EXPERIMENT_NAME, name)
}

/// A version's number.
///
/// # Errors
/// `BadRequest` when it is no whole number.
pub fn version_number(version: &str) -> Result<u64> {
    // A number below 1 can be asked for; there is none.
    let number: i64 =
        version.trim().parse().map_err(|_| Error::bad_request(format!("Parameter 'version' must be an integer, got '{version}'.")))?;
    Ok(u64::try_from(number).unwrap_or(0))
}

/// An alias.
///
/// # Errors
/// `BadRequest` when it is empty, too long or has other characters.
pub fn check_alias(alias: &str) -> Result<()> {
    if alias.is_empty() {
        return Err(Error::bad_request("Registered model alias name cannot be empty."));
    }
    if !alias.chars().all(|character| character.is_alphanumeric() || "_-".contains(character)) {
        return Err(Error::bad_request(format!(
            "Invalid alias name: '{alias}'. Names may only contain alphanumerics, underscores (_), and dashes (-)."
        )));
    }
    check_length("Registered model alias name", LONGEST_ALIAS, alias)
}

/// That an alias may be given: some have a meaning of their own.
///
/// # Errors
/// `BadRequest` when it may not.
pub fn check_alias_is_free(alias: &str) -> Result<()> {
    if alias.eq_ignore_ascii_case("latest") {
        return Err(Error::bad_request("'latest' alias name (case insensitive) is reserved."));
    }
    let digits = alias.strip_prefix(['v', 'V']);
    if digits.is_some_and(|digits| !digits.is_empty() && digits.chars().all(|digit| digit.is_ascii_digit())) {
        return Err(Error::bad_request(format!("Version alias name '{alias}' is reserved.")));
    }
    Ok(())
}

/// A description.
///
/// # Errors
/// `BadRequest` when it is too long.
pub fn check_description(description: &str) -> Result<()> {
    check_length("description", LONGEST_DESCRIPTION, description)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_would_be_other_files_are_refused() {
        for good in ["a", "a/b", "loss 1", "a.b-c_d:e", "été", "..a"] {
            // A name that begins with two dots is refused as MLflow refuses it.
            assert_eq!(check_entity_name(good, "key").is_ok(), good != "..a", "{good}");
        }
        for bad in ["", ".", "..", "/a", "a/", "a//b", "a/./b", "a/../b", "../a", "a$", "a\"b"] {
            assert!(check_entity_name(bad, "key").is_err(), "{bad}");
        }
    }

    #[test]
    fn lengths_are_counted_in_characters() {
        assert!(check_tag(&"é".repeat(250), "", "").is_ok());
        assert!(check_tag(&"é".repeat(251), "", "").is_err());
        assert_eq!(check_param("a", &"é".repeat(7000), "").map(|cut| cut.chars().count()).ok(), Some(6000));
    }

    #[test]
    fn some_aliases_are_reserved() {
        for (alias, free) in [("champion", true), ("Latest", false), ("v1", false), ("V22", false), ("v", true), ("v1a", true)] {
            assert_eq!(check_alias_is_free(alias).is_ok(), free, "{alias}");
        }
        assert!(check_alias("a b").is_err());
    }

    #[test]
    fn the_infinities_become_the_largest_numbers() {
        assert_eq!(kept_value(f64::INFINITY), f64::MAX);
        assert_eq!(kept_value(f64::NEG_INFINITY), f64::MIN);
        assert!(kept_value(f64::NAN).is_nan());
    }
}
