//! What is personal and what is done with it.

use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt};

/// Most columns of a policy's map.
const COLUMN_LIMIT: usize = 1000;
/// The longest column name, in bytes.
const COLUMN_NAME_LIMIT: usize = 500;
/// The shortest and the longest key, in bytes.
const KEY_LENGTHS: std::ops::RangeInclusive<usize> = 16..=256;
/// The confidence from which a finding is treated where a policy does not say.
const DEFAULT_THRESHOLD: f64 = 0.5;

/// A type of personal data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PiiType {
    Email,
    Phone,
    CreditCard,
    Iban,
    IpAddress,
    NationalId,
    PersonName,
    PostalAddress,
    DateOfBirth,
}

impl PiiType {
    /// All types.
    pub const ALL: [Self; 9] = [
        Self::Email,
        Self::Phone,
        Self::CreditCard,
        Self::Iban,
        Self::IpAddress,
        Self::NationalId,
        Self::PersonName,
        Self::PostalAddress,
        Self::DateOfBirth,
    ];

    /// The name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Phone => "phone",
            Self::CreditCard => "credit_card",
            Self::Iban => "iban",
            Self::IpAddress => "ip_address",
            Self::NationalId => "national_id",
            Self::PersonName => "person_name",
            Self::PostalAddress => "postal_address",
            Self::DateOfBirth => "date_of_birth",
        }
    }

    /// Whether values of this type are found without a column map.
    pub fn is_detected(self) -> bool {
        !matches!(self, Self::PersonName | Self::PostalAddress | Self::DateOfBirth)
    }
}

/// What is done with personal data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Eight asterisks in its place, whatever its length.
    Mask,
    /// A keyed hash in its place (HMAC-SHA-256): the same value has the same hash under the same key.
    Hash,
    /// Taken out: null where it was the whole value.
    Remove,
}

/// The key of a policy's hashes. It is never printed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Key(String);

impl Key {
    /// A key of this text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Key(hidden)")
    }
}

/// Which types of personal data are treated, and how.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// What is done with each type. A type that is not named here is left as it is, unless a column is mapped to it: such
    /// columns are masked.
    #[serde(default)]
    pub actions: BTreeMap<PiiType, Action>,
    /// From which confidence on, 0 to 1, a finding counts. Mapped columns count always.
    #[serde(default = "default_threshold")]
    pub threshold: f64,
    /// The types of columns whose every value is personal.
    #[serde(default)]
    pub column_map: BTreeMap<String, PiiType>,
    /// The key of the hashes, 16 to 256 bytes; needed where an action is `hash`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Key>,
}

fn default_threshold() -> f64 {
    DEFAULT_THRESHOLD
}

impl Default for Policy {
    fn default() -> Self {
        Self { actions: BTreeMap::new(), threshold: DEFAULT_THRESHOLD, column_map: BTreeMap::new(), key: None }
    }
}

/// Why a policy cannot be applied.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    #[error("the threshold is a number from 0 to 1")]
    Threshold,
    #[error("a column map has at most {COLUMN_LIMIT} columns")]
    Columns,
    #[error("a column name in the column map has 1 to {COLUMN_NAME_LIMIT} bytes")]
    ColumnName,
    #[error("the action \"hash\" needs a key")]
    NoKey,
    #[error("a key has 16 to 256 bytes")]
    KeyLength,
}

impl Policy {
    /// A policy that treats every type in the same way.
    pub fn everywhere(action: Action) -> Self {
        Self { actions: PiiType::ALL.into_iter().map(|kind| (kind, action)).collect(), ..Self::default() }
    }

    /// This policy with a deployment's own column map (its columns are added, and win) and threshold, where there are any.
    #[must_use]
    pub fn overridden(mut self, column_map: Option<BTreeMap<String, PiiType>>, threshold: Option<f64>) -> Self {
        self.column_map.extend(column_map.unwrap_or_default());
        self.threshold = threshold.unwrap_or(self.threshold);
        self
    }

    /// Whether an action needs a key.
    pub fn needs_key(&self) -> bool {
        self.actions.values().any(|action| *action == Action::Hash)
    }

    /// Holds the policy against its bounds.
    ///
    /// # Errors
    /// The first [`PolicyError`].
    pub fn check(&self) -> Result<(), PolicyError> {
        self.check_but_key()?;
        match &self.key {
            None if self.needs_key() => Err(PolicyError::NoKey),
            Some(key) if !KEY_LENGTHS.contains(&key.bytes().len()) => Err(PolicyError::KeyLength),
            _ => Ok(()),
        }
    }

    /// Holds what a person writes of a policy against its bounds: all but the key, which the platform makes.
    ///
    /// # Errors
    /// The first [`PolicyError`].
    pub fn check_but_key(&self) -> Result<(), PolicyError> {
        if !(0.0..=1.0).contains(&self.threshold) {
            return Err(PolicyError::Threshold);
        }
        if self.column_map.len() > COLUMN_LIMIT {
            return Err(PolicyError::Columns);
        }
        if self.column_map.keys().any(|name| name.is_empty() || name.len() > COLUMN_NAME_LIMIT) {
            return Err(PolicyError::ColumnName);
        }
        Ok(())
    }

    /// What is done with a finding of this type in a value.
    pub(crate) fn action_found(&self, kind: PiiType) -> Option<Action> {
        self.actions.get(&kind).copied()
    }

    /// What is done with a mapped column of this type.
    pub(crate) fn action_mapped(&self, kind: PiiType) -> Action {
        self.actions.get(&kind).copied().unwrap_or(Action::Mask)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    #[test]
    fn a_policy_is_read_with_its_defaults() {
        let policy: Policy = serde_json::from_value(json!({"actions": {"email": "mask"}})).unwrap();
        assert_eq!((policy.threshold, policy.column_map.len()), (0.5, 0));
        assert_eq!(policy.check(), Ok(()));
        for wrong in [json!({"action": {}}), json!({"actions": {"shoe_size": "mask"}}), json!({"actions": {"email": "eat"}})] {
            assert!(serde_json::from_value::<Policy>(wrong).is_err());
        }
    }

    #[test]
    fn a_policy_is_bounded() {
        let wrong = |policy: Policy| policy.check().unwrap_err();
        assert_eq!(wrong(Policy { threshold: 1.5, ..Policy::default() }), PolicyError::Threshold);
        assert_eq!(wrong(Policy { threshold: f64::NAN, ..Policy::default() }), PolicyError::Threshold);
        assert_eq!(wrong(Policy::everywhere(Action::Hash)), PolicyError::NoKey);
        assert_eq!(wrong(Policy { key: Some(Key::new("short")), ..Policy::everywhere(Action::Hash) }), PolicyError::KeyLength);
        let column_map = (0..1001).map(|index| (index.to_string(), PiiType::Email)).collect();
        assert_eq!(wrong(Policy { column_map, ..Policy::default() }), PolicyError::Columns);
    }

    #[test]
    fn a_key_is_never_printed() {
        let policy = Policy { key: Some(Key::new("secret secret secret")), ..Policy::default() };
        assert!(!format!("{policy:?}").contains("secret"));
    }

    #[test]
    fn names_are_those_of_the_json() {
        for kind in PiiType::ALL {
            assert_eq!(json!(kind), json!(kind.name()));
        }
    }
}
