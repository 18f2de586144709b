//! Finding personal data in a text.

mod address;
mod checks;
mod email;
mod hint;
mod identifier;
mod number;
mod phone;

use crate::PiiType;

/// A place in a text that holds personal data.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Finding {
    pub kind: PiiType,
    /// Where it begins and ends, in bytes; both are character boundaries.
    pub start: usize,
    pub end: usize,
    /// How sure it is, 0 to 1: a form that occurs elsewhere too counts less than one with a check digit, and words beside it
    /// (or the key of the value) that name the type make it surer.
    pub confidence: f64,
}

/// All findings in a text, by their beginning; they can overlap. `key` is the name under which the text stands, or empty.
///
/// Takes time in proportion to the text's length, whatever it holds.
pub fn detect(text: &str, key: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let bytes = text.as_bytes();
    // Everything that is found has a digit or an at sign, or the colons of an address.
    if !bytes.iter().any(|byte| byte.is_ascii_digit() || matches!(byte, b'@' | b':')) {
        return findings;
    }
    let hints = hint::Hints::new(text, key);
    email::scan(text, &mut findings);
    address::scan(text, &hints, &mut findings);
    identifier::scan(text, &hints, &mut findings);
    number::scan(text, &hints, &mut findings);
    phone::scan(text, &hints, &mut findings);
    findings.sort_by_key(|finding| finding.start);
    findings
}

/// Makes of overlapping findings (sorted by their beginning) one that covers them all, of the type that is surest.
pub fn merged(findings: impl IntoIterator<Item = Finding>) -> Vec<Finding> {
    let mut kept: Vec<Finding> = Vec::new();
    for finding in findings {
        match kept.last_mut() {
            Some(last) if finding.start < last.end => {
                if finding.confidence > last.confidence {
                    (last.kind, last.confidence) = (finding.kind, finding.confidence);
                }
                last.end = last.end.max(finding.end);
            }
            _ => kept.push(finding),
        }
    }
    kept
}

/// Whether a byte belongs to a word: what follows or precedes it is no beginning or end.
fn is_word(byte: Option<&u8>) -> bool {
    byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
}

/// The byte before a place.
fn before(bytes: &[u8], at: usize) -> Option<&u8> {
    at.checked_sub(1).and_then(|at| bytes.get(at))
}
