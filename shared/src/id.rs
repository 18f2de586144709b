//! Identifiers: UUIDv7, so that they sort by the time they were made.

use uuid::Uuid;

/// A new identifier in its usual form, 36 characters with hyphens.
pub fn new_id() -> String {
    Uuid::now_v7().to_string()
}

/// A new identifier as 32 hexadecimal digits, the form of MLflow's run ids.
pub fn new_hexadecimal_id() -> String {
    Uuid::now_v7().simple().to_string()
}

/// True for text that can be an identifier of either form; anything else cannot exist and needs no look-up.
pub fn is_id(text: &str) -> bool {
    matches!(text.len(), 32 | 36) && Uuid::try_parse(text).is_ok()
}
