//! How a call names a function: `name`, `name:qualifier`, or an ARN with or without qualifier.

use super::model::LATEST;
use crate::aws_error::AwsError;

/// A function's name and which version or alias of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Qualified {
    /// The function's name.
    pub name: String,
    /// A version's number, an alias, or `None` for `$LATEST`.
    pub qualifier: Option<String>,
}

impl Qualified {
    /// The version that changes of a function.
    pub fn latest(name: &str) -> Self {
        Self { name: name.to_owned(), qualifier: None }
    }

    /// Reads what a caller wrote; `separate` is a qualifier that came beside it.
    pub fn parse(text: &str, separate: Option<&str>) -> Result<Self, AwsError> {
        let invalid = || {
            let message = format!("1 validation error detected: {text:?} is not a function's name or ARN");
            AwsError::new(400, "InvalidParameterValueException", message)
        };
        let rest = if text.starts_with("arn:") {
            text.split_once(":function:").map(|(_, rest)| rest).ok_or_else(invalid)?
        } else {
            // A partial ARN: `000000000000:function:name`.
            text.split_once(":function:").map_or(text, |(_, rest)| rest)
        };
        let (name, inline) = match rest.split_once(':') {
            Some((name, qualifier)) => (name, Some(qualifier)),
            None => (rest, None),
        };
        let plain =
            |part: &str| !part.is_empty() && part.len() <= 140 && part.chars().all(|c| c.is_ascii_alphanumeric() || "-_$".contains(c));
        let qualifier = match (inline, separate) {
            (Some(inline), Some(separate)) if inline != separate => {
                let message = "The derived qualifier from the function name does not match the specified qualifier.";
                return Err(AwsError::new(400, "InvalidParameterValueException", message));
            }
            (inline, separate) => inline.or(separate),
        };
        if !plain(name) || qualifier.is_some_and(|qualifier| !plain(qualifier)) {
            return Err(invalid());
        }
        Ok(Self { name: name.to_owned(), qualifier: qualifier.map(String::from) })
    }

    /// The qualifier, with [`LATEST`] for none.
    pub fn label(&self) -> &str {
        self.qualifier.as_deref().unwrap_or(LATEST)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_form_of_a_name_is_read() {
        let expected = Qualified { name: "f".into(), qualifier: Some("live".into()) };
        for text in ["f:live", "arn:aws:lambda:us-east-1:000000000000:function:f:live", "000000000000:function:f:live"] {
            assert_eq!(Qualified::parse(text, None).unwrap(), expected);
        }
        assert_eq!(Qualified::parse("f", Some("live")).unwrap(), expected);
        assert_eq!(Qualified::parse("f", None).unwrap().label(), "$LATEST");
        for text in ["", "a/b", "arn:aws:s3:::b", "f:../x"] {
            assert!(Qualified::parse(text, None).is_err(), "{text}");
        }
        assert!(Qualified::parse("f:1", Some("2")).is_err());
    }
}
