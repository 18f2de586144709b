//! Filter patterns of subscriptions: everything, words, or one field of a JSON line.

use serde_json::Value;

/// Which events a subscription gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pattern {
    /// Every event.
    All,
    /// Events that contain each of these words.
    Words(Vec<String>),
    /// JSON events whose field at this path has this text.
    Field { path: Vec<String>, value: String },
}

impl Pattern {
    /// Reads a pattern; the error says what the laptop cloud has.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text.is_empty() {
            return Ok(Self::All);
        }
        if let Some(inner) = text.strip_prefix('{') {
            return parse_field(inner)
                .ok_or_else(|| format!("the filter pattern {text} cannot be honoured; the laptop cloud has {{ $.field = \"text\" }}"));
        }
        if text.starts_with(['[', '%', '?', '-']) {
            return Err(format!("the filter pattern {text} cannot be honoured; the laptop cloud has words and {{ $.field = \"text\" }}"));
        }
        Ok(Self::Words(text.split_whitespace().map(|word| word.trim_matches('"').to_owned()).collect()))
    }

    /// Whether an event is one of them.
    pub fn matches(&self, message: &str) -> bool {
        match self {
            Self::All => true,
            Self::Words(words) => words.iter().all(|word| message.contains(word.as_str())),
            Self::Field { path, value } => {
                // Most lines do not even contain the text: reading JSON is for those that do.
                message.contains(value.as_str())
                    && serde_json::from_str::<Value>(message).is_ok_and(|line| {
                        let found = path.iter().try_fold(&line, |place, step| place.get(step));
                        found.and_then(Value::as_str) == Some(value.as_str())
                    })
            }
        }
    }
}

/// Reads ` $.type = "prediction" }`.
fn parse_field(inner: &str) -> Option<Pattern> {
    let (path, value) = inner.strip_suffix('}')?.split_once('=')?;
    let path: Vec<String> = path.trim().strip_prefix("$.")?.split('.').map(String::from).collect();
    let plain = |step: &String| !step.is_empty() && step.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c));
    let value = value.trim().strip_prefix('"')?.strip_suffix('"')?;
    (path.iter().all(plain) && !value.contains(['*', '"'])).then(|| Pattern::Field { path, value: value.to_owned() })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn patterns_select_events() {
        let field = Pattern::parse("{ $.type = \"prediction\" }").unwrap();
        assert!(field.matches(r#"{"type":"prediction","rows":3}"#));
        assert!(!field.matches(r#"{"type":"other","note":"prediction"}"#));
        assert!(!field.matches("a prediction"));
        assert!(Pattern::parse("").unwrap().matches("anything"));
        assert!(Pattern::parse("ERROR").unwrap().matches("[ERROR] no"));
        assert!(Pattern::parse("{ $.a > 3 }").is_err());
        assert!(Pattern::parse("[a, b]").is_err());
    }
}
