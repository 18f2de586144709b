//! The resource policy: who else may call a function.

use serde_json::{Value, json};

use super::{Answer, Call, conflict};
use crate::aws_error::AwsError;
use crate::lambda::Lambda;

impl Lambda {
    pub(super) fn add_permission(&self, call: &Call) -> Answer {
        let target = call.target()?;
        let sid = call.required("StatementId")?.to_owned();
        let function = self.find(&target)?;
        self.fixed_version(&function, &target)?;
        let principal = call.required("Principal")?;
        let principal = match principal {
            "*" => json!("*"),
            service if service.contains(".amazonaws.com") => json!({ "Service": service }),
            account => json!({ "AWS": account }),
        };
        let mut statement = json!({
            "Sid": sid,
            "Effect": "Allow",
            "Principal": principal,
            "Action": call.required("Action")?,
            "Resource": function.arn(self.region(), target.qualifier.as_deref()),
        });
        if let Some(kind) = call.text("FunctionUrlAuthType") {
            statement["Condition"] = json!({ "StringEquals": { "lambda:FunctionUrlAuthType": kind } });
        }
        if let Some(source) = call.text("SourceArn") {
            statement["Condition"]["ArnLike"] = json!({ "AWS:SourceArn": source });
        }
        self.change(&target, |function| {
            let statements = function.permissions.entry(target.label().to_owned()).or_default();
            if statements.iter().any(|other| other["Sid"] == sid.as_str()) {
                let message = format!(
                    "The statement id ({sid}) provided already exists. Please provide a new statement id, or remove the \
                     existing statement."
                );
                return Err(conflict(message));
            }
            statements.push(statement.clone());
            Ok(())
        })?;
        Ok((201, json!({ "Statement": statement.to_string() })))
    }

    pub(super) fn get_policy(&self, call: &Call) -> Answer {
        let target = call.target()?;
        let function = self.find(&target)?;
        let statements = function.permissions.get(target.label()).filter(|statements| !statements.is_empty());
        let statements = statements.ok_or_else(no_policy)?;
        let policy = json!({ "Version": "2012-10-17", "Id": "default", "Statement": statements });
        Ok((200, json!({ "Policy": policy.to_string(), "RevisionId": function.latest.revision_id })))
    }

    pub(super) fn remove_permission(&self, call: &Call, sid: &str) -> Answer {
        let target = call.target()?;
        self.change(&target, |function| {
            let statements = function.permissions.get_mut(target.label()).ok_or_else(no_policy)?;
            let before = statements.len();
            statements.retain(|statement| statement["Sid"] != sid);
            if statements.len() == before { Err(no_policy()) } else { Ok(()) }
        })?;
        Ok((204, Value::Null))
    }
}

fn no_policy() -> AwsError {
    AwsError::new(404, "ResourceNotFoundException", "The resource you requested does not exist.")
}
