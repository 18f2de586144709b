//! What the two routes that predict have in common: the request is read, the model is asked, and its answer is put into the
//! document's words.

use std::time::{Duration, Instant};

use privacy::PiiType;
use serde::Serialize;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use shared::domain::deployment::Deployment;
use shared::domain::project::Project;
use shared::error::FieldProblem;
use shared::http::fields::Fields;
use shared::http::response;
use shared::model_functions::{ModelRequest, ModelResponse};
use shared::{Error, ErrorKind, Platform, Request, Response, Result};
use utoipa::ToSchema;

/// The longest body with inputs, in bytes: Lambda hands at most 6 MB on.
const LONGEST_BODY: usize = 4 * 1024 * 1024;
/// The most records of one request.
const MOST_RECORDS: usize = 50_000;
/// When the caller must have an answer; the gateway waits for 30 seconds.
const DEADLINE: Duration = Duration::from_millis(28_500);
/// The shortest time that a model has, however long its deployment was waited for.
const SHORTEST: Duration = Duration::from_secs(4);

/// What to predict from, and how.
#[derive(Debug, ToSchema)]
#[schema(as = ProjectPredictRequest)]
#[allow(dead_code)]
pub struct PredictRequest {
    /// One record, or a list of them.
    #[schema(value_type = Object, example = json!({ "amount": 29.99, "merchant_id": 42, "hour": 14 }))]
    inputs: Value,
    /// How to predict.
    options: Option<PredictOptions>,
}

/// How to predict.
#[derive(Debug, Clone, Default, PartialEq, ToSchema)]
pub struct PredictOptions {
    /// Whether to tell what each feature contributed; not every kind of model can.
    pub include_contributions: Option<bool>,
    /// Whether the record of the prediction holds the inputs; true where absent.
    pub store_payload: Option<bool>,
    /// A privacy policy of the project's, in place of the deployment's.
    pub privacy_policy_id: Option<String>,
    /// Whether the record is anonymised, in place of what the deployment says.
    pub anonymize_logs: Option<bool>,
    /// Whether the answer is anonymised, in place of what the deployment says.
    pub anonymize_response: Option<bool>,
}

/// One prediction.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ProjectPrediction)]
pub struct Prediction {
    /// What the model predicts: a label as text, a number as number.
    #[schema(value_type = Object, example = "0")]
    pub prediction: Value,
    /// The probability of each class, where the model gives any.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<f64>>, nullable = false)]
    pub probabilities: Option<Value>,
    /// By which ground truth can be given for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub prediction_id: Option<String>,
}

/// Predictions.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ProjectPredictions)]
pub struct Predictions {
    /// One for each record, in their order.
    pub predictions: Vec<Prediction>,
    /// What each feature contributed, for each record; the one named `BiasTerm` is the model's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<Vec<Object>>>, nullable = false)]
    pub contributions: Option<Value>,
    /// How long it took, in milliseconds.
    #[schema(example = 45)]
    pub latency_ms: u64,
    /// The request's record.
    pub prediction_id: Option<String>,
    /// The deployment that answered.
    pub deployment_id: String,
}

/// A request for predictions that was read.
#[derive(Debug)]
pub struct Asked {
    inputs: Value,
    is_single: bool,
    options: PredictOptions,
    /// The policy that the request names.
    policy: Option<Value>,
}

impl Asked {
    /// The request's body.
    ///
    /// # Errors
    /// `PayloadTooLarge`, `Unprocessable`; `NotFound` when the project has no such privacy policy.
    pub async fn of(platform: &Platform, request: &Request, project: &Project) -> Result<Self> {
        let mut fields = Fields::of_body(request, LONGEST_BODY)?;
        fields.require("inputs");
        let inputs = fields.any("inputs");
        let is_single = inputs.as_ref().is_some_and(Value::is_object);
        let inputs = records(&mut fields, inputs);
        let options = options(&mut fields);
        fields.finish()?;
        let policy = match &options.privacy_policy_id {
            Some(id) => {
                crate::deployment_create::check_policy(platform, request, project, id).await?;
                platform.store()?.privacy_policy_of_project(&project.id, id).await?
            }
            None => None,
        };
        Ok(Self { inputs: Value::Array(inputs), is_single, options, policy })
    }
}

