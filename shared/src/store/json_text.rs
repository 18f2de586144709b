//! JSON values kept as text. DynamoDB's numbers are decimals of 38 digits: `3.0` would come back as `3`, and `1e300` is none.

use serde_json::Value;

use crate::{Error, Result};

/// A value as text; `null` is kept as nothing.
pub(super) fn written(value: Option<&Value>) -> Option<String> {
    value.filter(|value| !value.is_null()).map(Value::to_string)
}

/// The value of a text; where there is none, what the item holds as DynamoDB has it: it is from before texts were kept.
///
/// # Errors
/// `Internal` when the text is no JSON, which this module never writes.
pub(super) fn read(text: Option<String>, otherwise: Option<Value>) -> Result<Option<Value>> {
    match text {
        Some(text) => serde_json::from_str(&text).map(Some).map_err(|error| Error::internal("reading a value of the table", error)),
        None => Ok(otherwise),
    }
}
