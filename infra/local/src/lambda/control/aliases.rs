//! Aliases: names for versions, which move.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::{Answer, Call, check_revision, conflict, invalid};
use crate::aws_error::AwsError;
use crate::lambda::Lambda;
use crate::lambda::model::{Alias, Function, revision};

impl Lambda {
    pub(super) fn create_alias(self: &Arc<Self>, call: &Call) -> Answer {
        let target = call.target()?;
        let name = call.required("Name")?.to_owned();
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
        let numeric = name.chars().all(|c| c.is_ascii_digit());
        if name.is_empty() || name.len() > 128 || !name.chars().all(plain) || numeric {
            return Err(invalid(format!("{name:?} is not an alias's name: letters, digits, - and _, not digits alone")));
        }
        let version = call.required("FunctionVersion")?.to_owned();
        let arn = self.find(&target)?.arn(self.region(), Some(&name));
        let (alias, function) = self.change(&target, |function| {
            if function.aliases.contains_key(&name) {
                return Err(conflict(format!("Alias already exists: {arn}")));
            }
            let weights = weights(function, &version, &call.body["RoutingConfig"])?.unwrap_or_default();
            check_version(function, &version)?;
            let description = call.text("Description").unwrap_or_default().to_owned();
            let alias = Alias { version, description, weights, revision_id: revision() };
            function.aliases.insert(name.clone(), alias.clone());
            Ok(alias)
        })?;
        Ok((201, self.describe_alias(&function, &name, &alias)))
    }

    pub(super) fn get_alias(&self, call: &Call, name: &str) -> Answer {
        let function = self.find(&call.target()?)?;
        let alias = function.aliases.get(name).ok_or_else(|| self.no_alias(&function, name))?;
        Ok((200, self.describe_alias(&function, name, alias)))
    }

    pub(super) fn list_aliases(&self, call: &Call) -> Answer {
        let function = self.find(&call.target()?)?;
        let wanted = call.query.get("FunctionVersion");
        let aliases: Vec<Value> = function
            .aliases
            .iter()
            .filter(|(_, alias)| wanted.is_none_or(|version| alias.version == *version))
            .map(|(name, alias)| self.describe_alias(&function, name, alias))
            .collect();
        Ok((200, json!({ "Aliases": aliases })))
    }

    pub(super) fn update_alias(self: &Arc<Self>, call: &Call, name: &str) -> Answer {
        let target = call.target()?;
        let missing = {
            let function = self.find(&target)?;
            self.no_alias(&function, name)
        };
        let (alias, function) = self.change(&target, |function| {
            let mut alias = function.aliases.get(name).cloned().ok_or(missing)?;
            check_revision(call.text("RevisionId"), &alias.revision_id)?;
            if let Some(version) = call.text("FunctionVersion") {
                check_version(function, version)?;
                alias.version = version.to_owned();
            }
            if let Some(description) = call.text("Description") {
                alias.description = description.to_owned();
            }
            if let Some(weights) = weights(function, &alias.version, &call.body["RoutingConfig"])? {
                alias.weights = weights;
            }
            alias.revision_id = revision();
            function.aliases.insert(name.to_owned(), alias.clone());
            Ok(alias)
        })?;
        self.reconcile_provisioned(&function);
        Ok((200, self.describe_alias(&function, name, &alias)))
    }

    pub(super) fn delete_alias(self: &Arc<Self>, call: &Call, name: &str) -> Answer {
        let target = call.target()?;
        let (had_url, function) = self.change(&target, |function| {
            function.aliases.remove(name);
            function.provisioned.remove(name);
            function.permissions.remove(name);
            Ok(function.urls.remove(name).is_some())
        })?;
        if had_url {
            self.close_url(&function.name, name);
        }
        self.reconcile_provisioned(&function);
        Ok((204, Value::Null))
    }

    fn describe_alias(&self, function: &Function, name: &str, alias: &Alias) -> Value {
        let mut answer = json!({
            "AliasArn": function.arn(self.region(), Some(name)),
            "Name": name,
            "FunctionVersion": alias.version,
            "Description": alias.description,
            "RevisionId": alias.revision_id,
        });
        if !alias.weights.is_empty() {
            answer["RoutingConfig"] = json!({ "AdditionalVersionWeights": alias.weights });
        }
        answer
    }

    fn no_alias(&self, function: &Function, name: &str) -> AwsError {
        let message = format!("Cannot find alias arn: {}", function.arn(self.region(), Some(name)));
        AwsError::new(404, "ResourceNotFoundException", message)
    }
}

fn check_version(function: &Function, version: &str) -> Result<(), AwsError> {
    match function.version(version) {
        Some(_) => Ok(()),
        None => Err(AwsError::new(404, "ResourceNotFoundException", format!("Function not found: version {version} of {}", function.name))),
    }
}

/// Reads `RoutingConfig`; `None` where there is none.
fn weights(function: &Function, main: &str, routing: &Value) -> Result<Option<BTreeMap<String, f64>>, AwsError> {
    if routing.is_null() {
        return Ok(None);
    }
    let mut weights = BTreeMap::new();
    for (version, weight) in routing["AdditionalVersionWeights"].as_object().into_iter().flatten() {
        check_version(function, version)?;
        let weight = weight.as_f64().filter(|weight| (0.0..=1.0).contains(weight));
        let weight = weight.ok_or_else(|| invalid(format!("The weight of version {version} must be from 0 to 1")))?;
        if version == main || version == "$LATEST" || main == "$LATEST" {
            return Err(invalid("An alias with weights needs two different published versions"));
        }
        weights.insert(version.clone(), weight);
    }
    if weights.len() > 1 {
        return Err(invalid("An alias can have one additional version"));
    }
    Ok(Some(weights))
}
