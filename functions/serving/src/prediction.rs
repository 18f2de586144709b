//! What the two routes that predict have in common: one example is told from many, the model is asked, and its answer is
//! put into the document's words.

use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use shared::domain::deployment::{Deployment, ModelMetadata};
use shared::domain::project::Target;
use shared::error::FieldProblem;
use shared::http::response;
use shared::model_functions::{ModelRequest, ModelResponse};
use shared::paging::PageRequest;
use shared::projects::choices::Choices;
use shared::{Error, ErrorKind, Platform, Request, Response, Result};
use utoipa::ToSchema;

/// The longest body with data to predict from, in bytes: Lambda hands at most 6 MB on.
pub const LONGEST_BODY: usize = 4 * 1024 * 1024;

/// How long a model is waited for; the gateway waits for 30 seconds.
const LONGEST_WAIT: Duration = Duration::from_secs(27);
/// Arrays within arrays deeper than this are no tensor that a model takes.
const DEEPEST: usize = 16;
const VERSIONS_LOOKED_AT: u32 = 100;

/// One prediction.
#[derive(Debug, Serialize, ToSchema)]
pub struct Prediction {
    /// What the model predicts.
    #[schema(value_type = Object, example = 0)]
    pub prediction: Value,
    /// The probability of each class, where the model gives any.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<f64>>, nullable = false, example = json!([0.98, 0.01, 0.01]))]
    pub probabilities: Option<Value>,
    /// The version that answered.
    #[schema(example = "v1")]
    pub model_version: String,
    /// How long it took, in milliseconds.
    #[schema(example = 42)]
    pub response_time_ms: u64,
}

/// Several predictions.
#[derive(Debug, Serialize, ToSchema)]
pub struct BatchPrediction {
    /// What the model predicts for each example.
    #[schema(value_type = Vec<Object>, example = json!([0, 2, 0]))]
    pub predictions: Value,
    /// The probabilities of the classes for each example, where the model gives any.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<Vec<f64>>>, nullable = false)]
    pub probabilities: Option<Value>,
    /// The version that answered.
    #[schema(example = "v1")]
    pub model_version: String,
    /// How long it took, in milliseconds.
    #[schema(example = 58)]
    pub response_time_ms: u64,
    /// How many examples there were.
    #[schema(example = 3)]
    pub batch_size: usize,
}

/// One or several, as the data was.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub enum PredictionResponse {
    /// For one example.
    Single(Prediction),
    /// For a list of examples.
    Batch(BatchPrediction),
}

/// Predicts from `data` with the version of a deployment that is live.
///
/// # Errors
/// `BadRequest`, naming `data`, when the model cannot take it; `Conflict` when no version answers yet; `ModelFailed` with the
/// model's reason; `TooManyRequests` when all its instances are busy; `Internal` when AWS does not answer.
pub async fn predict(platform: &Platform, request: &Request, deployment: &Deployment, data: Value) -> Result<Response> {
    let began = Instant::now();
    if !deployment.is_live() {
        let reason = deployment.error.as_deref().unwrap_or("its first version is on its way");
        return Err(Error::conflict(format!("The deployment is {}: {reason}.", deployment.status.name())));
    }
    let (inputs, is_single) = inputs(data, &deployment.model)?;
    let body = json!({ "inputs": inputs, "return_probabilities": "if_available" });
    let caller = caller_of(request);
    let target = Target::of(deployment).ok_or_else(|| Error::broken("a deployment that answers has a version"))?;
    let options = Choices::default().options_for(platform, deployment).await?;
    let asking = ModelRequest { method: "POST", path: "/predict", body: Some(&body), caller: Some(&caller), options: options.as_deref() };
    let asked = platform.model_functions().ask(&target.function_name, &target.qualifier, &asking);
    let answer = match tokio::time::timeout(LONGEST_WAIT, asked).await {
        Ok(Err(error)) if error.kind() == ErrorKind::Unavailable => {
            return Err(Error::new(ErrorKind::ModelFailed, error.to_string()).quoting_the_request());
        }
        Ok(answer) => answer?,
        Err(_) => {
            let message = format!("The model gave no answer within {} seconds; send fewer examples at once.", LONGEST_WAIT.as_secs());
            return Err(Error::new(ErrorKind::ModelFailed, message));
        }
    };
    let mut body = understood(answer)?;
    let model_version = version(platform, deployment, body["model_version"].as_str().unwrap_or_default()).await?;
    let predictions = body["predictions"].take();
    let probabilities = body.get_mut("probabilities").map(Value::take).filter(|value| !value.is_null());
    let response_time_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    let first = |values: Value| match values {
        Value::Array(values) => values.into_iter().next().unwrap_or(Value::Null),
        other => other,
    };
    response::ok(&match is_single {
        true => PredictionResponse::Single(Prediction {
            prediction: first(predictions),
            probabilities: probabilities.map(first),
            model_version,
            response_time_ms,
        }),
        false => PredictionResponse::Batch(BatchPrediction {
            batch_size: predictions.as_array().map_or(0, Vec::len),
            predictions,
            probabilities,
            model_version,
            response_time_ms,
        }),
    })
}

