//! A role of the template: all statements that its policies give it.

use super::Needed;
use super::statement::{Effect, Statement};

/// A role with its statements.
#[derive(Debug)]
pub struct Role {
    /// Its ARN.
    pub arn: String,
    /// Whom the template gives these rights, by logical id: the role itself, or the function or state machine that it was made for.
    pub owner: String,
    /// The statements of all its policies.
    pub statements: Vec<Statement>,
}

/// What a role's statements say of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// It may be made.
    Allowed,
    /// A statement denies it: the one on this line.
    Denied(usize),
    /// No statement allows it.
    NotAllowed,
}

impl Role {
    /// Decides on a call as AWS does: what is denied is denied, else what is allowed is allowed, else it is refused.
    pub fn decide(&self, needed: &Needed) -> Decision {
        let mut decision = Decision::NotAllowed;
        for statement in &self.statements {
            if statement.effect == Effect::Allow && decision == Decision::Allowed {
                continue;
            }
            if statement.matches(needed) {
                match statement.effect {
                    Effect::Deny => return Decision::Denied(statement.line),
                    Effect::Allow => decision = Decision::Allowed,
                }
            }
        }
        decision
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn statement(line: usize, effect: Effect, action: &str, resource: &str) -> Statement {
        Statement::new(line, effect, vec![action.into()], vec![resource.into()], Vec::new()).unwrap()
    }

    #[test]
    fn a_denial_wins_over_everything_and_silence_refuses() {
        let role = Role {
            arn: "arn:aws:iam::000000000000:role/r".into(),
            owner: "r".into(),
            statements: vec![
                statement(1, Effect::Allow, "lambda:InvokeFunction", "arn:aws:lambda:us-east-1:000000000000:function:demo-*"),
                statement(2, Effect::Deny, "LAMBDA:invoke*", "arn:aws:lambda:us-east-1:000000000000:function:demo-model-*"),
            ],
        };
        let decide =
            |action: &str, name: &str| role.decide(&Needed::new(action, format!("arn:aws:lambda:us-east-1:000000000000:function:{name}")));
        assert_eq!(decide("lambda:InvokeFunction", "demo-jobs"), Decision::Allowed);
        assert_eq!(decide("lambda:InvokeFunction", "demo-model-x"), Decision::Denied(2));
        assert_eq!(decide("lambda:InvokeFunction", "other"), Decision::NotAllowed);
        assert_eq!(decide("lambda:GetFunction", "demo-jobs"), Decision::NotAllowed);
    }
}
