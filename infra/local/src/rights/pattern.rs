//! Texts with wildcards, as policies have them: `*` for any number of characters, `?` for one.

use std::sync::atomic::{AtomicU64, Ordering};

/// How many parts an ARN has; colons in the last one are the resource's own.
const ARN_PARTS: usize = 6;

/// A text with wildcards that counts how often it decided something.
#[derive(Debug)]
pub struct Pattern {
    text: String,
    wild: bool,
    used: AtomicU64,
}

impl Pattern {
    /// A pattern as it was written.
    pub fn new(text: impl Into<String>) -> Self {
        let text = text.into();
        Self { wild: text.contains(['*', '?']), text, used: AtomicU64::new(0) }
    }

    /// The pattern as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether a text is what the pattern says, letter by letter.
    pub fn matches(&self, text: &str) -> bool {
        if self.wild { glob(self.text.as_bytes(), text.as_bytes()) } else { self.text == text }
    }

    /// Whether an ARN is what the pattern says: part by part, so that a `*` in the region does not run on into the account.
    pub fn matches_arn(&self, arn: &str) -> bool {
        if !self.wild {
            return self.text == arn;
        }
        if self.text.splitn(ARN_PARTS, ':').count() < ARN_PARTS {
            return glob(self.text.as_bytes(), arn.as_bytes());
        }
        let mut parts = arn.splitn(ARN_PARTS, ':');
        self.text.splitn(ARN_PARTS, ':').all(|wanted| parts.next().is_some_and(|part| glob(wanted.as_bytes(), part.as_bytes())))
    }

    /// Notes that the pattern decided something.
    pub fn note_use(&self) {
        self.used.fetch_add(1, Ordering::Relaxed);
    }

    /// How often it did.
    pub fn uses(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }
}

fn glob(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut position) = (0, 0);
    // Where the last `*` stood, and what it stands for ends.
    let mut star: Option<(usize, usize)> = None;
    while position < text.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, position));
                at += 1;
            }
            Some(wanted) if *wanted == b'?' || *wanted == text[position] => {
                at += 1;
                position += 1;
            }
            _ => {
                let Some((last, end)) = star else { return false };
                star = Some((last, end + 1));
                at = last + 1;
                position = end + 1;
            }
        }
    }
    pattern[at..].iter().all(|rest| *rest == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_stand_for_characters() {
        let matches = |pattern: &str, text: &str| Pattern::new(pattern).matches(text);
        assert!(matches("artifacts/*", "artifacts/1/model") && matches("a?c", "abc") && matches("*", "") && matches("a*b*c", "aXbbYc"));
        assert!(!matches("artifacts/*", "artifact") && !matches("a?c", "ac") && !matches("a*b", "abc"));
    }

    #[test]
    fn arns_are_compared_part_by_part() {
        let matches = |pattern: &str, arn: &str| Pattern::new(pattern).matches_arn(arn);
        let function = "arn:aws:lambda:eu-west-1:000000000000:function:demo-model-x:live";
        assert!(matches("arn:aws:lambda:*:000000000000:function:demo-model-*", function));
        assert!(matches("*", function) && matches("arn:aws:lambda:*", function));
        assert!(!matches("arn:aws:lambda:*:function:demo-model-*", function));
        assert!(!matches("arn:aws:lambda:eu-west-1:000000000000:function:demo-model-x", function));
    }
}
