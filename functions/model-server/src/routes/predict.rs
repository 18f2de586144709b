//! `POST /predict`: rows in, predictions out.

use crate::{
    app::App,
    caller,
    deadline::deadline,
    engine::{Asked, Problem},
    error::Failure,
    inputs::{Batch, Probabilities, Request, bind, request},
    log::{Prediction, treated},
    platform::Treatment,
};
use axum::{
    body::{Body, Bytes, to_bytes},
    extract::State,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, StatusCode, header};
use jiff::Timestamp;
use privacy::Anonymiser;
use std::{sync::Arc, time::Instant};
use tokio::time::timeout_at;
use uuid::Uuid;

/// From this size on a body is read on a thread where it holds up no other request, in bytes.
const LARGE_BODY: usize = 128 * 1024;
/// The longest part of a model's message that is told, in characters.
const MESSAGE_LIMIT: usize = 2000;

/// Predicts. What the platform may ask for besides is told in [`crate::platform`]: contributions stand in the answer as
/// `"contributions"`, one list of `{"feature", "value"}` for each row. The accepted bodies are those of [`request::parse`]; the answer is the documents' own:
/// `{"model_name", "model_version", "predictions", "probabilities" (where asked for), "inference_time_ms", "timestamp"}`.
///
/// 400: not JSON, no rows, another model meant, probabilities that the model has not; 413: too large; 415: compressed; 422: a
/// column is missing, unknown or of the wrong type; 429: too many waiting; 500: the model failed; 503: it cannot be loaded;
/// 504: it took too long.
pub async fn predict(State(app): State<Arc<App>>, request: axum::extract::Request) -> Response {
    let began = Instant::now();
    let mut prediction = Prediction {
        id: Uuid::now_v7(),
        at: Timestamp::now().round(jiff::Unit::Millisecond).unwrap_or_default(),
        status: 200,
        latency_ms: 0.0,
        cold_start: app.is_cold_start(),
        batch: None,
        predictions: None,
        error: None,
        caller: caller::of(request.extensions(), app.log_deployment()),
        response_bytes: 0,
        check: caller::is_check(request.extensions()),
        treatment: Treatment { store_payload: false, ..Treatment::default() },
    };
    let answered = match Treatment::of(request.headers(), request.extensions()) {
        Ok(treatment) => {
            prediction.treatment = treatment;
            answer(&app, request, &mut prediction).await
        }
        Err(failure) => {
            // What was not meant for this version is none of its predictions.
            prediction.check |= failure.status == StatusCode::MISDIRECTED_REQUEST;
            Err(failure)
        }
    };
    let mut response = match answered {
        Ok((body, predictions)) => {
            prediction.response_bytes = body.len() as u64;
            prediction.predictions = Some(predictions);
            let mut response = Response::new(Body::from(body));
            response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
            response
        }
        Err(mut failure) => {
            prediction.error = Some(failure.detail.clone());
            if let Some(anonymiser) = &prediction.treatment.response {
                failure.detail = known(anonymiser, prediction.batch.as_deref()).text(&failure.detail);
            }
            prediction.response_bytes = failure.detail.len() as u64;
            failure.into_response()
        }
    };
    if let Ok(id) = HeaderValue::try_from(prediction.id.to_string()) {
        response.headers_mut().insert("x-prediction-id", id);
    }
    prediction.status = response.status().as_u16();
    prediction.latency_ms = milliseconds(began);
    app.log.add(prediction);
    response
}

/// The answer's body, and the predictions' JSON as the model gave them.
async fn answer(app: &App, request: axum::extract::Request, prediction: &mut Prediction) -> Result<(Bytes, Bytes), Failure> {
    let deadline = deadline(request.extensions(), app.limits.time);
    let late = |_| failure(Problem::Late, None);
    let body = timeout_at(deadline, body(app, request)).await.map_err(late)??;
    let large = body.len() >= LARGE_BODY;
    let parsed = aside(large, move || request::parse(&body)).await?;
    check_model(app, &parsed)?;
    let ready = timeout_at(deadline, app.engine.ready()).await;
    let ready =
        ready.map_err(|_| Failure::new(StatusCode::GATEWAY_TIMEOUT, "The model was not loaded in time for this request; try again."))?;
    let ready = ready.map_err(|problem| failure(problem, None))?;
    let began = Instant::now();
    let Request { inputs, return_probabilities, .. } = parsed;
    if return_probabilities == Probabilities::Yes && !ready.probabilities {
        return Err(Failure::bad("This model gives no probabilities; leave out \"return_probabilities\"."));
    }
    let served = Arc::clone(&app.served);
    let return_probabilities = return_probabilities != Probabilities::No && ready.probabilities;
    let batch = Arc::new(aside(large, move || bind::bind(inputs, &served.signature, &ready)).await?);
    prediction.batch = Some(Arc::clone(&batch));
    let treatment = &prediction.treatment;
    let asked = Asked { probabilities: return_probabilities, contributions: treatment.contributions, quiet: treatment.is_private() };
    let outputs = app.engine.predict(Arc::clone(&batch), asked, deadline).await;
    let outputs = outputs.map_err(|problem| failure(problem, Some(&batch)))?;
    let time = milliseconds(began);
    let model = &app.served.model;
    let (name, version) = (model.model_name.clone(), model.model_version.clone());
    let response = treatment.response.clone();
    let (body, predictions) = aside(batch.rows >= 10_000 || response.is_some(), move || {
        let mut body = Vec::with_capacity(256);
        body.extend_from_slice(b"{\"model_name\":");
        text(&mut body, &name);
        body.extend_from_slice(b",\"model_version\":");
        text(&mut body, &version);
        body.extend_from_slice(b",\"predictions\":");
        let start = body.len();
        outputs.predictions.write(&mut body);
        let range = start..body.len();
        let own = response.map(|anonymiser| {
            let own = Bytes::copy_from_slice(&body[range.clone()]);
            body.truncate(start);
            let anonymiser = known(&anonymiser, Some(&batch));
            let copy = serde_json::from_slice(&own).ok().and_then(|json| treated(&anonymiser, json));
            body.extend_from_slice(copy.as_ref().map_or("null", |json| json.get()).as_bytes());
            own
        });
        if let Some(probabilities) = &outputs.probabilities {
            body.extend_from_slice(b",\"probabilities\":");
            probabilities.write(&mut body);
        }
        if let Some(contributions) = &outputs.contributions {
            body.extend_from_slice(b",\"contributions\":");
            contributions.write(&mut body);
        }
        let now = Timestamp::now().round(jiff::Unit::Second).unwrap_or_default();
        body.extend_from_slice(format!(",\"inference_time_ms\":{time},\"timestamp\":\"{now}\"}}").as_bytes());
        let body = Bytes::from(body);
        let predictions = own.unwrap_or_else(|| body.slice(range));
        (body, predictions)
    })
    .await;
    if let Some(limit) = app.limits.answer {
        // The body travels as a text within JSON, where quotes and backslashes count twice.
        let escaped = body.len() + body.iter().filter(|byte| matches!(byte, b'"' | b'\\')).count();
        if escaped > limit {
            return Err(Failure::large("The answer is larger than the 6 MB that can be returned; send fewer rows."));
        }
    }
    Ok((body, predictions))
}

