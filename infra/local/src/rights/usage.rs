//! Which rights of the template a run used, and which calls it refused: what shows rights that nobody needs.

use std::io;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};

use super::Role;
use super::refused::Refused;

/// Writes a report of its own into a folder, so that many runs can be read together.
pub fn write<'a>(folder: &Path, roles: impl Iterator<Item = &'a Arc<Role>>, refused: &[Refused]) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    let uses = |uses: &mut dyn Iterator<Item = (&str, u64)>| -> Value {
        uses.map(|(text, count)| (text.to_owned(), Value::from(count))).collect()
    };
    let roles: Vec<Value> = roles
        .flat_map(|role| role.statements.iter().map(move |statement| (role, statement)))
        .map(|(role, statement)| {
            json!({
                "owner": role.owner,
                "line": statement.line,
                "actions": uses(&mut statement.action_uses()),
                "resources": uses(&mut statement.resource_uses()),
            })
        })
        .collect();
    let refused: Vec<Value> =
        refused.iter().map(|refused| json!({ "caller": refused.caller, "action": refused.action, "resource": refused.resource })).collect();
    let report = json!({ "statements": roles, "refused": refused });
    std::fs::write(folder.join(format!("{}.json", uuid::Uuid::now_v7())), serde_json::to_vec_pretty(&report)?)
}
