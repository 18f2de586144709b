//! Rows made up from the schema of a dataset: types, ranges, categories, empty values. The schema itself is the seed, so the
//! same schema always gives the same rows.

use chacha20::ChaCha12Rng;
use chacha20::rand_core::{Rng as _, SeedableRng as _};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::manifest::{fields_of, type_of};
use crate::Timestamp;

/// How many rows are made where the schema's `rows` names no number.
pub const DEFAULT_ROWS: u64 = 100;
/// The most rows.
pub const MOST_ROWS: u64 = 10_000;
/// The most columns.
pub const MOST_COLUMNS: usize = 200;
/// The most values in all.
pub const MOST_VALUES: u64 = 100_000;
/// How many values of a field that may be empty are, where its description does not say.
const EMPTY_PART: f64 = 0.1;
const LONGEST_TEXT: u64 = 200;
/// 2024-01-01, from which dates are counted, in milliseconds since 1970.
const FIRST_DATE: i64 = 1_704_067_200_000;
const DAY: i64 = 86_400_000;

/// Something in a schema that no rows can be made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The field, and what of its description; empty where it is the schema itself.
    pub path: Vec<String>,
    /// What is wrong.
    pub message: String,
}

enum Kind {
    Integer { least: i64, most: i64 },
    Number { least: f64, most: f64 },
    Choice(Vec<Value>),
    Text { least: u64, most: u64 },
    Boolean,
    Date { with_time: bool },
}

struct Column {
    name: String,
    kind: Kind,
    empty_part: f64,
}

