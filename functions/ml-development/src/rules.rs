//! Bounds and rules that several routes share.

use shared::Request;
use shared::http::fields::Fields;

/// The longest body, in bytes: a manifest of a megabyte and what is around it.
pub const LONGEST_BODY: usize = 5 * 1024 * 1024;
/// The longest name, in characters.
pub const LONGEST_NAME: usize = 256;
const MOST_TAGS: usize = 50;
const LONGEST_TAG: usize = 100;

/// A recipe's name from a body.
pub fn recipe_name(fields: &mut Fields, required: bool) -> Option<String> {
    if required {
        fields.require("name");
    }
    let name = fields.text("name", 1..=LONGEST_NAME)?;
    if name.trim() != name || name.chars().any(char::is_control) {
        fields.fault(&["name"], "must not begin or end with a space or contain control characters", "value_error");
    }
    Some(name)
}

/// Tags from a body.
pub fn tags(fields: &mut Fields) -> Option<Vec<String>> {
    fields.texts("tags", MOST_TAGS, LONGEST_TAG)
}

/// Who made something: as the body says, else the user who asks.
pub fn maker(request: &Request, given: Option<String>) -> Option<String> {
    given.or_else(|| request.caller.user_id().map(|id| format!("user-{id}")))
}
