//! Identifiers of digits alone: payment cards and the national ids of some countries.

use super::{Finding, before, checks, hint::Hints, is_word};
use crate::PiiType;

/// The most digits of an identifier.
const LONGEST: usize = 19;
/// The most groups in which one is written.
const GROUPS: usize = 7;

/// Digits that stand together.
struct Group {
    start: usize,
    end: usize,
}

/// Looks at every sequence of groups of digits with the same separator between them.
pub fn scan(text: &str, hints: &Hints, findings: &mut Vec<Finding>) {
    let bytes = text.as_bytes();
    let groups = groups(bytes);
    for first in 0..groups.len() {
        let mut digits: Vec<u8> = Vec::with_capacity(LONGEST);
        let mut lengths: Vec<usize> = Vec::new();
        let mut separators: Vec<&[u8]> = Vec::new();
        for (last, group) in groups.iter().enumerate().skip(first).take(GROUPS) {
            if last > first {
                let separator = &bytes[groups[last - 1].end..group.start];
                if !matches!(separator, b" " | b"-" | b"." | b"\xc2\xa0" | b"\xe2\x80\x91" | b"/") {
                    break;
                }
                separators.push(separator);
            }
            if digits.len() + group.end - group.start > LONGEST {
                break;
            }
            digits.extend_from_slice(&bytes[group.start..group.end]);
            lengths.push(group.end - group.start);
            let (start, end) = (groups[first].start, group.end);
            if digits.len() >= 9 && !continues(bytes, start, end) {
                let found = judge(&digits, &lengths, &separators, |kind| hints.name(kind, start));
                findings.extend(found.map(|(kind, confidence)| Finding { kind, start, end, confidence }));
            }
        }
    }
}

/// The groups of digits that no letter touches.
fn groups(bytes: &[u8]) -> Vec<Group> {
    let mut groups = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        if !bytes[at].is_ascii_digit() {
            at += 1;
            continue;
        }
        let start = at;
        while at < bytes.len() && bytes[at].is_ascii_digit() {
            at += 1;
        }
        if !is_word(before(bytes, start)) && !is_word(bytes.get(at)) {
            groups.push(Group { start, end: at });
        }
    }
    groups
}

/// Whether the digits are a part of a decimal number. One with nothing but a zero behind its point is a whole number.
fn continues(bytes: &[u8], start: usize, end: usize) -> bool {
    let fraction = start >= 2 && matches!(bytes[start - 1], b'.' | b',') && bytes[start - 2].is_ascii_digit();
    let whole = bytes.get(end) == Some(&b'.') && bytes.get(end + 1).is_some_and(u8::is_ascii_digit);
    let zero = bytes.get(end + 1) == Some(&b'0') && !bytes.get(end + 2).is_some_and(|byte| byte.is_ascii_digit() || *byte == b'.');
    fraction || (whole && !zero)
}

fn judge(digits: &[u8], lengths: &[usize], separators: &[&[u8]], named: impl Fn(PiiType) -> bool) -> Option<(PiiType, f64)> {
    let uniform = separators.windows(2).all(|pair| pair[0] == pair[1]);
    let points = separators.iter().any(|separator| *separator == b"." || *separator == b"/");
    if uniform && !points && checks::card(digits) {
        let confidence = match lengths {
            [4, 4, 4, 4] | [4, 6, 5] | [4, 6, 4] | [4, 4, 4, 4, 3] => 0.95,
            [15 | 16] => 0.85,
            [_] => 0.6,
            _ => 0.5,
        };
        return Some((PiiType::CreditCard, if named(PiiType::CreditCard) { 0.98 } else { confidence }));
    }
    let confidence = national(digits, lengths, separators, uniform, points)?;
    Some((PiiType::NationalId, if named(PiiType::NationalId) { f64::max(0.85, confidence) } else { confidence }))
}

/// How sure it is that the digits are a national id. A check digit lets one number in ten through, so that bare digits are
/// hardly more than a guess where nothing names them.
fn national(digits: &[u8], lengths: &[usize], separators: &[&[u8]], uniform: bool, points: bool) -> Option<f64> {
    if let ([3, 3, 3, 2], [b".", b".", b"-"]) = (lengths, separators) {
        return checks::brazilian_cpf(digits).then_some(0.95);
    }
    if !uniform || points {
        return None;
    }
    let dashes = separators.first() == Some(&b"-".as_slice());
    match (lengths, digits.len()) {
        ([3, 2, 4], _) if checks::us_ssn(digits) => Some(if dashes { 0.85 } else { 0.6 }),
        ([3, 3, 3], _) if checks::canadian_sin(digits) => Some(0.6),
        ([9], _) if checks::dutch_bsn(digits) || checks::canadian_sin(digits) || checks::us_ssn(digits) => Some(0.3),
        ([2, 3, 3, 3], _) if checks::german_tax_id(digits) => Some(0.85),
        ([11], _) if checks::german_tax_id(digits) || checks::brazilian_cpf(digits) || checks::polish_pesel(digits) => Some(0.55),
        ([4, 4, 4], _) if checks::indian_aadhaar(digits) => Some(0.75),
        ([12], _) if checks::indian_aadhaar(digits) => Some(0.4),
        ([1, 2, 2, 2, 3, 3, 2], _) if checks::french_nir(digits) => Some(0.95),
        ([15] | [13, 2], _) if checks::french_nir(digits) => Some(0.8),
        _ => None,
    }
}
