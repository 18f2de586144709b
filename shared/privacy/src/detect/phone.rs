//! Telephone numbers, by the forms in which they are written. No country's plan is looked up. The tables of plans that Google keeps
//! (the crate `phonenumber` 0.3) tell of a text whether it is a number, not where in a text one stands, and of a number without a country's
//! code only where the country is known. Of the labelled set's 152 numbers they hold 62 for valid (83 with the United States as the
//! country, 140 with any of twelve, and then 559 of 888 other runs of digits too), where the forms find all 152 and 2 that are
//! none. Many of the set's numbers are made up and in no plan, as people's own mistypings and examples are. The tables add 4.3 MB to a
//! program.

use super::{Finding, before, hint::Hints, is_word};
use crate::PiiType;

/// The fewest and the most digits of a number with its country's code (E.164).
const INTERNATIONAL: std::ops::RangeInclusive<usize> = 8..=15;
/// The longest separator: a closing parenthesis and blanks.
const SEPARATOR: usize = 3;
/// The most groups of digits that one has.
const GROUPS: usize = 8;

/// A number that begins at some place, as far as it is looked at.
#[derive(Default)]
struct Written {
    digits: Vec<u8>,
    /// The lengths of the groups of digits.
    lengths: Vec<usize>,
    end: usize,
}

/// Looks at every place where a number can begin.
pub fn scan(text: &str, hints: &Hints, findings: &mut Vec<Finding>) {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let byte = bytes[at];
        let begins = byte.is_ascii_digit()
            || (matches!(byte, b'+' | b'(') && bytes.get(at + 1).is_some_and(|next| next.is_ascii_digit() || *next == b'+'));
        if !begins || is_word(before(bytes, at)) || is_fraction(bytes, at) {
            at += 1;
            continue;
        }
        match find(bytes, at, hints) {
            Some(finding) => {
                at = finding.end;
                findings.push(finding);
            }
            // The rest of these digits is no beginning.
            None => at += bytes[at..].iter().take_while(|byte| byte.is_ascii_digit()).count().max(1),
        }
    }
}

fn is_fraction(bytes: &[u8], at: usize) -> bool {
    at >= 2 && matches!(bytes[at - 1], b'.' | b',' | b'-' | b':' | b'/') && bytes[at - 2].is_ascii_digit()
}

/// The longest number that begins here.
fn find(bytes: &[u8], start: usize, hints: &Hints) -> Option<Finding> {
    let plus = bytes[start..].iter().take(2).any(|byte| *byte == b'+');
    let from = start + bytes[start..].iter().take_while(|byte| matches!(byte, b'+' | b'(')).count();
    let parenthesis = bytes[start] == b'(';
    let mut written = Written::default();
    let mut at = from;
    let mut best = None;
    let named = hints.name(PiiType::Phone, start);
    loop {
        let length = bytes[at..].iter().take(16).take_while(|byte| byte.is_ascii_digit()).count();
        if length == 0 || written.digits.len() + length > 17 || written.lengths.len() >= GROUPS {
            break;
        }
        written.digits.extend_from_slice(&bytes[at..at + length]);
        written.lengths.push(length);
        written.end = at + length;
        if is_word(bytes.get(written.end)) {
            break;
        }
        let whole =
            bytes.get(written.end) == Some(&b'.') && bytes.get(written.end + 1) == Some(&b'0') && bytes.get(written.end + 2).is_none();
        if let Some(confidence) = judge(&written, plus, parenthesis, named) {
            best = Some(Finding { kind: PiiType::Phone, start, end: written.end, confidence });
        }
        if whole {
            break;
        }
        let separator = bytes[written.end..]
            .iter()
            .take(SEPARATOR + 1)
            .take_while(|byte| matches!(byte, b' ' | b'-' | b'.' | b'(' | b')' | b'/'))
            .count();
        let non_breaking = bytes[written.end..].starts_with(b"\xc2\xa0") || bytes[written.end..].starts_with(b"\xe2\x80\x91");
        at = match (separator, non_breaking) {
            (0, true) => written.end + bytes[written.end..].iter().take_while(|byte| **byte >= 0x80).count().min(3),
            (1..=SEPARATOR, _) => written.end + separator,
            _ => break,
        };
    }
    best
}

fn judge(written: &Written, plus: bool, parenthesis: bool, named: bool) -> Option<f64> {
    let digits = &written.digits;
    let (count, groups) = (digits.len(), written.lengths.len());
    if plus {
        let american = digits[0] != b'1' || (count == 11 && is_american(&digits[1..]));
        return (INTERNATIONAL.contains(&count) && digits[0] != b'0' && american).then_some(0.9);
    }
    if is_date(&written.lengths) {
        return None;
    }
    let form = match () {
        () if digits.starts_with(b"00") && (10..=17).contains(&count) && digits.get(2).is_some_and(|digit| *digit != b'0') => {
            if groups > 1 { 0.65 } else { 0.45 }
        }
        () if count == 10 && is_american(digits) => match written.lengths.as_slice() {
            [3, 3, 4] if parenthesis => 0.9,
            [3, 3, 4] => 0.75,
            [10] => 0.3,
            _ => 0.2,
        },
        () if count == 11 && digits[0] == b'1' && is_american(&digits[1..]) && written.lengths == [1, 3, 3, 4] => 0.8,
        () if digits[0] == b'0' && digits.get(1).is_some_and(|digit| *digit != b'0') && (9..=12).contains(&count) => match groups {
            1 => 0.35,
            2..=6 => 0.6,
            _ => 0.2,
        },
        () if (7..=15).contains(&count) && groups <= 6 => 0.1,
        () => return None,
    };
    Some(if named && count >= 7 { f64::max(0.7, form) } else { form })
}

/// Whether ten digits can be a number of North America.
fn is_american(digits: &[u8]) -> bool {
    digits.len() == 10 && digits[0] >= b'2' && digits[3] >= b'2' && &digits[1..3] != b"11"
}

/// Whether the groups are those of a date, or of a date and a time.
fn is_date(lengths: &[usize]) -> bool {
    matches!(lengths, [4, 2, 2, ..] | [2, 2, 4, ..])
}
