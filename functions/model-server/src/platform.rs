//! What the platform, and nobody else, may ask of a prediction besides: how it is logged, made unreadable, and explained.
//!
//! The header reaches this server through a direct invocation only, which takes the right to invoke the function. Through the
//! function's own URL anybody can send it, and there it is passed over: see [`caller::is_platform`].

use crate::{caller, error::Failure};
use http::{HeaderMap, StatusCode};
use privacy::{Anonymiser, Policy};
use serde::Deserialize;
use std::sync::Arc;

/// The header's name.
pub const HEADER: &str = "x-serveml-options";
/// The longest header, in bytes.
const LENGTH_LIMIT: usize = 512 * 1024;

/// How one prediction is treated.
#[derive(Clone, Debug)]
pub struct Treatment {
    /// Whether the answer tells each feature's contribution.
    pub contributions: bool,
    /// Whether the log holds the inputs.
    pub store_payload: bool,
    /// What makes the log's copy of inputs, predictions and messages unreadable, where it is to be.
    pub log: Option<Arc<Anonymiser>>,
    /// The same for the answer.
    pub response: Option<Arc<Anonymiser>>,
}

/// The header's JSON.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Options {
    #[serde(default)]
    include_contributions: bool,
    #[serde(default = "yes")]
    store_payload: bool,
    #[serde(default)]
    privacy: Option<Policy>,
    #[serde(default)]
    anonymize_logs: bool,
    #[serde(default)]
    anonymize_response: bool,
    /// The versions of the function for which all this is meant; absent: whichever is asked.
    #[serde(default)]
    versions: Option<Vec<String>>,
}

fn yes() -> bool {
    true
}

impl Default for Treatment {
    fn default() -> Self {
        Self { contributions: false, store_payload: true, log: None, response: None }
    }
}

impl Treatment {
    /// The treatment that a request asks for.
    ///
    /// # Errors
    /// 400, where the platform's header cannot be understood: nothing may be stored then on a guess. 421, where it is meant for
    /// another version.
    pub fn of(headers: &HeaderMap, extensions: &http::Extensions) -> Result<Self, Failure> {
        let Some(header) = headers.get(HEADER).filter(|_| caller::is_platform(extensions)) else { return Ok(Self::default()) };
        Self::read(header.as_bytes(), std::env::var("AWS_LAMBDA_FUNCTION_VERSION").ok().as_deref())
    }

    fn read(header: &[u8], version: Option<&str>) -> Result<Self, Failure> {
        let wrong = |what: &dyn std::fmt::Display| Failure::bad(format!("The header {HEADER} is wrong: {what}."));
        if header.len() > LENGTH_LIMIT {
            return Err(wrong(&format_args!("it is longer than {LENGTH_LIMIT} bytes")));
        }
        if !header.trim_ascii_start().starts_with(b"{") {
            return Err(wrong(&"it is no JSON object"));
        }
        // The text of the JSON's own error could quote the policy's key.
        let options: Options = serde_json::from_slice(header)
            .map_err(|error| wrong(&format_args!("it is not the JSON of options (line {}, column {})", error.line(), error.column())))?;
        // An alias may have moved on its way: the next version's data are to be treated as the next version's settings say.
        if let (Some(versions), Some(version)) = (&options.versions, version)
            && !versions.iter().any(|meant| meant == version)
        {
            return Err(Failure::new(StatusCode::MISDIRECTED_REQUEST, format!("The request is not meant for version {version}.")));
        }
        let anonymiser = match options.privacy {
            Some(policy) => {
                Some(Arc::new(Anonymiser::new(policy).map_err(|error| wrong(&format_args!("in the privacy policy, {error}")))?))
            }
            None if options.anonymize_logs || options.anonymize_response => {
                return Err(wrong(&"\"anonymize_logs\" and \"anonymize_response\" need a policy in \"privacy\""));
            }
            None => None,
        };
        Ok(Self {
            contributions: options.include_contributions,
            store_payload: options.store_payload,
            log: anonymiser.clone().filter(|_| options.anonymize_logs),
            response: anonymiser.filter(|_| options.anonymize_response),
        })
    }

    /// Whether nothing of the request may reach the log as it is: neither what the model prints nor the message of an error.
    pub fn is_private(&self) -> bool {
        !self.store_payload || self.log.is_some()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_header_is_read_with_its_defaults() {
        let treatment = Treatment::read(b"{}", None).unwrap();
        assert!(treatment.store_payload && !treatment.contributions && treatment.log.is_none() && !treatment.is_private());
        let given = br#"{"include_contributions":true,"store_payload":false,"privacy":{"actions":{"email":"mask"}},"anonymize_logs":true}"#;
        let treatment = Treatment::read(given, None).unwrap();
        assert!(treatment.contributions && !treatment.store_payload && treatment.log.is_some() && treatment.response.is_none());
        assert!(treatment.is_private());
    }

    #[test]
    fn what_cannot_be_understood_is_refused_without_quoting_it() {
        let hash = br#"{"privacy":{"actions":{"email":"hash"}},"anonymize_logs":true}"#;
        let key = br#"{"privacy":{"key":"a secret of sixteen","actions":{"a secret":"mask"}}}"#;
        for wrong in [b"".as_slice(), b"no", b"[]", br#"{"store_payload":1}"#, br#"{"other":1}"#, br#"{"anonymize_logs":true}"#, hash, key]
        {
            let failure = Treatment::read(wrong, None).unwrap_err();
            assert_eq!(failure.status, 400);
            assert!(failure.detail.contains(HEADER) && !failure.detail.contains("secret"), "{}", failure.detail);
        }
        assert!(Treatment::read(&vec![b' '; LENGTH_LIMIT + 1], None).unwrap_err().detail.contains("longer"));
    }

    #[test]
    fn what_is_meant_for_another_version_is_refused() {
        let header = br#"{"versions":["3","4"]}"#;
        assert!(Treatment::read(header, Some("4")).is_ok() && Treatment::read(header, None).is_ok());
        assert_eq!(Treatment::read(header, Some("5")).unwrap_err().status, 421);
    }

    #[test]
    fn it_is_passed_over_where_no_platform_asks() {
        let headers = [(HEADER.parse().unwrap(), "nonsense".parse().unwrap())].into_iter().collect();
        assert!(Treatment::of(&headers, &http::Extensions::new()).unwrap().store_payload);
    }
}
