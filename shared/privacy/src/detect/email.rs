//! E-mail addresses.

use super::Finding;
use crate::PiiType;

/// The longest local part and the longest domain, in bytes.
const LOCAL: usize = 64;
const DOMAIN: usize = 253;

/// Looks around every at sign.
pub fn scan(text: &str, findings: &mut Vec<Finding>) {
    let bytes = text.as_bytes();
    for at in bytes.iter().enumerate().filter(|(_, byte)| **byte == b'@').map(|(at, _)| at) {
        let mut start = at;
        while start > 0 && at - start < LOCAL && is_local(bytes[start - 1]) {
            start -= 1;
        }
        while start < at && (bytes[start] == b'.' || !text.is_char_boundary(start)) {
            start += 1;
        }
        let mut end = at + 1;
        while end < bytes.len() && end - at <= DOMAIN && is_domain(bytes[end]) {
            end += 1;
        }
        while end > at + 1 && (matches!(bytes[end - 1], b'.' | b'-') || !text.is_char_boundary(end)) {
            end -= 1;
        }
        if start < at && is_name(&bytes[at + 1..end]) {
            findings.push(Finding { kind: PiiType::Email, start, end, confidence: 0.95 });
        }
    }
}

fn is_local(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte >= 0x80 || b".!#$%&'*+/=?^_`{|}~-".contains(&byte)
}

fn is_domain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte >= 0x80 || matches!(byte, b'.' | b'-')
}

/// Whether a domain has at least two parts, none empty, the last of two letters or more.
fn is_name(domain: &[u8]) -> bool {
    let mut parts = domain.rsplit(|byte| *byte == b'.');
    let last = parts.next().unwrap_or_default();
    let top = last.len() >= 2 && (last.iter().all(|byte| byte.is_ascii_alphabetic() || *byte >= 0x80) || last.starts_with(b"xn--"));
    let mut more = 0;
    top && parts.all(|part| {
        more += 1;
        !part.is_empty()
    }) && more > 0
}
