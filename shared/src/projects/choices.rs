//! What a deployed model is asked besides a prediction: what its record holds, in which form, and what the answer tells.

use privacy::PiiType;
use serde_json::{Map, Value, json};

use crate::domain::deployment::Deployment;
use crate::{Error, Platform, Result};

/// What a request chooses in place of what its deployment says.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Choices {
    /// Whether to tell what each feature contributed; not where absent.
    pub include_contributions: Option<bool>,
    /// Whether the record of the prediction holds the inputs; it does where absent.
    pub store_payload: Option<bool>,
    /// Whether the record is anonymised.
    pub anonymize_logs: Option<bool>,
    /// Whether the answer is anonymised.
    pub anonymize_response: Option<bool>,
    /// The privacy policy that the request names.
    pub policy: Option<Value>,
    /// The versions of the function for which the request is meant; absent where it is whichever is asked.
    pub versions: Option<Vec<String>>,
}

impl Choices {
    /// What the model server is asked besides the prediction; `None` where that is nothing. A policy anonymises records unless
    /// it is told not to, and answers where it is told to.
    ///
    /// # Errors
    /// `Conflict` when the deployment's policy was deleted; `Internal` when DynamoDB does not answer.
    pub async fn options_for(&self, platform: &Platform, deployment: &Deployment) -> Result<Option<String>> {
        let settings = &deployment.privacy;
        let policy = match (&self.policy, &settings.policy_id) {
            (Some(policy), _) => Some(policy.clone()),
            (None, Some(id)) => {
                let policy = platform.store()?.privacy_policy_of_project(deployment.project(), id).await?;
                // Never without the protection that was asked for.
                let deleted = || Error::conflict(format!("The deployment's privacy policy {id} was deleted; deploy with another one."));
                Some(policy.ok_or_else(deleted)?)
            }
            (None, None) => None,
        };
        let anonymize_logs = self.anonymize_logs.or(settings.anonymize_logs).unwrap_or(policy.is_some());
        let anonymize_response = self.anonymize_response.or(settings.anonymize_response).unwrap_or(false);
        let (include_contributions, store_payload) = (self.include_contributions.unwrap_or(false), self.store_payload.unwrap_or(true));
        if !include_contributions && store_payload && !anonymize_logs && !anonymize_response && self.versions.is_none() {
            return Ok(None);
        }
        let mut told = json!({
            "include_contributions": include_contributions, "store_payload": store_payload,
            "anonymize_logs": anonymize_logs, "anonymize_response": anonymize_response,
        });
        if let Some(versions) = &self.versions {
            told["versions"] = json!(versions);
        }
        if anonymize_logs || anonymize_response {
            let mut policy = policy.unwrap_or_else(mask_everything);
            if !settings.column_map.is_empty() {
                if !policy["column_map"].is_object() {
                    policy["column_map"] = json!({});
                }
                for (column, kind) in &settings.column_map {
                    policy["column_map"][column] = json!(kind);
                }
            }
            if let Some(threshold) = settings.threshold {
                policy["threshold"] = json!(threshold);
            }
            told["privacy"] = policy;
        }
        Ok(Some(ascii(&told.to_string())))
    }
}

/// What applies where there is no policy: everything personal is masked.
fn mask_everything() -> Value {
    let actions: Map<String, Value> = PiiType::ALL.iter().map(|kind| (kind.name().to_owned(), json!("mask"))).collect();
    json!({ "actions": actions })
}

/// JSON in ASCII alone, which is what a header holds.
fn ascii(json: &str) -> String {
    let mut ascii = String::with_capacity(json.len());
    for character in json.chars() {
        if character.is_ascii() {
            ascii.push(character);
            continue;
        }
        for unit in character.encode_utf16(&mut [0; 2]) {
            ascii.push_str(&format!("\\u{unit:04x}"));
        }
    }
    ascii
}
