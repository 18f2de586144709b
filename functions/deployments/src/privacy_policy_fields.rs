//! What a request says of a privacy policy.

use std::collections::BTreeMap;

use privacy::{Action, PiiType};
use serde::Serialize;
use serde_json::Value;
use shared::Timestamp;
use shared::domain::name;
use shared::domain::privacy_policy::PrivacyPolicy;
use shared::http::fields::Fields;
use utoipa::ToSchema;

/// The longest body.
pub const LONGEST_BODY: usize = 128 * 1024;
/// The most columns of a map.
const MOST_COLUMNS: usize = 500;
const LONGEST_DESCRIPTION: usize = 2000;
const LONGEST_COLUMN: usize = 500;

/// The fields of a policy, as they were given.
#[derive(Debug, Default)]
pub struct Given {
    pub name: Option<String>,
    pub description: Option<String>,
    pub actions: Option<BTreeMap<PiiType, Action>>,
    pub column_map: Option<BTreeMap<String, PiiType>>,
    pub threshold: Option<f64>,
}

impl Given {
    /// Takes the fields from a body, and notes what is wrong with them.
    pub fn take(fields: &mut Fields) -> Self {
        Self {
            name: fields.text("name", 1..=name::LONGEST_NAME),
            description: fields.text("description", 0..=LONGEST_DESCRIPTION),
            actions: actions(fields),
            column_map: take_column_map(fields, "column_map"),
            threshold: fields.number("threshold", 0.0..=1.0),
        }
    }

    /// Puts what was given into a policy.
    pub fn change(self, policy: &mut PrivacyPolicy) {
        if let Some(name) = self.name {
            policy.name = name;
        }
        if self.description.is_some() {
            policy.description = self.description;
        }
        if let Some(actions) = self.actions {
            policy.policy.actions = actions;
        }
        if let Some(column_map) = self.column_map {
            policy.policy.column_map = column_map;
        }
        if let Some(threshold) = self.threshold {
            policy.policy.threshold = threshold;
        }
    }
}

fn pii_type(value: &str) -> Option<PiiType> {
    PiiType::ALL.into_iter().find(|kind| kind.name() == value)
}

fn types() -> String {
    PiiType::ALL.map(PiiType::name).join(", ")
}

fn actions(fields: &mut Fields) -> Option<BTreeMap<PiiType, Action>> {
    let Value::Object(given) = fields.object("actions", LONGEST_BODY, 2)? else { return None };
    let mut actions = BTreeMap::new();
    for (kind, action) in given {
        let action = match action.as_str() {
            Some("mask") => Some(Action::Mask),
            Some("hash") => Some(Action::Hash),
            Some("remove") => Some(Action::Remove),
            _ => None,
        };
        match (pii_type(&kind), action) {
            (Some(kind), Some(action)) => {
                actions.insert(kind, action);
            }
            (None, _) => fields.fault(&["actions", &shown(&kind)], format!("unknown type; use one of {}", types()), "value_error.const"),
            (_, None) => fields.fault(&["actions", &kind], "use one of mask, hash, remove", "value_error.const"),
        }
    }
    Some(actions)
}

/// Takes a map from columns to the types of personal data that they hold, and notes what is wrong with it.
pub fn take_column_map(fields: &mut Fields, field: &str) -> Option<BTreeMap<String, PiiType>> {
    let Value::Object(given) = fields.object(field, LONGEST_BODY, 2)? else { return None };
    if given.len() > MOST_COLUMNS {
        fields.fault(&[field], format!("ensure this value has at most {MOST_COLUMNS} items"), "value_error.dict.max_items");
        return None;
    }
    let mut columns = BTreeMap::new();
    for (column, kind) in given {
        if column.is_empty() || column.len() > LONGEST_COLUMN {
            let message = format!("a column's name has 1 to {LONGEST_COLUMN} bytes");
            fields.fault(&[field, &shown(&column)], message, "value_error.any_str.max_length");
            continue;
        }
        match kind.as_str().and_then(pii_type) {
            Some(kind) => {
                columns.insert(column, kind);
            }
            None => fields.fault(&[field, &shown(&column)], format!("use one of {}", types()), "value_error.const"),
        }
    }
    Some(columns)
}

fn shown(text: &str) -> String {
    text.chars().take(80).collect()
}

/// What is asked of a policy.
#[derive(Debug, ToSchema)]
#[allow(dead_code)]
pub struct PrivacyPolicyRequest {
    /// Its name; required for a new one.
    #[schema(example = "Customers")]
    name: Option<String>,
    /// What it is for.
    description: Option<String>,
    /// What is done with each type of personal data: `mask`, `hash` or `remove`. Types: `email`, `phone`, `credit_card`, `iban`,
    /// `ip_address`, `national_id`, which are found in values, and `person_name`, `postal_address`, `date_of_birth`, which are
    /// treated in the columns that `column_map` names.
    #[schema(example = json!({ "email": "hash", "credit_card": "mask", "person_name": "remove" }))]
    actions: Option<BTreeMap<String, String>>,
    /// Which columns hold which type: their values are treated whatever they look like.
    #[schema(example = json!({ "customer": "person_name" }))]
    column_map: Option<BTreeMap<String, String>>,
    /// How sure a finding must be, from 0 to 1; 0.5 where it is not said.
    #[schema(example = 0.5, minimum = 0, maximum = 1)]
    threshold: Option<f64>,
}

/// A privacy policy. The key of its hashes is the platform's and never shown.
#[derive(Debug, Serialize, ToSchema)]
pub struct PrivacyPolicyView {
    /// Its id, which deployments and predictions name as `privacy_policy_id`.
    #[schema(example = "0192d3c4-5e6f-7a8b-9c0d-1e2f3a4b5c6d")]
    pub id: String,
    /// Its project.
    pub project_id: String,
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// What is done with each type.
    #[schema(value_type = BTreeMap<String, String>)]
    pub actions: BTreeMap<PiiType, Action>,
    /// Which columns hold which type.
    #[schema(value_type = BTreeMap<String, String>)]
    pub column_map: BTreeMap<String, PiiType>,
    /// How sure a finding must be.
    pub threshold: f64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl From<PrivacyPolicy> for PrivacyPolicyView {
    fn from(kept: PrivacyPolicy) -> Self {
        let PrivacyPolicy { id, project_id, name, description, policy, created_at, updated_at, owner: _ } = kept;
        let privacy::Policy { actions, threshold, column_map, key: _ } = policy;
        Self { id, project_id, name, description, actions, column_map, threshold, created_at, updated_at }
    }
}