/// Who asks, as the model's log may know it: always the same for the same caller, and nobody's name.
fn caller_of(request: &Request) -> String {
    let who = request.caller.user_id().map_or_else(|| format!("address#{}", request.client_address), |id| format!("user#{id}"));
    Sha256::digest(who.as_bytes()).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// The deployment's version that serves a version of its registered model.
async fn version(platform: &Platform, deployment: &Deployment, answered: &str) -> Result<String> {
    let live = deployment.live_model_version.map(|version| version.to_string());
    if live.as_deref() == Some(answered) || live.is_none() {
        return Ok(format!("v{}", deployment.live_version.unwrap_or(1)));
    }
    // The traffic moved while the model was asked.
    let page = PageRequest { limit: VERSIONS_LOOKED_AT, after: None };
    let versions = platform.store()?.deployment_versions(&deployment.id, &page).await?;
    let found = versions.items.iter().find(|version| version.model_version.to_string() == answered);
    Ok(found.or(versions.items.first()).map_or_else(|| format!("v{answered}"), |version| format!("v{}", version.number)))
}

/// The body of an answer that predicts; an error for any other, in the model's own words.
fn understood(answer: ModelResponse) -> Result<Value> {
    let said = || answer.body["detail"].as_str().map_or_else(|| answer.body.to_string(), str::to_owned);
    // The model's words can quote the inputs: they are the caller's to read, and not the log's.
    let refused = match answer.status {
        200 => return Ok(answer.body),
        400 | 413 | 415 | 422 => invalid(&said()),
        429 => Error::new(ErrorKind::TooManyRequests, said()),
        _ => Error::new(ErrorKind::ModelFailed, said()),
    };
    Err(refused.quoting_the_request())
}

fn invalid(reason: &str) -> Error {
    let problem = FieldProblem { location: vec!["body".into(), "data".into()], message: reason.to_owned(), kind: "value_error" };
    Error::bad_request(format!("The provided input is invalid: {reason}")).with_fields(vec![problem])
}

/// The model's inputs, always several, and whether the data was one example.
fn inputs(data: Value, model: &ModelMetadata) -> Result<(Value, bool)> {
    let rank = model.input_shape.as_ref().map(Vec::len);
    match data {
        Value::Null => Err(invalid("Expected array of numbers")),
        Value::Object(features) => named(features),
        Value::Array(items) => listed(items, rank),
        // One text, say, for a model of texts.
        value if rank.is_none_or(|rank| rank == 0) && value.is_string() => Ok((json!([value]), true)),
        _ => Err(invalid("Expected array of numbers")),
    }
}

fn named(features: Map<String, Value>) -> Result<(Value, bool)> {
    if features.is_empty() {
        return Err(invalid("Expected at least one feature"));
    }
    let is_single = features.values().all(|value| !value.is_array());
    if !is_single {
        return Ok((Value::Object(features), false));
    }
    Ok((Value::Object(features.into_iter().map(|(name, value)| (name, json!([value]))).collect()), true))
}

fn listed(items: Vec<Value>, rank: Option<usize>) -> Result<(Value, bool)> {
    if items.is_empty() {
        return Err(invalid("Expected at least one number, got an empty array"));
    }
    if items.iter().any(Value::is_object) {
        if !items.iter().all(Value::is_object) {
            return Err(invalid("Expected every example to be an object of named features, as the first is or others are"));
        }
        return Ok((Value::Array(items), false));
    }
    let depth = depth(&items)?;
    let is_single = match rank {
        // Nobody knows: an array is an example, an array of arrays are several.
        None => depth == 1,
        Some(rank) if depth == rank => true,
        Some(rank) if depth == rank + 1 => false,
        Some(rank) => {
            let (one, many) = (arrays(rank), arrays(rank + 1));
            return Err(invalid(&format!("Expected {one} for one example or {many} for several, got {}", arrays(depth))));
        }
    };
    let items = Value::Array(items);
    Ok((if is_single { json!([items]) } else { items }, is_single))
}

/// How deep the arrays are nested, of which all have the same length on each level.
fn depth(items: &[Value]) -> Result<usize> {
    let mut level: Vec<&Value> = items.iter().collect();
    for depth in 1..=DEEPEST {
        let Some(Value::Array(first)) = level.first() else {
            return match level.iter().any(|value| value.is_array() || value.is_object()) {
                true => Err(invalid("Expected array of numbers, got numbers and arrays beside each other")),
                false => Ok(depth),
            };
        };
        let mut next = Vec::with_capacity(level.len() * first.len());
        for (at, value) in level.iter().enumerate() {
            let Value::Array(values) = value else {
                return Err(invalid("Expected array of numbers, got numbers and arrays beside each other"));
            };
            if values.len() != first.len() {
                let message =
                    format!("Expected arrays of the same length: the first has {}, number {} has {}", first.len(), at + 1, values.len());
                return Err(invalid(&message));
            }
            next.extend(values);
        }
        if next.is_empty() {
            return Err(invalid("Expected array of numbers, got empty arrays"));
        }
        level = next;
    }
    Err(invalid(&format!("Expected at most {DEEPEST} arrays within each other")))
}

fn arrays(depth: usize) -> String {
    match depth {
        0 => "a value".to_owned(),
        1 => "an array of numbers".to_owned(),
        2 => "an array of arrays of numbers".to_owned(),
        depth => format!("{depth} arrays within each other"),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn model(shape: Option<&[u64]>) -> ModelMetadata {
        let input_shape = shape.map(|shape| shape.iter().copied().map(Some).collect());
        ModelMetadata { input_shape, ..ModelMetadata::default() }
    }

    #[test]
    fn what_the_model_says_is_the_callers_alone() {
        for status in [400, 413, 415, 422, 429, 500, 503] {
            let answer = ModelResponse { status, body: json!({ "detail": "could not convert 'Anna Smith'" }), ..ModelResponse::default() };
            let refused = understood(answer).unwrap_err();
            assert!(refused.public_message().contains("Anna Smith"));
            assert!(!refused.to_string().contains("Anna") && !format!("{refused:?}").contains("Anna"), "{refused}");
        }
    }

    #[test]
    fn one_example_is_told_from_several() {
        for (data, shape, expected) in [
            (json!([5.1, 3.5]), Some(&[2][..]), (json!([[5.1, 3.5]]), true)),
            (json!([[5.1, 3.5]]), Some(&[2][..]), (json!([[5.1, 3.5]]), false)),
            (json!([5.1, 3.5]), None, (json!([[5.1, 3.5]]), true)),
            (json!([[1], [2]]), None, (json!([[1], [2]]), false)),
            (json!([[1, 2], [3, 4]]), Some(&[2, 2][..]), (json!([[[1, 2], [3, 4]]]), true)),
            (json!([[[1, 2], [3, 4]]]), Some(&[2, 2][..]), (json!([[[1, 2], [3, 4]]]), false)),
            (json!({ "a": 1, "b": "x" }), Some(&[2][..]), (json!({ "a": [1], "b": ["x"] }), true)),
            (json!({ "a": [1, 2] }), Some(&[1][..]), (json!({ "a": [1, 2] }), false)),
            (json!([{ "a": 1 }, { "a": 2 }]), Some(&[1][..]), (json!([{ "a": 1 }, { "a": 2 }]), false)),
            (json!("a text"), None, (json!(["a text"]), true)),
            (json!(["a text", "another"]), Some(&[][..]), (json!(["a text", "another"]), false)),
        ] {
            assert_eq!(inputs(data.clone(), &model(shape)).unwrap(), expected, "{data}");
        }
    }

    #[test]
    fn what_no_model_takes_is_refused_with_the_reason() {
        let deep = (0..40).fold(json!(1), |inner, _| json!([inner]));
        for (data, shape, reason) in [
            (json!(null), None, "Expected array of numbers"),
            (json!(5), Some(&[4][..]), "Expected array of numbers"),
            (json!(true), None, "Expected array of numbers"),
            (json!("abc"), Some(&[4][..]), "Expected array of numbers"),
            (json!([]), None, "Expected at least one number, got an empty array"),
            (json!([[]]), None, "Expected array of numbers, got empty arrays"),
            (json!({}), None, "Expected at least one feature"),
            (json!([[1, 2], [3]]), Some(&[2][..]), "Expected arrays of the same length: the first has 2, number 2 has 1"),
            (json!([[1], 2]), None, "Expected array of numbers, got numbers and arrays beside each other"),
            (json!([1, [2]]), None, "Expected array of numbers, got numbers and arrays beside each other"),
            (json!([{ "a": 1 }, 2]), None, "Expected every example to be an object of named features, as the first is or others are"),
            (
                json!([[[1]]]),
                Some(&[1][..]),
                "Expected an array of numbers for one example or an array of arrays of numbers for several, got 3 arrays within each other",
            ),
            (deep, None, "Expected at most 16 arrays within each other"),
        ] {
            let error = inputs(data.clone(), &model(shape)).unwrap_err();
            assert_eq!((error.kind(), error.fields()[0].message.as_str()), (ErrorKind::BadRequest, reason), "{data}");
        }
    }
}
