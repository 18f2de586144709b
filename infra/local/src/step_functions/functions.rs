//! The JSONata functions that Step Functions adds to the language's own, and the one that it takes away.

use jsonata_core::evaluator::{Evaluator, EvaluatorError};
use jsonata_core::value::JValue;
use md5::Md5;
use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};
use serde_json::Value;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384, Sha512};

type Outcome = Result<JValue, EvaluatorError>;

/// The most elements that `$range` makes: Step Functions' own limit is lower.
const LONGEST_RANGE: f64 = 10_000.0;
/// The longest text that `$hash` takes, in characters.
const LONGEST_HASHED: usize = 10_000;

/// Makes the functions known to an evaluator.
pub fn register(evaluator: &mut Evaluator) {
    let registered = [
        evaluator.register_fn("partition", partition),
        evaluator.register_fn("range", range),
        evaluator.register_fn("hash", hash),
        evaluator.register_fn("uuid", uuid),
        evaluator.register_fn("parse", parse),
        evaluator.register_fn_override("random", random),
        evaluator.register_fn_override("eval", eval),
    ];
    debug_assert!(registered.iter().all(Result::is_ok), "a function's name collides with a built-in one");
}

fn refuse(message: impl Into<String>) -> EvaluatorError {
    EvaluatorError::EvaluationError(message.into())
}

fn number(arguments: &[JValue], index: usize, function: &str) -> Result<f64, EvaluatorError> {
    arguments.get(index).and_then(JValue::as_f64).ok_or_else(|| refuse(format!("${function}: argument {} must be a number", index + 1)))
}

fn text<'a>(arguments: &'a [JValue], index: usize, function: &str) -> Result<&'a str, EvaluatorError> {
    arguments.get(index).and_then(JValue::as_str).ok_or_else(|| refuse(format!("${function}: argument {} must be a string", index + 1)))
}

/// `$partition(array, size)`: the array in chunks; the last may be shorter.
fn partition(arguments: &[JValue]) -> Outcome {
    let array = arguments.first().and_then(JValue::as_array).ok_or_else(|| refuse("$partition: argument 1 must be an array"))?;
    let size = number(arguments, 1, "partition")?.trunc();
    if size < 1.0 {
        return Err(refuse("$partition: the chunk's size must be at least 1"));
    }
    Ok(JValue::array(array.chunks(size as usize).map(|chunk| JValue::array(chunk.to_vec())).collect()))
}

/// `$range(first, last, step)`: the numbers from the first to the last, both included.
fn range(arguments: &[JValue]) -> Outcome {
    let (first, last, step) = (number(arguments, 0, "range")?, number(arguments, 1, "range")?, number(arguments, 2, "range")?);
    if step == 0.0 {
        return Err(refuse("$range: the step must not be 0"));
    }
    let count = ((last - first) / step).floor() + 1.0;
    if count > LONGEST_RANGE {
        return Err(refuse(format!("$range: {count} elements are more than the limit of {LONGEST_RANGE}")));
    }
    let count = count.max(0.0) as u32;
    Ok(JValue::array((0..count).map(|index| JValue::from_f64(first + f64::from(index) * step)).collect()))
}

/// `$hash(text, algorithm)`: the digest in hexadecimal.
fn hash(arguments: &[JValue]) -> Outcome {
    let data = text(arguments, 0, "hash")?;
    if data.chars().count() > LONGEST_HASHED {
        return Err(refuse(format!("$hash: the text is longer than {LONGEST_HASHED} characters")));
    }
    let data = data.as_bytes();
    Ok(JValue::from(match text(arguments, 1, "hash")? {
        "MD5" => hex::encode(Md5::digest(data)),
        "SHA-1" => hex::encode(Sha1::digest(data)),
        "SHA-256" => hex::encode(Sha256::digest(data)),
        "SHA-384" => hex::encode(Sha384::digest(data)),
        "SHA-512" => hex::encode(Sha512::digest(data)),
        other => return Err(refuse(format!("$hash: '{other}' is none of MD5, SHA-1, SHA-256, SHA-384, SHA-512"))),
    }))
}

/// `$uuid()`: a random UUID, version 4.
fn uuid(_: &[JValue]) -> Outcome {
    Ok(JValue::from(super::random_uuid()))
}

/// `$random([seed])`: a number from 0 to 1, 1 excluded; the same seed gives the same number.
fn random(arguments: &[JValue]) -> Outcome {
    let number = match arguments.first() {
        None | Some(JValue::Undefined) => rand::rng().random::<f64>(),
        Some(_) => StdRng::seed_from_u64(number(arguments, 0, "random")?.to_bits()).random::<f64>(),
    };
    Ok(JValue::from_f64(number))
}

/// `$parse(text)`: the value of a JSON text.
fn parse(arguments: &[JValue]) -> Outcome {
    let value: Value =
        serde_json::from_str(text(arguments, 0, "parse")?).map_err(|error| refuse(format!("$parse: not valid JSON: {error}")))?;
    Ok(JValue::from(value))
}

/// `$eval` is not part of Step Functions' JSONata; `$parse` reads JSON.
fn eval(_: &[JValue]) -> Outcome {
    Err(refuse("$eval is not supported by Step Functions; use $parse to read JSON"))
}

/// Sixteen random bytes.
pub(super) fn random_bytes() -> [u8; 16] {
    let mut bytes = [0; 16];
    rand::rng().fill_bytes(&mut bytes);
    bytes
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::super::expression::{Scope, Template};
    use super::*;

    fn value(source: &str) -> Result<Value, String> {
        Template::Expression(source.to_owned()).evaluate(&Scope::default(), "Output").map_err(|error| error.cause.unwrap_or_default())
    }

    #[test]
    fn documented_examples_hold() {
        assert_eq!(value("$partition([1,2,3,4,5,6,7,8,9], 4)"), Ok(json!([[1, 2, 3, 4], [5, 6, 7, 8], [9]])));
        assert_eq!(value("$range(1, 9, 2)"), Ok(json!([1, 3, 5, 7, 9])));
        assert_eq!(value("$range(3, 1, -1)"), Ok(json!([3, 2, 1])));
        assert_eq!(value("$hash('Hello', 'MD5')"), Ok(json!("8b1a9953c4611296a827abf8c47804d7")));
        assert_eq!(value("$hash('', 'SHA-1')"), Ok(json!("da39a3ee5e6b4b0d3255bfef95601890afd80709")));
        assert_eq!(value("$parse('{\"a\": [1]}').a"), Ok(json!([1])));
        assert_eq!(value("$random(7) = $random(7)"), Ok(json!(true)));
        assert_eq!(value("$random() < 1"), Ok(json!(true)));
        let id = value("$uuid()").unwrap();
        assert_eq!(uuid::Uuid::parse_str(id.as_str().unwrap()).unwrap().get_version_num(), 4);
    }

    #[test]
    fn bad_arguments_are_explained() {
        for (source, message) in [
            ("$partition(1, 2)", "must be an array"),
            ("$partition([1], 0)", "at least 1"),
            ("$range(1, 2, 0)", "must not be 0"),
            ("$range(1, 99999, 1)", "more than the limit"),
            ("$hash('a', 'CRC')", "none of MD5"),
            ("$parse('{')", "not valid JSON"),
        ] {
            let error = value(source).unwrap_err();
            assert!(error.contains(message), "{source}: {error}");
        }
    }
}