/// Rows that fit a schema, as objects.
///
/// # Errors
/// Everything in the schema that no rows can be made of.
pub fn rows(schema: &Value) -> Result<Vec<Value>, Vec<Fault>> {
    let mut faults = Vec::new();
    let mut fault = |path: &[&str], message: String| {
        faults.push(Fault { path: path.iter().map(|part| (*part).to_owned()).collect(), message });
    };
    let fields = fields_of(schema);
    if fields.is_empty() {
        fault(&[], "names no fields: give \"fields\", a list of objects with \"name\" and \"type\"".to_owned());
    }
    if fields.len() > MOST_COLUMNS {
        fault(&[], format!("has {} fields; at most {MOST_COLUMNS} are accepted", fields.len()));
    }
    let count = match schema.get("rows").filter(|rows| rows.is_number()) {
        None => DEFAULT_ROWS,
        Some(rows) => rows.as_u64().filter(|rows| (1..=MOST_ROWS).contains(rows)).unwrap_or_else(|| {
            fault(&["rows"], format!("must be a whole number from 1 to {MOST_ROWS}"));
            1
        }),
    };
    if count.saturating_mul(fields.len() as u64) > MOST_VALUES {
        fault(&[], format!("asks for {} values in all; at most {MOST_VALUES} are accepted", count.saturating_mul(fields.len() as u64)));
    }
    let mut columns = Vec::new();
    for (name, description) in fields.into_iter().take(MOST_COLUMNS) {
        match column(&name, &description) {
            Ok(column) => columns.push(column),
            Err((member, message)) => fault(&[&name, member], message),
        }
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    let mut source = ChaCha12Rng::from_seed(Sha256::digest(schema.to_string()).into());
    Ok((0..count)
        .map(|_| Value::Object(columns.iter().map(|column| (column.name.clone(), column.value(&mut source))).collect::<Map<_, _>>()))
        .collect())
}

fn column(name: &str, description: &Value) -> Result<Column, (&'static str, String)> {
    let named = |members: &[&str]| members.iter().find_map(|member| description.get(member)).filter(|value| !value.is_null());
    let number = |members: &[&str], default: f64| match named(members) {
        None => Ok(default),
        Some(value) => value.as_f64().ok_or(("type", format!("{} must be a number", members[0]))),
    };
    let may_be_null = description.get("type").and_then(Value::as_array).is_some_and(|kinds| kinds.iter().any(|kind| kind == "null"));
    let nullable = named(&["nullable"]).and_then(Value::as_bool).unwrap_or(may_be_null);
    let empty_part = match named(&["null_fraction", "null_rate", "null_probability"]) {
        Some(part) => {
            part.as_f64().filter(|part| (0.0..=1.0).contains(part)).ok_or(("null_fraction", "must be a number from 0 to 1".to_owned()))?
        }
        None if nullable => EMPTY_PART,
        None => 0.0,
    };
    let categories = match named(&["categories", "enum", "values", "choices"]) {
        None => None,
        Some(Value::Array(values)) if !values.is_empty() && values.len() <= 1000 => Some(values.clone()),
        Some(_) => return Err(("categories", "must be a list of 1 to 1000 values".to_owned())),
    };
    let kind = type_of(description);
    let kind = match (categories, kind.as_str()) {
        (Some(values), _) => Kind::Choice(values),
        (None, "integer" | "int" | "int32" | "int64" | "long" | "bigint") => {
            let (least, most) = range(number(&["min", "minimum"], 0.0)?, number(&["max", "maximum"], f64::NAN)?, 100.0)?;
            Kind::Integer { least: least.ceil() as i64, most: (most.floor() as i64).max(least.ceil() as i64) }
        }
        (None, "number" | "float" | "double" | "decimal" | "numeric" | "real" | "float32" | "float64") => {
            let (least, most) = range(number(&["min", "minimum"], 0.0)?, number(&["max", "maximum"], f64::NAN)?, 1.0)?;
            Kind::Number { least, most }
        }
        (None, "string" | "str" | "text" | "object" | "varchar") => match named(&["format"]).and_then(Value::as_str) {
            Some("date") => Kind::Date { with_time: false },
            Some("date-time") => Kind::Date { with_time: true },
            _ => {
                let length = |members: &[&str], default: u64| named(members).and_then(Value::as_u64).unwrap_or(default).min(LONGEST_TEXT);
                let least = length(&["min_length", "minLength"], 3);
                Kind::Text { least, most: length(&["max_length", "maxLength"], least.max(12)).max(least) }
            }
        },
        (None, "category" | "categorical" | "enum") => Kind::Choice(vec![json!("a"), json!("b"), json!("c")]),
        (None, "boolean" | "bool") => Kind::Boolean,
        (None, "date") => Kind::Date { with_time: false },
        (None, "datetime" | "timestamp" | "date-time") => Kind::Date { with_time: true },
        (None, other) => {
            let shown: String = other.chars().take(40).collect();
            let known = "integer, number, string, category, boolean, date, datetime";
            return Err(("type", format!("{shown:?} is not a type that rows can be made of; known are {known}")));
        }
    };
    Ok(Column { name: name.to_owned(), kind, empty_part })
}

/// The range from `least` to `most`; where no `most` is given, of the width.
fn range(least: f64, most: f64, width: f64) -> Result<(f64, f64), (&'static str, String)> {
    let most = if most.is_nan() { least + width } else { most };
    // Whole numbers are exact up to here.
    let bound = 9e15;
    if least > most || least < -bound || most > bound {
        return Err(("min", format!("must not be above max, and both must lie within {bound:e}")));
    }
    Ok((least, most))
}

/// A number from 0 to below 1.
fn part(source: &mut ChaCha12Rng) -> f64 {
    (source.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
}

/// A whole number from 0 to below `below`.
fn whole(source: &mut ChaCha12Rng, below: u64) -> u64 {
    (part(source) * below as f64) as u64
}

impl Column {
    fn value(&self, source: &mut ChaCha12Rng) -> Value {
        // Drawn in any case: whether one value is empty does not shift the others.
        let empty = part(source) < self.empty_part;
        let value = match &self.kind {
            Kind::Integer { least, most } => json!(least.saturating_add_unsigned(whole(source, most.abs_diff(*least).saturating_add(1)))),
            Kind::Number { least, most } => {
                let value = least + part(source) * (most - least);
                let rounded = (value * 1e4).round() / 1e4;
                json!(if (*least..=*most).contains(&rounded) { rounded } else { value })
            }
            Kind::Choice(values) => values[whole(source, values.len() as u64) as usize].clone(),
            Kind::Text { least, most } => {
                let length = least + whole(source, most - least + 1);
                json!((0..length).map(|_| char::from(b'a' + whole(source, 26) as u8)).collect::<String>())
            }
            Kind::Boolean => json!(source.next_u64() & 1 == 1),
            Kind::Date { with_time } => {
                let day = FIRST_DATE + DAY * whole(source, 731) as i64;
                let moment = if *with_time { day + whole(source, DAY as u64 / 1000) as i64 * 1000 } else { day };
                let text = Timestamp::from_milliseconds(moment).to_string();
                json!(if *with_time { text } else { text.chars().take(10).collect() })
            }
        };
        if empty { Value::Null } else { value }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn schema() -> Value {
        json!({ "rows": 500, "fields": [
            { "name": "price", "type": "number", "min": 5, "max": 20 },
            { "name": "stock", "type": "integer", "min": -3, "max": 3 },
            { "name": "segment", "type": "category", "categories": ["a", "b"], "nullable": true },
            { "name": "note", "type": "string", "max_length": 5 },
            { "name": "member", "type": "boolean" },
            { "name": "day", "type": "date" },
            { "name": "at", "type": "datetime", "null_fraction": 1 },
        ] })
    }

    #[test]
    fn rows_fit_their_schema_and_repeat() {
        let made = rows(&schema()).unwrap();
        assert_eq!(made.len(), 500);
        assert_eq!(made, rows(&schema()).unwrap());
        for row in &made {
            assert!((5.0..=20.0).contains(&row["price"].as_f64().unwrap()), "{row}");
            assert!((-3..=3).contains(&row["stock"].as_i64().unwrap()), "{row}");
            assert!(row["segment"].is_null() || row["segment"] == "a" || row["segment"] == "b", "{row}");
            assert!((3..=5).contains(&row["note"].as_str().unwrap().len()), "{row}");
            assert!(row["member"].is_boolean() && row["at"].is_null() && row["day"].as_str().unwrap().len() == 10, "{row}");
        }
        let empty = made.iter().filter(|row| row["segment"].is_null()).count();
        assert!((20..=90).contains(&empty), "{empty}");
        assert!(made.iter().any(|row| row["stock"] == 3) && made.iter().any(|row| row["stock"] == -3));
    }

    #[test]
    fn other_forms_are_read_too() {
        for schema in [
            json!({ "columns": [{ "name": "a", "type": "int" }] }),
            json!({ "properties": { "a": { "type": ["integer", "null"] } }, "required": [] }),
            json!({ "a": "integer" }),
            json!({ "a": { "type": "integer" } }),
        ] {
            let made = rows(&schema).unwrap();
            assert!(made.len() == 100 && made.iter().all(|row| row["a"].is_i64() || row["a"].is_null()), "{schema}");
        }
    }

    #[test]
    fn what_no_rows_can_be_made_of_is_told() {
        for (schema, path) in [
            (json!({}), vec![]),
            (json!({ "fields": [{ "name": "a", "type": "matrix" }] }), vec!["a", "type"]),
            (json!({ "fields": [{ "name": "a", "type": "number", "min": 2, "max": 1 }] }), vec!["a", "min"]),
            (json!({ "fields": [{ "name": "a", "type": "number", "max": 1e300 }] }), vec!["a", "min"]),
            (json!({ "fields": [{ "name": "a", "categories": [] }] }), vec!["a", "categories"]),
            (json!({ "fields": [{ "name": "a", "null_fraction": 2 }] }), vec!["a", "null_fraction"]),
            (json!({ "rows": 0, "fields": ["a"] }), vec!["rows"]),
            (json!({ "rows": 1_000_000_000, "fields": ["a"] }), vec!["rows"]),
        ] {
            assert_eq!(rows(&schema).unwrap_err()[0].path, path, "{schema}");
        }
        let many: Vec<Value> = (0..200).map(|at| json!({ "name": format!("c{at}"), "type": "integer" })).collect();
        assert!(rows(&json!({ "rows": 10_000, "fields": many })).is_err());
    }
}
