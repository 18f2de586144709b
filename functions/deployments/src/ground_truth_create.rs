//! `POST /api/mlops/deployments/{deployment_id}/ground-truth`: what turned out to be true of predictions.

use std::collections::{BTreeSet, HashMap};

use serde::Serialize;
use serde_json::Value;
use shared::domain::ground_truth::GroundTruth;
use shared::domain::inference_log::InferenceLog;
use shared::error::FieldProblem;
use shared::http::response;
use shared::{Error, ErrorKind, Platform, Request, Response, Result, Timestamp, config};
use utoipa::ToSchema;

use crate::access;
use crate::prediction::shown;
use crate::views::problem::Problem;

const LONGEST_BODY: usize = 1024 * 1024;
const MOST: usize = 1000;
const LONGEST_VALUE: usize = 1000;
/// A prediction that is younger than this, in milliseconds, may have no record yet.
const YOUNG: i64 = 600_000;

/// What turned out to be true of one prediction. A list of them is taken too.
#[derive(Debug, ToSchema)]
#[allow(dead_code)]
pub struct GroundTruthRequest {
    /// The prediction's id, as the prediction has it.
    prediction_id: String,
    /// The true label or number.
    #[schema(value_type = Object, example = "1")]
    value: Value,
}

/// It is kept.
#[derive(Debug, Serialize, ToSchema)]
pub struct GroundTruthStored {
    /// True.
    pub ok: bool,
    /// How many were kept.
    #[schema(example = 1)]
    pub stored: usize,
}

/// Post ground truth
///
/// What is said of a prediction again takes the place of what was said before.
#[utoipa::path(
    post,
    path = "/api/mlops/deployments/{deployment_id}/ground-truth",
    operation_id = "deployments_ground_truth_create",
    tag = "Project predictions",
    params(("deployment_id" = String, Path, description = "The deployment")),
    request_body = GroundTruthRequest,
    responses(
        (status = 200, description = "It is kept", body = GroundTruthStored),
        (status = 401, description = "Not signed in", body = Problem),
        (status = 404, description = "The caller has no such deployment, or it made no such prediction", body = Problem),
        (status = 413, description = "The body is too long", body = Problem),
        (status = 422, description = "A field does not hold what it must", body = Problem),
    )
)]
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let (_, deployment) = access::deployment(platform, &request).await?;
    let given = read(&request)?;
    let store = platform.store()?;
    let ids: BTreeSet<String> = given.iter().map(|truth| truth.prediction_id.clone()).collect();
    let records = store.inference_logs_by_id(&deployment.id, &ids).await?;
    let mut truths = Vec::with_capacity(given.len());
    for truth in given {
        truths.push(with_prediction(truth, &records)?);
    }
    store.keep_ground_truths(&deployment.id, &truths, platform.config.number(config::INFERENCE_LOG_DAYS)?).await?;
    response::ok(&GroundTruthStored { ok: true, stored: truths.len() })
}

/// What was told, with what was predicted.
fn with_prediction(mut truth: GroundTruth, records: &HashMap<String, InferenceLog>) -> Result<GroundTruth> {
    let missing = || {
        let shown: String = truth.prediction_id.chars().take(80).collect();
        Error::not_found(format!("Prediction {shown} not found: this deployment made no such prediction, or its record has expired"))
    };
    let Some(record) = records.get(&truth.prediction_id) else {
        let made = shared::id::milliseconds(&truth.prediction_id).ok_or_else(missing)?;
        let age = Timestamp::now().milliseconds() - made;
        return if (-YOUNG..YOUNG).contains(&age) { Ok(truth) } else { Err(missing()) };
    };
    if u64::from(truth.record) >= record.rows.max(1) {
        return Err(missing());
    }
    let predicted = record.predictions.as_ref().and_then(|predictions| predictions.get(truth.record as usize));
    truth.predicted = predicted.map(|value| shown(value.clone(), false));
    Ok(truth)
}

fn read(request: &Request) -> Result<Vec<GroundTruth>> {
    if request.body.len() > LONGEST_BODY {
        let message = format!("the body has {} bytes; at most {LONGEST_BODY} are accepted", request.body.len());
        return Err(Error::new(ErrorKind::PayloadTooLarge, message));
    }
    let refused = |location: Vec<String>, message: String, kind| {
        let location: Vec<String> = std::iter::once("body".to_owned()).chain(location).collect();
        Error::new(ErrorKind::Unprocessable, message.clone()).with_fields(vec![FieldProblem { location, message, kind }])
    };
    let body: Value = serde_json::from_slice(&request.body)
        .map_err(|error| refused(Vec::new(), format!("invalid JSON: {error}"), "value_error.jsondecode"))?;
    let (given, is_list) = match body {
        Value::Array(given) => (given, true),
        other => (vec![other], false),
    };
    if given.is_empty() || given.len() > MOST {
        return Err(refused(Vec::new(), format!("ensure this value has from 1 to {MOST} items"), "value_error.list.max_items"));
    }
    let now = Timestamp::now();
    let mut truths = Vec::with_capacity(given.len());
    for (at, given) in given.into_iter().enumerate() {
        let place = |field: &str| if is_list { vec![at.to_string(), field.to_owned()] } else { vec![field.to_owned()] };
        let Value::Object(mut given) = given else {
            return Err(refused(place(""), "value is not a valid dict".to_owned(), "type_error.dict"));
        };
        let id = match given.remove("prediction_id") {
            Some(Value::String(id)) if id.len() <= 80 => id,
            None | Some(Value::Null) => return Err(refused(place("prediction_id"), "field required".to_owned(), "value_error.missing")),
            Some(_) => return Err(refused(place("prediction_id"), "str type expected".to_owned(), "type_error.string")),
        };
        let value = match given.remove("value") {
            None | Some(Value::Null) => return Err(refused(place("value"), "field required".to_owned(), "value_error.missing")),
            Some(Value::Object(_) | Value::Array(_)) => {
                return Err(refused(place("value"), "a label or a number is expected".to_owned(), "type_error.string"));
            }
            Some(Value::String(text)) if text.len() > LONGEST_VALUE => {
                let message = format!("ensure this value has at most {LONGEST_VALUE} bytes");
                return Err(refused(place("value"), message, "value_error.any_str.max_length"));
            }
            Some(value) => value,
        };
        let (prediction_id, record) = match id.split_once('.') {
            Some((prediction_id, record)) => (prediction_id.to_owned(), record.parse().unwrap_or(u32::MAX)),
            None => (id, 0),
        };
        truths.push(GroundTruth { prediction_id, record, value, predicted: None, created_at: now });
    }
    Ok(truths)
}