/// What treats an answer, knowing what the mapped columns of its rows hold.
fn known(anonymiser: &Anonymiser, batch: Option<&Batch>) -> Anonymiser {
    let anonymiser = anonymiser.clone();
    match batch.filter(|_| anonymiser.maps_columns()).and_then(|batch| batch.columns(usize::MAX)) {
        Some(columns) => anonymiser.knowing(&columns),
        None => anonymiser,
    }
}

/// Appends a text as JSON.
fn text(output: &mut Vec<u8>, text: &str) {
    output.extend_from_slice(serde_json::Value::from(text).to_string().as_bytes());
}

fn milliseconds(since: Instant) -> f64 {
    (since.elapsed().as_secs_f64() * 1_000_000.0).round() / 1000.0
}

/// Runs heavy work where it holds up no other request.
async fn aside<T: Send + 'static>(heavy: bool, work: impl FnOnce() -> T + Send + 'static) -> T {
    if !heavy {
        return work();
    }
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(problem) => match problem.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => std::future::pending().await,
        },
    }
}

async fn body(app: &App, request: axum::extract::Request) -> Result<Bytes, Failure> {
    let limit = app.limits.body;
    let too_large = || Failure::large(format!("The body is larger than {limit} bytes; send fewer rows at once."));
    let headers = request.headers();
    if headers.get(header::CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity") {
        return Err(Failure::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "Send the body as it is, without a content encoding."));
    }
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > limit) {
        return Err(too_large());
    }
    to_bytes(request.into_body(), limit).await.map_err(|problem| match problem_is_length(&problem) {
        true => too_large(),
        false => Failure::bad("The body broke off."),
    })
}

fn problem_is_length(problem: &axum::Error) -> bool {
    // axum gives the limit's error as the source and exports no type for it.
    std::error::Error::source(problem).is_some_and(|source| source.to_string().contains("length limit"))
}

fn check_model(app: &App, request: &Request) -> Result<(), Failure> {
    let model = &app.served.model;
    let other = |field: &str, asked: &Option<String>, served: &str| match asked {
        Some(asked) if asked != served => {
            Err(Failure::bad(format!("This is {} version {}, not {field} {asked:?}.", model.model_name, model.model_version)))
        }
        _ => Ok(()),
    };
    other("model_name", &request.model_name, &model.model_name)?;
    other("model_version", &request.model_version, &model.model_version)
}

/// What a caller is told of an engine's problem.
fn failure(problem: Problem, batch: Option<&Batch>) -> Failure {
    let mut detail: String = problem.to_string().chars().take(MESSAGE_LIMIT).collect();
    let status = match &problem {
        Problem::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
        Problem::Refused(_) => StatusCode::BAD_REQUEST,
        Problem::Model { kind, message } => match refused_values(kind, message, batch) {
            Some(reason) => {
                detail = reason;
                StatusCode::UNPROCESSABLE_ENTITY
            }
            None => StatusCode::INTERNAL_SERVER_ERROR,
        },
        Problem::Ended(_) => StatusCode::INTERNAL_SERVER_ERROR,
        Problem::Late => StatusCode::GATEWAY_TIMEOUT,
        Problem::Busy => StatusCode::TOO_MANY_REQUESTS,
    };
    Failure::new(status, detail)
}

/// Whether a model's error says that it does not accept the values it was given: nulls, or numbers too large for it.
fn refused_values(kind: &str, message: &str, batch: Option<&Batch>) -> Option<String> {
    if kind != "ValueError" {
        return None;
    }
    let first = message.lines().next().unwrap_or_default();
    let lower = message.to_lowercase();
    let nulls = &batch?.nulls;
    if !nulls.is_empty() && ["nan", "null", "missing"].iter().any(|word| lower.contains(word)) {
        let columns = nulls.iter().take(20).map(|name| format!("'{name}'")).collect::<Vec<_>>().join(", ");
        return Some(format!("The model does not accept missing values, and there is a null in {columns}: {first}"));
    }
    (lower.contains("too large for dtype") || lower.contains("contains infinity"))
        .then(|| format!("A number is too large for the model: {first}"))
}
