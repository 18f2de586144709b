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

/// When an identifier was made, in milliseconds since 1970; `None` for text that is none of ours in its usual form.
pub fn milliseconds(id: &str) -> Option<i64> {
    let parsed = Uuid::try_parse(id).ok().filter(|uuid| uuid.get_version_num() == 7 && uuid.to_string() == id)?;
    i64::try_from(parsed.as_u128() >> 80).ok()
}

/// The least identifier of a moment, in milliseconds since 1970, as far as it tells the moment: what was made earlier sorts
/// before it, what was made then or later behind it.
pub fn beginning(milliseconds: i64) -> String {
    let moment = milliseconds.clamp(0, (1 << 48) - 1);
    format!("{:08x}-{:04x}-", moment >> 16, moment & 0xffff)
}

/// True for text that can be an identifier of either form; anything else cannot exist and needs no look-up.
pub fn is_id(text: &str) -> bool {
    matches!(text.len(), 32 | 36) && Uuid::try_parse(text).is_ok()
}