/// The inputs as a list of records; what is wrong with them is noted.
fn records(fields: &mut Fields, inputs: Option<Value>) -> Vec<Value> {
    let mut wrong = |message: &str| fields.fault(&["inputs"], message, "type_error.dict");
    let inputs = match inputs {
        None => return Vec::new(),
        Some(Value::Object(record)) => vec![Value::Object(record)],
        Some(Value::Array(records)) => records,
        Some(_) => {
            wrong("value is not a record (an object of features) or a list of records");
            return Vec::new();
        }
    };
    // A model that was trained without names of features takes lists of values.
    let as_first = inputs.first().map(std::mem::discriminant);
    if inputs.is_empty() {
        wrong("ensure this value has at least 1 record");
    } else if inputs.len() > MOST_RECORDS {
        wrong(&format!("ensure this value has at most {MOST_RECORDS} records"));
    } else if inputs.iter().any(|record| Some(std::mem::discriminant(record)) != as_first || !(record.is_object() || record.is_array())) {
        wrong("every record must be an object of features");
    } else if inputs.iter().any(|record| record.as_object().is_some_and(Map::is_empty) || record.as_array().is_some_and(Vec::is_empty)) {
        wrong("a record has no features");
    }
    inputs
}

fn options(fields: &mut Fields) -> PredictOptions {
    let mut options = PredictOptions::default();
    let Some(Value::Object(given)) = fields.object("options", 64 * 1024, 8) else { return options };
    for (name, value) in given.into_iter().filter(|(_, value)| !value.is_null()) {
        let flag = match name.as_str() {
            "include_contributions" => &mut options.include_contributions,
            "store_payload" => &mut options.store_payload,
            "anonymize_logs" => &mut options.anonymize_logs,
            "anonymize_response" => &mut options.anonymize_response,
            "privacy_policy_id" => {
                match value {
                    Value::String(id) if !id.is_empty() && id.len() <= 80 => options.privacy_policy_id = Some(id),
                    _ => fields.fault(&["options", &name], "str type expected", "type_error.string"),
                }
                continue;
            }
            _ => {
                let shown: String = name.chars().take(80).collect();
                fields.fault(&["options", &shown], "extra fields not permitted", "value_error.extra");
                continue;
            }
        };
        match value.as_bool() {
            Some(value) => *flag = Some(value),
            None => fields.fault(&["options", &name], "value could not be parsed to a boolean", "type_error.bool"),
        }
    }
    options
}

/// What the model server is asked besides the prediction; `None` where that is nothing. A policy anonymises records unless it
/// is told not to, and answers where it is told to.
async fn options_for(platform: &Platform, asked: &Asked, deployment: &Deployment, versions: Option<&[&str]>) -> Result<Option<String>> {
    let (options, settings) = (&asked.options, &deployment.privacy);
    let policy =
        match (&asked.policy, &settings.policy_id) {
            (Some(policy), _) => Some(policy.clone()),
            (None, Some(id)) => {
                let policy = platform.store()?.privacy_policy_of_project(deployment.project(), id).await?;
                // Never without the protection that was asked for.
                Some(policy.ok_or_else(|| {
                    Error::conflict(format!("The deployment's privacy policy {id} was deleted; deploy with another one."))
                })?)
            }
            (None, None) => None,
        };
    let anonymize_logs = options.anonymize_logs.or(settings.anonymize_logs).unwrap_or(policy.is_some());
    let anonymize_response = options.anonymize_response.or(settings.anonymize_response).unwrap_or(false);
    let (include_contributions, store_payload) = (options.include_contributions.unwrap_or(false), options.store_payload.unwrap_or(true));
    if !include_contributions && store_payload && !anonymize_logs && !anonymize_response && versions.is_none() {
        return Ok(None);
    }
    let mut told = json!({
        "include_contributions": include_contributions, "store_payload": store_payload,
        "anonymize_logs": anonymize_logs, "anonymize_response": anonymize_response,
    });
    if let Some(versions) = versions {
        told["versions"] = json!(versions);
    }
    if anonymize_logs || anonymize_response {
        let mut policy = policy.unwrap_or_else(mask_everything);
        if !settings.column_map.is_empty() {
            if !policy["column_map"].is_object() {
                policy["column_map"] = json!({});
            }
            for (column, kind) in &settings.column_map {
                policy["column_map"][column] = json!(kind);
            }
        }
        if let Some(threshold) = settings.threshold {
            policy["threshold"] = json!(threshold);
        }
        told["privacy"] = policy;
    }
    Ok(Some(ascii(&told.to_string())))
}

/// What applies where there is no policy: everything personal is masked.
fn mask_everything() -> Value {
    let actions: Map<String, Value> = PiiType::ALL.iter().map(|kind| (kind.name().to_owned(), json!("mask"))).collect();
    json!({ "actions": actions })
}

/// JSON in ASCII alone, which is what a header holds.
fn ascii(json: &str) -> String {
    let mut ascii = String::with_capacity(json.len());
    for character in json.chars() {
        if character.is_ascii() {
            ascii.push(character);
            continue;
        }
        for unit in character.encode_utf16(&mut [0; 2]) {
            ascii.push_str(&format!("\\u{unit:04x}"));
        }
    }
    ascii
}

