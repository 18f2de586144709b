//! What a statement demands beside action and resource.

use super::Needed;
use super::pattern::Pattern;

/// The operators that the laptop cloud evaluates, with what each does.
const OPERATORS: [(&str, Operator); 4] =
    [("StringEquals", Operator::Equals), ("StringLike", Operator::Like), ("ArnLike", Operator::ArnLike), ("Bool", Operator::Truth)];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Equals,
    Like,
    ArnLike,
    Truth,
}

/// One key of one operator: the call must have it, with one of the values.
#[derive(Debug)]
pub struct Condition {
    operator: Operator,
    key: String,
    values: Vec<Pattern>,
}

impl Condition {
    /// A condition as a policy has it; the error says what the laptop cloud cannot evaluate.
    pub fn new(operator: &str, key: &str, values: Vec<String>) -> Result<Self, String> {
        let known = OPERATORS.iter().find(|(name, _)| *name == operator);
        let (_, known) = known.ok_or_else(|| {
            let names = OPERATORS.map(|(name, _)| name).join(", ");
            format!("the laptop cloud cannot evaluate the condition operator {operator}; it has {names}")
        })?;
        if let Some(variable) = values.iter().find(|value| value.contains("${")) {
            return Err(format!("the laptop cloud cannot evaluate the policy variable in {variable}"));
        }
        Ok(Self { operator: *known, key: key.to_owned(), values: values.into_iter().map(Pattern::new).collect() })
    }

    /// Whether a call meets it. A key that the call does not have is not met, as on AWS.
    pub fn holds(&self, needed: &Needed) -> bool {
        let Some(value) = needed.context(&self.key) else { return false };
        self.values.iter().any(|wanted| match self.operator {
            Operator::Equals => wanted.text() == value,
            Operator::Like => wanted.matches(value),
            Operator::ArnLike => wanted.matches_arn(value),
            Operator::Truth => wanted.text().eq_ignore_ascii_case(value),
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_call_without_the_key_does_not_meet_a_condition() {
        let condition = Condition::new("StringLike", "s3:prefix", vec!["artifacts/*".into()]).unwrap();
        let call = Needed::new("s3:ListBucket", "arn:aws:s3:::b");
        assert!(!condition.holds(&call));
        assert!(condition.holds(&call.clone().with("s3:prefix", "artifacts/1/")));
        assert!(!condition.holds(&call.with("s3:prefix", "")));
    }

    #[test]
    fn what_cannot_be_evaluated_is_refused() {
        assert!(Condition::new("IpAddress", "aws:SourceIp", vec!["10.0.0.0/8".into()]).unwrap_err().contains("IpAddress"));
        assert!(Condition::new("StringLike", "s3:prefix", vec!["${aws:username}/*".into()]).unwrap_err().contains("variable"));
    }
}
