//! How the version numbers of recipes grow.
//!
//! The first version is `1.0.0`. After that, what changed decides:
//! - **major**: what a training stands on was removed or became something else: a script, the `target`, a field of
//!   `dataset_schema` (removed, or of another type);
//! - **minor**: something was added that was not there, or something else was removed;
//! - **patch**: only values changed (a script's text, a parameter, a requirement).

use std::collections::BTreeMap;

use serde_json::Value;

use super::manifest::{self, Manifest};

/// How far a version is from the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Growth {
    /// Values changed.
    Patch,
    /// Something was added.
    Minor,
    /// What stood on the version before may not stand on this one.
    Major,
}

/// The first version's number.
pub const FIRST: &str = "1.0.0";

/// The number behind `number`.
pub fn next(number: &str, growth: Growth) -> String {
    let mut parts = number.split('.').map(|part| part.parse::<u64>().unwrap_or(0));
    let mut part = || parts.next().unwrap_or(0);
    let (major, minor, patch) = (part(), part(), part());
    match growth {
        Growth::Major => format!("{}.0.0", major + 1),
        Growth::Minor => format!("{major}.{}.0", minor + 1),
        Growth::Patch => format!("{major}.{minor}.{}", patch + 1),
    }
}

/// What changed from one manifest to the next.
pub fn growth(before: &Value, after: &Value) -> Growth {
    let (old, new) = (Manifest(before), Manifest(after));
    let gone = |before: Option<&str>, after: Option<&str>| before.is_some() && after.is_none();
    let scripts_gone = gone(old.training_script(), new.training_script()) || gone(old.evaluation_script(), new.evaluation_script());
    let target_changed = old.target().is_some() && old.target() != new.target();
    if scripts_gone || target_changed || fields_broke(&field_types(&old), &field_types(&new)) {
        return Growth::Major;
    }
    if shape_differs(before, after) { Growth::Minor } else { Growth::Patch }
}

fn field_types(manifest: &Manifest<'_>) -> BTreeMap<String, String> {
    manifest.dataset_schema().map(manifest::field_types).unwrap_or_default()
}

fn fields_broke(before: &BTreeMap<String, String>, after: &BTreeMap<String, String>) -> bool {
    before.iter().any(|(name, kind)| after.get(name) != Some(kind))
}

/// True when a member was added or removed anywhere, or a list became longer or shorter.
fn shape_differs(before: &Value, after: &Value) -> bool {
    match (before, after) {
        (Value::Object(before), Value::Object(after)) => {
            before.len() != after.len()
                || before.iter().any(|(name, value)| after.get(name).is_none_or(|changed| shape_differs(value, changed)))
        }
        (Value::Array(before), Value::Array(after)) => {
            before.len() != after.len() || before.iter().zip(after).any(|(value, changed)| shape_differs(value, changed))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_grow_by_what_changed() {
        let manifest = json!({
            "training_script": "a", "target": "price", "parameters": { "depth": 3 },
            "dataset_schema": { "fields": [{ "name": "price", "type": "number" }, { "name": "segment", "type": "string" }] },
        });
        let changed = |path: &str, value: Value| {
            let mut changed = manifest.clone();
            match changed.pointer_mut(path) {
                Some(place) => *place = value,
                None => changed[path.trim_start_matches('/')] = value,
            }
            growth(&manifest, &changed)
        };
        assert_eq!(changed("/training_script", json!("b")), Growth::Patch);
        assert_eq!(changed("/parameters/depth", json!(4)), Growth::Patch);
        assert_eq!(changed("/requirements", json!(["pandas"])), Growth::Minor);
        assert_eq!(changed("/parameters", json!({ "depth": 3, "rate": 0.1 })), Growth::Minor);
        assert_eq!(changed("/target", json!("margin")), Growth::Major);
        assert_eq!(changed("/training_script", Value::Null), Growth::Major);
        assert_eq!(changed("/dataset_schema/fields/1/type", json!("integer")), Growth::Major);
        assert_eq!(changed("/dataset_schema/fields", json!([{ "name": "price", "type": "number" }])), Growth::Major);
        assert_eq!(growth(&manifest, &manifest), Growth::Patch);
        assert_eq!(
            (next("1.2.3", Growth::Minor), next("1.2.3", Growth::Major), next("1.2.3", Growth::Patch)),
            ("1.3.0".to_owned(), "2.0.0".to_owned(), "1.2.4".to_owned())
        );
    }
}