/// Whom a request for predictions is sent to.
#[derive(Debug, Clone, Copy)]
pub struct Addressee<'a> {
    /// The function.
    pub function_name: &'a str,
    /// A version of it, or an alias.
    pub qualifier: &'a str,
    /// The versions behind the alias for which the request is meant; absent where no alias is asked.
    pub versions: Option<&'a [&'a str]>,
}

/// Asks a version, or an alias, for predictions; `None` where the alias leads to another version by now. `deployment` is the one
/// whose settings apply.
///
/// # Errors
/// `BadRequest` or `Unprocessable` in the model's words when it cannot do what is asked; `ModelFailed` with its reason;
/// `TooManyRequests` when all its instances are busy; `Internal` when AWS does not answer.
pub async fn ask(
    platform: &Platform,
    request: &Request,
    asked: &Asked,
    to: Addressee<'_>,
    deployment: &Deployment,
    began: Instant,
) -> Result<Option<ModelResponse>> {
    let body = json!({ "inputs": asked.inputs, "return_probabilities": "if_available" });
    let options = options_for(platform, asked, deployment, to.versions).await?;
    let caller = caller_of(request);
    let asking = ModelRequest { method: "POST", path: "/predict", body: Some(&body), caller: Some(&caller), options: options.as_deref() };
    let left = DEADLINE.saturating_sub(began.elapsed()).max(SHORTEST);
    let answer = match tokio::time::timeout(left, platform.model_functions().ask(to.function_name, to.qualifier, &asking)).await {
        Ok(Err(error)) if error.kind() == ErrorKind::Unavailable => return Err(Error::new(ErrorKind::ModelFailed, error.to_string())),
        Ok(answer) => answer?,
        Err(_) => {
            let message = format!("The model gave no answer within {} seconds; send fewer records at once.", left.as_secs());
            return Err(Error::new(ErrorKind::ModelFailed, message));
        }
    };
    let said = || answer.body["detail"].as_str().map_or_else(|| answer.body.to_string(), str::to_owned);
    // The model's words can quote the inputs: they are the caller's to read, and not the log's.
    let refused = match answer.status {
        200 => return Ok(Some(answer)),
        421 if to.versions.is_some() => return Ok(None),
        400 => Error::bad_request(said()),
        413 => Error::new(ErrorKind::PayloadTooLarge, said()),
        415 | 422 => {
            let location = vec!["body".into(), "inputs".into()];
            let problem = FieldProblem { location, message: said(), kind: "value_error" };
            Error::new(ErrorKind::Unprocessable, said()).with_fields(vec![problem])
        }
        429 => Error::new(ErrorKind::TooManyRequests, said()),
        503 => Error::new(ErrorKind::Unavailable, said()),
        _ => Error::new(ErrorKind::ModelFailed, said()),
    };
    Err(refused.quoting_the_request())
}

/// Who asks, as the model's log may know it: always the same for the same caller, and nobody's name.
fn caller_of(request: &Request) -> String {
    let who = request.caller.user_id().map_or_else(|| format!("address#{}", request.client_address), |id| format!("user#{id}"));
    Sha256::digest(who.as_bytes()).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// The model's answer in the document's words.
///
/// # Errors
/// `BadRequest` when contributions were asked for and the model's server gives none.
pub fn respond(answer: ModelResponse, asked: &Asked, deployment_id: String, began: Instant) -> Result<Response> {
    let ModelResponse { mut body, prediction_id, .. } = answer;
    let contributions = body.get_mut("contributions").map(Value::take).filter(|value| !value.is_null());
    if contributions.is_none() && asked.options.include_contributions == Some(true) {
        return Err(Error::bad_request(
            "Contributions are not available for this deployment's model; leave out \"include_contributions\".",
        ));
    }
    let listed = |value: Option<&mut Value>| match value.map(Value::take) {
        Some(Value::Array(values)) => values,
        Some(Value::Null) | None => Vec::new(),
        Some(value) => vec![value],
    };
    let predictions = listed(body.get_mut("predictions"));
    let mut probabilities = listed(body.get_mut("probabilities")).into_iter();
    let predictions = predictions.into_iter().enumerate().map(|(at, prediction)| {
        let probabilities = probabilities.next().filter(|value| !value.is_null());
        Prediction {
            prediction: shown(prediction, probabilities.is_some()),
            probabilities,
            prediction_id: prediction_id.as_ref().map(|id| if asked.is_single { id.clone() } else { format!("{id}.{at}") }),
        }
    });
    response::ok(&Predictions {
        predictions: predictions.collect(),
        contributions,
        latency_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
        prediction_id: prediction_id.clone(),
        deployment_id,
    })
}

/// A prediction as the document shows it: classes are texts, also those that the model numbers; measures are numbers.
pub fn shown(prediction: Value, is_class: bool) -> Value {
    match prediction {
        Value::Number(number) if is_class || !number.is_f64() => Value::String(number.to_string()),
        Value::Bool(value) => Value::String(value.to_string()),
        other => other,
    }
}
