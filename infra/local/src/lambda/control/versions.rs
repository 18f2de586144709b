//! `PublishVersion` and `ListVersionsByFunction`.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Answer, Call, check_revision, check_settled, invalid};
use crate::lambda::Lambda;
use crate::lambda::model::{Configuration, State, Version, now, revision};

impl Lambda {
    pub(super) fn publish_version(self: &Arc<Self>, call: &Call) -> Answer {
        let target = call.target()?;
        let arn = self.find(&target)?.arn(self.region(), None);
        let (number, function) = self.change(&target, |function| {
            check_settled(function, &arn)?;
            if let State::Failed(_, reason) = &function.latest.state {
                return Err(super::conflict(format!("The function is in the state Failed and cannot be published: {reason}")));
            }
            check_revision(call.text("RevisionId"), &function.latest.revision_id)?;
            let current = function.latest.configuration.code.sha256();
            if let Some(given) = call.text("CodeSha256")
                && given != current
            {
                return Err(invalid(format!(
                    "CodeSHA256 ({given}) is different from current CodeSHA256 in $LATEST ({current}). Please try again \
                     with the CodeSHA256 in $LATEST."
                )));
            }
            // Nothing changed since the last one: that one is the answer.
            if let Some((number, last)) = function.versions.last_key_value()
                && same(&last.configuration, &function.latest.configuration)
            {
                return Ok(*number);
            }
            let number = function.next_version;
            function.next_version += 1;
            let mut version =
                Version { version: number.to_string(), revision_id: revision(), last_modified: now(), ..function.latest.clone() };
            if let Some(description) = call.text("Description") {
                version.configuration.description = description.to_owned();
            }
            function.versions.insert(number, version);
            Ok(number)
        })?;
        let version = function.versions.get(&number).ok_or_else(|| self.not_found(&target))?;
        Ok((201, self.describe(&function, version, None)))
    }

    pub(super) fn list_versions(&self, call: &Call) -> Answer {
        let target = call.target()?;
        let function = self.find(&target)?;
        let count = call.query.get("MaxItems").and_then(|text| text.parse().ok()).unwrap_or(50usize).clamp(1, 50);
        let marker: u64 = call.query.get("Marker").and_then(|text| text.parse().ok()).unwrap_or(0);
        let first = (marker == 0).then_some((0, &function.latest));
        let mut rest = first
            .into_iter()
            .chain(function.versions.iter().map(|(number, version)| (*number, version)).filter(|(number, _)| *number >= marker.max(1)));
        let page: Vec<Value> = rest.by_ref().take(count).map(|(_, version)| self.describe(&function, version, None)).collect();
        let next = rest.next().map(|(number, _)| number.to_string());
        Ok((200, json!({ "Versions": page, "NextMarker": next })))
    }
}

/// Whether two configurations run the same; a description is no difference.
fn same(left: &Configuration, right: &Configuration) -> bool {
    Configuration { description: String::new(), ..left.clone() } == Configuration { description: String::new(), ..right.clone() }
}
