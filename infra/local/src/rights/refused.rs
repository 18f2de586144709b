//! A call that its caller may not make.

use super::{Decision, Needed};
use crate::aws_error::AwsError;

/// What was refused to whom.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.message())]
pub struct Refused {
    /// Who called: a function, a state machine or a build project.
    pub caller: String,
    /// The ARN of the role that it has.
    pub role: String,
    /// What was missing.
    pub action: String,
    /// On what.
    pub resource: String,
    /// The line of the statement that denies it; none where no statement allows it.
    pub denied_at: Option<usize>,
}

impl Refused {
    pub(super) fn new(caller: &str, role: &str, needed: &Needed, decision: Decision) -> Self {
        Self {
            caller: caller.to_owned(),
            role: role.to_owned(),
            action: needed.action.clone(),
            resource: needed.resource.clone(),
            denied_at: match decision {
                Decision::Denied(line) => Some(line),
                _ => None,
            },
        }
    }

    /// AWS's own message.
    pub fn message(&self) -> String {
        let session = self.role.replacen(":iam:", ":sts:", 1).replacen(":role/", ":assumed-role/", 1);
        let reason = match self.denied_at {
            Some(_) => "with an explicit deny in an identity-based policy".to_owned(),
            None => format!("because no identity-based policy allows the {} action", self.action),
        };
        let Self { caller, action, resource, .. } = self;
        format!("User: {session}/{caller} is not authorized to perform: {action} on resource: {resource} {reason}")
    }

    /// What a person does about it.
    pub fn advice(&self) -> String {
        let Self { caller, action, resource, .. } = self;
        match self.denied_at {
            Some(line) => format!("{caller} may not {action} on {resource}: the template's line {line} denies it"),
            None => format!("{caller} may not {action} on {resource}: add it to its Policies in the template, or do not call it"),
        }
    }

    /// The error of a service whose refusals have the given status.
    pub fn error(&self, status: u16) -> AwsError {
        AwsError::new(status, "AccessDeniedException", self.message())
    }
}
