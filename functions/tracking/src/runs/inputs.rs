//! The datasets and models that a run used, between their messages and the domain.

use serde_json::{Value, json};
use shared::domain::run::DatasetInput;
use shared::{Error, Result};

use crate::message::Message;
use crate::shapes;

const LONGEST_NAME: usize = 500;
const LONGEST_DIGEST: usize = 36;
const LONGEST_SOURCE: usize = 65_535;
const LONGEST_SCHEMA: usize = 1_048_575;
const LONGEST_PROFILE: usize = 16_777_215;
const LONGEST_TAG_KEY: usize = 255;
const LONGEST_TAG_VALUE: usize = 500;

/// Datasets as MLflow writes them.
pub fn shapes(inputs: Vec<DatasetInput>) -> Vec<Value> {
    inputs
        .into_iter()
        .map(|input| {
            let dataset = shapes::object(json!({
                "name": input.name,
                "digest": input.digest,
                "source_type": input.source_type,
                "source": input.source,
                "schema": input.schema,
                "profile": input.profile,
            }));
            shapes::object(json!({ "tags": shapes::pairs(&input.tags), "dataset": dataset }))
        })
        .collect()
}

/// The dataset that a message is; `path` is where it is in the request.
///
/// # Errors
/// `BadRequest` when a part is missing, too long, or not what it must be.
pub fn dataset(path: &str, message: &Message) -> Result<DatasetInput> {
    let dataset = message.message("dataset")?.ok_or_else(|| Error::bad_request("Dataset cannot be None"))?;
    let required = |name: &str| -> Result<String> {
        dataset.text(name)?.ok_or_else(|| Error::bad_request(format!("Dataset {name} cannot be None ({path})")))
    };
    let input = DatasetInput {
        name: required("name")?,
        digest: required("digest")?,
        source_type: required("source_type")?,
        source: required("source")?,
        schema: dataset.text("schema")?,
        profile: dataset.text("profile")?,
        tags: message.map("tags")?,
    };
    for (what, text, limit) in [
        ("name", Some(&input.name), LONGEST_NAME),
        ("digest", Some(&input.digest), LONGEST_DIGEST),
        ("source", Some(&input.source), LONGEST_SOURCE),
        ("schema", input.schema.as_ref(), LONGEST_SCHEMA),
        ("profile", input.profile.as_ref(), LONGEST_PROFILE),
    ] {
        if text.is_some_and(|text| text.chars().count() > limit) {
            return Err(Error::bad_request(format!("Dataset {what} exceeds the maximum length of {limit}")));
        }
    }
    for (key, value) in &input.tags {
        if key.chars().count() > LONGEST_TAG_KEY {
            return Err(Error::bad_request(format!("InputTag key exceeds the maximum length of {LONGEST_TAG_KEY}")));
        }
        if value.chars().count() > LONGEST_TAG_VALUE {
            return Err(Error::bad_request(format!("InputTag value exceeds the maximum length of {LONGEST_TAG_VALUE}")));
        }
    }
    Ok(input)
}
