//! Making personal data unreadable.

use crate::{
    Action, PiiType, Policy, PolicyError,
    detect::{self, Finding, merged},
};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Map, Value};
use sha2::Sha256;
use std::collections::BTreeMap;

/// What stands in the place of masked data.
pub const MASK: &str = "********";
/// What hashes begin with.
const HASH_PREFIX: &str = "hmac:";
/// How much of a hash is kept, in bytes.
const HASH_LENGTH: usize = 16;
/// Most values of mapped columns that are looked for elsewhere.
const KNOWN_LIMIT: usize = 5_000;
/// The shortest text, in bytes, that is looked for within other texts: a shorter one would be found in any.
const KNOWN_LENGTH: usize = 3;
/// Most bytes that looking for known values may compare, so that many values in a long text stay quick.
const KNOWN_WORK: usize = 50_000_000;

/// Applies a policy.
#[derive(Clone, Debug)]
pub struct Anonymiser {
    policy: Policy,
    /// Values of mapped columns, the longest first, which are personal wherever they come back.
    known: Vec<(String, PiiType)>,
}

/// A value with what a policy treats in it made unreadable.
///
/// # Errors
/// [`PolicyError`] where the policy is out of its bounds.
pub fn anonymise(policy: &Policy, value: Value) -> Result<Value, PolicyError> {
    Ok(Anonymiser::new(policy.clone())?.value(value))
}

impl Anonymiser {
    /// One for this policy.
    ///
    /// # Errors
    /// [`PolicyError`] where the policy is out of its bounds.
    pub fn new(policy: Policy) -> Result<Self, PolicyError> {
        policy.check()?;
        Ok(Self { policy, known: Vec::new() })
    }

    /// This one, which also treats the values that these inputs have in mapped columns wherever they come back: in a
    /// prediction, or in the message of an error.
    #[must_use]
    pub fn knowing(mut self, inputs: &Value) -> Self {
        if !self.policy.column_map.is_empty() {
            let mut known = BTreeMap::new();
            learn(&self.policy, inputs, None, &mut known);
            self.known = known.into_iter().collect();
            self.known.sort_by(|a, b| b.0.len().cmp(&a.0.len()).then_with(|| a.0.cmp(&b.0)));
        }
        self
    }

    /// The value, treated: strings and numbers at any depth. Keys stay; where a key is a mapped column, all under it is of that
    /// type.
    pub fn value(&self, value: Value) -> Value {
        self.treat(value, "")
    }

    /// The text, treated.
    pub fn text(&self, text: &str) -> String {
        self.treat_text(text, "").unwrap_or_default()
    }

    fn treat(&self, value: Value, key: &str) -> Value {
        match value {
            Value::Object(object) => Value::Object(self.treat_object(object)),
            Value::Array(values) => values.into_iter().map(|value| self.treat(value, key)).collect(),
            Value::String(text) => self.treat_text(&text, key).map_or(Value::Null, Value::String),
            Value::Number(number) => {
                let text = number_text(&number);
                match self.treat_text(&text, key) {
                    Some(same) if same == text => Value::Number(number),
                    Some(other) => Value::String(other),
                    None => Value::Null,
                }
            }
            other => other,
        }
    }

    fn treat_object(&self, object: Map<String, Value>) -> Map<String, Value> {
        object
            .into_iter()
            .map(|(key, value)| {
                let treated = match self.policy.column_map.get(&key) {
                    Some(kind) => self.cover_all(value, *kind),
                    None => self.treat(value, &key),
                };
                (key, treated)
            })
            .collect()
    }

    /// Covers every string, number and truth value: all of a mapped column is personal.
    fn cover_all(&self, value: Value, kind: PiiType) -> Value {
        match value {
            Value::Object(object) => object.into_iter().map(|(key, value)| (key, self.cover_all(value, kind))).collect(),
            Value::Array(values) => values.into_iter().map(|value| self.cover_all(value, kind)).collect(),
            Value::Null => Value::Null,
            value => {
                let text = match &value {
                    Value::String(text) => text.clone(),
                    Value::Number(number) => number_text(number),
                    other => other.to_string(),
                };
                self.cover(&text, kind, self.policy.action_mapped(kind)).map_or(Value::Null, Value::String)
            }
        }
    }

