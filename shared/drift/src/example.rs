//! A profile of the input example that MLflow keeps with a model.

use crate::{Profile, ProfileBuilder};
use serde_json::{Map, Value};

impl Profile {
    /// The profile of an input example: a table in pandas's split orientation (`columns` and `data`, also under
    /// `dataframe_split`), a list of records or of rows, or columns by name, also under `inputs`. `None` where it is none of these.
    pub fn of_example(example: &Value) -> Option<Self> {
        let example =
            ["dataframe_split", "dataframe_records", "inputs", "instances"].iter().find_map(|key| example.get(key)).unwrap_or(example);
        let mut builder = ProfileBuilder::new();
        match example {
            Value::Object(table) => match (table.get("columns"), table.get("data")) {
                (Some(Value::Array(names)), Some(Value::Array(rows))) => {
                    let names: Vec<&str> = names.iter().map(|name| name.as_str().unwrap_or_default()).collect();
                    rows.iter()
                        .filter_map(Value::as_array)
                        .for_each(|row| builder.add_row(&named(row, |at| names.get(at).map(|name| (*name).to_owned()))));
                }
                (None, Some(Value::Array(rows))) => {
                    rows.iter().filter_map(Value::as_array).for_each(|row| builder.add_row(&named(row, numbered)));
                }
                _ => builder.add_columns(table),
            },
            Value::Array(rows) => {
                for row in rows {
                    match row {
                        Value::Object(record) => builder.add_row(record),
                        Value::Array(values) => builder.add_row(&named(values, numbered)),
                        _ => return None,
                    }
                }
            }
            _ => return None,
        }
        let profile = builder.finish();
        (!profile.features.is_empty()).then_some(profile)
    }
}

/// The name of a feature that has none.
fn numbered(at: usize) -> Option<String> {
    Some(format!("feature_{at}"))
}

fn named(row: &[Value], name: impl Fn(usize) -> Option<String>) -> Map<String, Value> {
    row.iter().enumerate().filter_map(|(at, value)| Some((name(at)?, value.clone()))).collect()
}
