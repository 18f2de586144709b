//! What a recipe's manifest may say to the platform. Everything else in it is its maker's.
//!
//! | member | what it is |
//! |---|---|
//! | `training_script` (or `script`) | Python that a `train` run runs; without it runs are tracked by hand |
//! | `evaluation_script` | Python that `eval` and `backtest` runs run |
//! | `requirements` | the packages of both; without it those that the script names itself |
//! | `timeout_seconds` | after how many seconds a script is stopped |
//! | `dataset_schema` | the columns of the data |
//! | `target` | the column that is predicted |
//! | `parameters` | handed to the scripts |

use std::collections::BTreeMap;

use serde_json::Value;

use crate::domain::{requirement, script};
use crate::http::fields::Fields;
use crate::jobs::submit::TIMEOUT_SECONDS;

/// The most bytes that a manifest has.
pub const LONGEST_MANIFEST: usize = 1024 * 1024;
/// How many levels of lists and objects a manifest has at the most.
pub const DEEPEST: usize = 32;

/// A manifest.
#[derive(Debug, Clone, Copy)]
pub struct Manifest<'a>(pub &'a Value);

impl<'a> Manifest<'a> {
    fn text(self, member: &str) -> Option<&'a str> {
        self.0.get(member).and_then(Value::as_str).filter(|text| !text.trim().is_empty())
    }

    /// What a `train` run runs.
    pub fn training_script(self) -> Option<&'a str> {
        self.text("training_script").or_else(|| self.text("script"))
    }

    /// What `eval` and `backtest` runs run.
    pub fn evaluation_script(self) -> Option<&'a str> {
        self.text("evaluation_script")
    }

    /// The packages of its scripts.
    pub fn requirements(self) -> Option<Vec<String>> {
        let entries = self.0.get("requirements")?.as_array()?;
        Some(entries.iter().filter_map(Value::as_str).map(str::to_owned).collect())
    }

    /// After how many seconds a script is stopped.
    pub fn timeout_seconds(self) -> Option<i64> {
        self.0.get("timeout_seconds")?.as_i64()
    }

    /// The columns of its data.
    pub fn dataset_schema(self) -> Option<&'a Value> {
        self.0.get("dataset_schema").filter(|schema| schema.is_object())
    }

    /// The column that is predicted.
    pub fn target(self) -> Option<&'a str> {
        self.text("target")
    }

    /// What its scripts are handed.
    pub fn parameters(self) -> Value {
        self.0.get("parameters").cloned().unwrap_or_else(|| Value::Object(serde_json::Map::new()))
    }

    /// Notes what of it is not as the platform needs it; `field` holds it in the body.
    pub fn check(self, field: &str, fields: &mut Fields) {
        for member in ["training_script", "script", "evaluation_script"] {
            match self.0.get(member) {
                None | Some(Value::Null) => {}
                Some(Value::String(text)) => {
                    if text.len() > script::LONGEST_SCRIPT || text.contains('\0') {
                        fields.fault(&[field, member], "must be text without NUL characters", "value_error");
                    }
                }
                Some(_) => fields.fault(&[field, member], "str type expected", "type_error.string"),
            }
        }
        match self.0.get("requirements") {
            None | Some(Value::Null) => {}
            Some(Value::Array(entries)) if entries.iter().all(Value::is_string) => {
                if let Err(error) = requirement::check(&self.requirements().unwrap_or_default()) {
                    let message = error.fields().first().map_or(error.public_message(), |problem| &problem.message).to_owned();
                    fields.fault(&[field, "requirements"], message, "value_error");
                }
            }
            Some(Value::Array(_)) => fields.fault(&[field, "requirements"], "str type expected", "type_error.string"),
            Some(_) => fields.fault(&[field, "requirements"], "value is not a valid list", "type_error.list"),
        }
        match self.0.get("timeout_seconds") {
            None | Some(Value::Null) => {}
            Some(seconds) => match seconds.as_i64() {
                None => fields.fault(&[field, "timeout_seconds"], "value is not a valid integer", "type_error.integer"),
                Some(seconds) if !TIMEOUT_SECONDS.contains(&seconds) => {
                    let (least, most) = (TIMEOUT_SECONDS.start(), TIMEOUT_SECONDS.end());
                    fields.fault(&[field, "timeout_seconds"], format!("ensure this value is from {least} to {most}"), "value_error.number");
                }
                Some(_) => {}
            },
        }
        for member in ["dataset_schema", "parameters"] {
            if self.0.get(member).is_some_and(|value| !value.is_object() && !value.is_null()) {
                fields.fault(&[field, member], "value is not a valid dict", "type_error.dict");
            }
        }
    }
}

/// The fields of a dataset's schema with their types, in whichever of its forms it is written: `fields` or `columns` (a
/// list of objects with `name` and `type`, or an object), JSON Schema's `properties`, or the fields themselves.
pub fn field_types(schema: &Value) -> BTreeMap<String, String> {
    let described = fields_of(schema);
    described.into_iter().map(|(name, description)| (name, type_of(&description))).collect()
}

/// The fields of a dataset's schema, each with its description, in their order.
pub fn fields_of(schema: &Value) -> Vec<(String, Value)> {
    let container = ["fields", "columns", "properties"].iter().find_map(|member| schema.get(member)).unwrap_or(schema);
    match container {
        Value::Array(entries) => entries
            .iter()
            .filter_map(|entry| match entry {
                Value::String(name) => Some((name.clone(), Value::String("string".to_owned()))),
                entry => Some((entry.get("name")?.as_str()?.to_owned(), entry.clone())),
            })
            .collect(),
        Value::Object(members) => members
            .iter()
            .filter(|(_, description)| description.is_string() || description.is_object())
            .map(|(name, description)| (name.clone(), description.clone()))
            .collect(),
        _ => Vec::new(),
    }
}

/// The type of a field, by its description.
pub fn type_of(description: &Value) -> String {
    let named = match description {
        Value::String(kind) => Some(kind.as_str()),
        // JSON Schema's way to say that a value may be null.
        description => match description.get("type") {
            Some(Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).find(|kind| *kind != "null"),
            kind => kind.and_then(Value::as_str),
        },
    };
    named.unwrap_or("string").to_ascii_lowercase()
}
