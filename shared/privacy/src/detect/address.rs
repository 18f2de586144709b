//! Addresses of the Internet Protocol, both versions.

use super::{Finding, before, hint::Hints, is_word};
use crate::PiiType;
use std::net::{Ipv4Addr, Ipv6Addr};

/// The longest text of an address.
const LONGEST: usize = 45;

/// Looks at every run of the characters that addresses have.
pub fn scan(text: &str, hints: &Hints, findings: &mut Vec<Finding>) {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        if !is_part(bytes[at]) || is_word(before(bytes, at)) {
            at += 1;
            continue;
        }
        let start = at;
        while at < bytes.len() && is_part(bytes[at]) {
            at += 1;
        }
        if is_word(bytes.get(at)) {
            continue;
        }
        let mut end = at;
        while end > start && bytes[end - 1] == b'.' {
            end -= 1;
        }
        let found = version_4(text, start, end, hints).or_else(|| version_6(text, start, end, hints));
        findings.extend(found.map(|(start, end, confidence)| Finding { kind: PiiType::IpAddress, start, end, confidence }));
    }
}

fn is_part(byte: u8) -> bool {
    byte.is_ascii_hexdigit() || matches!(byte, b'.' | b':')
}

fn version_4(text: &str, start: usize, end: usize, hints: &Hints) -> Option<(usize, usize, f64)> {
    let run = &text[start..end.min(start + LONGEST)];
    // A port may follow, and a word may end in a colon before it.
    let lead = run.len() - run.trim_start_matches([':', '.']).len();
    let run = run[lead..].split(':').next()?;
    let address: Ipv4Addr = run.parse().ok()?;
    let start = start + lead;
    let confidence = match () {
        () if hints.version(start) => 0.3,
        () if hints.name(PiiType::IpAddress, start) => 0.95,
        // Numbers of chapters and versions look like this.
        () if address.octets().iter().all(|octet| *octet < 10) => 0.45,
        () => 0.85,
    };
    Some((start, start + run.len(), confidence))
}

fn version_6(text: &str, start: usize, end: usize, hints: &Hints) -> Option<(usize, usize, f64)> {
    if end - start > LONGEST {
        return None;
    }
    let run = &text[start..end];
    // A colon that ends a word before it, or follows it, is none of the address's own.
    let lead = usize::from(run.starts_with(':') && !run.starts_with("::"));
    let tail = usize::from(run.ends_with(':') && !run.ends_with("::"));
    let run = run.get(lead..run.len().checked_sub(tail)?)?;
    let address: Ipv6Addr = run.parse().ok()?;
    if address.is_unspecified() {
        return None;
    }
    let groups = run.split(':').filter(|group| !group.is_empty()).count();
    let digits = run.bytes().any(|byte| byte.is_ascii_digit());
    let confidence = match () {
        () if hints.name(PiiType::IpAddress, start) || groups >= 4 => 0.95,
        () if digits && groups >= 2 => 0.75,
        () if digits => 0.6,
        // Names of programs have double colons too.
        () => 0.3,
    };
    Some((start + lead, start + lead + run.len(), confidence))
}