    /// The text with what is found in it covered; `None` where the whole of it is removed.
    fn treat_text(&self, text: &str, key: &str) -> Option<String> {
        let mut findings: Vec<Finding> = detect::detect(text, key)
            .into_iter()
            .filter(|finding| finding.confidence >= self.policy.threshold && self.policy.action_found(finding.kind).is_some())
            .collect();
        if !self.known.is_empty() {
            self.find_known(text, &mut findings);
            findings.sort_by_key(|finding| finding.start);
        }
        let mut covered = String::with_capacity(text.len());
        let mut at = 0;
        for finding in merged(findings) {
            let action = self.policy.action_mapped(finding.kind);
            let cover = self.cover(&text[finding.start..finding.end], finding.kind, action);
            if cover.is_none() && finding.start == 0 && finding.end == text.len() {
                return None;
            }
            covered.push_str(&text[at..finding.start]);
            covered.push_str(&cover.unwrap_or_default());
            at = finding.end;
        }
        covered.push_str(&text[at..]);
        Some(covered)
    }

    fn find_known(&self, text: &str, findings: &mut Vec<Finding>) {
        let mut work = 0;
        for (value, kind) in &self.known {
            if value.len() > text.len() {
                continue;
            }
            work += text.len();
            if value.len() < KNOWN_LENGTH || work > KNOWN_WORK {
                // Too short to look for, or too many: only as the whole text.
                if value == text {
                    findings.push(Finding { kind: *kind, start: 0, end: text.len(), confidence: 1.0 });
                }
                continue;
            }
            let found = text.match_indices(value.as_str());
            findings.extend(found.map(|(start, found)| Finding { kind: *kind, start, end: start + found.len(), confidence: 1.0 }));
        }
    }

    fn cover(&self, text: &str, kind: PiiType, action: Action) -> Option<String> {
        match action {
            Action::Mask => Some(MASK.to_owned()),
            Action::Remove => None,
            Action::Hash => Some(match &self.policy.key {
                Some(key) => hash(key.bytes(), kind, text),
                // A policy without a key is refused before; what cannot be hashed is masked.
                None => MASK.to_owned(),
            }),
        }
    }
}

/// A number's digits. A whole number that travels as a floating point number has no fraction: an identifier in a column with
/// missing values does.
fn number_text(number: &serde_json::Number) -> String {
    let text = number.to_string();
    match number.as_f64() {
        Some(value) if number.is_f64() && value.fract() == 0.0 && value.abs() < 9_007_199_254_740_992.0 => format!("{value:.0}"),
        _ => text,
    }
}

/// The hash of a value in its plainest form: the same card has the same hash with blanks and without.
fn hash(key: &[u8], kind: PiiType, text: &str) -> String {
    let plain: String = match kind {
        PiiType::Email => text.to_lowercase(),
        PiiType::Phone | PiiType::CreditCard => text.chars().filter(char::is_ascii_digit).collect(),
        PiiType::Iban | PiiType::NationalId => text.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_uppercase(),
        _ => text.trim().to_owned(),
    };
    let mut hash = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    hash.update(kind.name().as_bytes());
    hash.update(&[0]);
    hash.update(plain.as_bytes());
    format!("{HASH_PREFIX}{}", hex::encode(&hash.finalize().into_bytes()[..HASH_LENGTH]))
}

/// Gathers the values of mapped columns.
fn learn(policy: &Policy, value: &Value, kind: Option<PiiType>, known: &mut BTreeMap<String, PiiType>) {
    if known.len() >= KNOWN_LIMIT {
        return;
    }
    match (value, kind) {
        (Value::Object(object), _) => {
            for (key, value) in object {
                learn(policy, value, kind.or_else(|| policy.column_map.get(key).copied()), known);
            }
        }
        (Value::Array(values), _) => values.iter().for_each(|value| learn(policy, value, kind, known)),
        (Value::String(text), Some(kind)) if !text.trim().is_empty() => {
            known.insert(text.clone(), kind);
            known.insert(text.trim().to_owned(), kind);
        }
        (Value::Number(number), Some(kind)) => {
            let text = number_text(number);
            // A small number is in many texts, and says nothing of a person there.
            if text.len() > 4 {
                known.insert(text, kind);
            }
        }
        _ => {}
    }
}
