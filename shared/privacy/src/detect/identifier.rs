//! Identifiers that have letters: accounts (IBAN) and the national ids of some countries.

use super::{Finding, before, checks, hint::Hints, is_word};
use crate::PiiType;

/// Looks at every beginning of a word.
pub fn scan(text: &str, hints: &Hints, findings: &mut Vec<Finding>) {
    let bytes = text.as_bytes();
    for start in 0..bytes.len() {
        if !bytes[start].is_ascii_alphanumeric() || is_word(before(bytes, start)) {
            continue;
        }
        findings.extend(iban(bytes, start).or_else(|| national(bytes, start, hints)));
    }
}

/// The letters (in upper case) and digits from a place on, as many as asked for, with single separators between them.
struct Collected {
    text: Vec<u8>,
    end: usize,
    separated: bool,
    lower: bool,
}

fn collect(bytes: &[u8], start: usize, length: usize, separators: &[u8]) -> Option<Collected> {
    let mut collected = Collected { text: Vec::with_capacity(length), end: start, separated: false, lower: false };
    let mut at = start;
    while collected.text.len() < length {
        let byte = *bytes.get(at)?;
        if byte.is_ascii_alphanumeric() {
            collected.lower |= byte.is_ascii_lowercase();
            collected.text.push(byte.to_ascii_uppercase());
        } else if separators.contains(&byte) && bytes.get(at + 1).is_some_and(u8::is_ascii_alphanumeric) {
            collected.separated = true;
        } else {
            return None;
        }
        at += 1;
    }
    collected.end = at;
    (!is_word(bytes.get(at))).then_some(collected)
}

fn iban(bytes: &[u8], start: usize) -> Option<Finding> {
    let head = bytes.get(start..start + 4)?;
    if !head[..2].iter().all(u8::is_ascii_alphabetic) || !head[2..].iter().all(u8::is_ascii_digit) {
        return None;
    }
    let length = checks::iban_length([head[0].to_ascii_uppercase(), head[1].to_ascii_uppercase()])?;
    let found = collect(bytes, start, length, b" -")?;
    checks::iban(&found.text).then_some(Finding { kind: PiiType::Iban, start, end: found.end, confidence: 0.98 })
}

fn national(bytes: &[u8], start: usize, hints: &Hints) -> Option<Finding> {
    type Rule<'a> = (usize, &'a [u8], fn(&[u8]) -> bool, f64);
    let rules: [Rule<'_>; 3] =
        [(16, b" ", checks::italian_fiscal_code, 0.95), (9, b" ", checks::uk_nino, 0.8), (9, b" .-", checks::spanish_dni, 0.8)];
    for (length, separators, check, confidence) in rules {
        let Some(found) = collect(bytes, start, length, separators) else { continue };
        if !check(&found.text) {
            continue;
        }
        let confidence = match () {
            () if hints.name(PiiType::NationalId, start) => 0.98,
            // Two words and two numbers in a sentence are not meant as one.
            () if found.lower && found.separated => 0.2,
            () if found.lower => confidence - 0.2,
            () => confidence,
        };
        return Some(Finding { kind: PiiType::NationalId, start, end: found.end, confidence });
    }
    None
}
