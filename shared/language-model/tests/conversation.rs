//! A conversation with a stand-in for Bedrock's Converse API: what the model is sent, and what becomes of what it answers.
#![allow(clippy::unwrap_used)]

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_config::{BehaviorVersion, Region};
use aws_credential_types::Credentials;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use language_model::{LanguageModel, LookUps, Tool};
use serde_json::{Value, json};
use shared::config::Config;
use shared::{Error, ErrorKind, Platform};

/// The answers to come, and the requests that came.
#[derive(Clone, Default)]
struct Bedrock {
    answers: Arc<Mutex<VecDeque<(u16, Value)>>>,
    requests: Arc<Mutex<Vec<(String, Value)>>>,
}

async fn converse(State(bedrock): State<Bedrock>, uri: axum::http::Uri, Json(body): Json<Value>) -> (StatusCode, Json<Value>) {
    bedrock.requests.lock().unwrap().push((uri.path().to_owned(), body));
    let next = bedrock.answers.lock().unwrap().pop_front();
    // Without an answer it keeps the caller waiting.
    let Some((status, answer)) = next else { return std::future::pending().await };
    (StatusCode::from_u16(status).unwrap(), Json(answer))
}

impl Bedrock {
    async fn start(answers: Vec<(u16, Value)>) -> (Self, LanguageModel) {
        let bedrock = Self { answers: Arc::new(Mutex::new(answers.into())), ..Self::default() };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = axum::Router::new().fallback(axum::routing::post(converse)).with_state(bedrock.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        let sdk = aws_config::defaults(BehaviorVersion::v2026_01_12())
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new("test", "secret", None, None, "test"))
            .endpoint_url(format!("http://{address}"));
        let platform = Platform::load(Config::of(&[]), sdk).await;
        (bedrock, LanguageModel::new(&platform, "some.model-v1".to_owned()))
    }
}

fn message(content: Value) -> (u16, Value) {
    let body = json!({
        "output": { "message": { "role": "assistant", "content": content } },
        "stopReason": "end_turn",
        "usage": { "inputTokens": 1, "outputTokens": 1, "totalTokens": 2 },
        "metrics": { "latencyMs": 1 }
    });
    (200, body)
}

fn tools() -> [Tool; 1] {
    let input = json!({ "type": "object", "properties": { "run_id": { "type": "string" } }, "required": ["run_id"] });
    [Tool { name: "get_run", description: "A run", input }]
}

struct Runs;

#[async_trait::async_trait]
impl LookUps for Runs {
    async fn look_up(&self, name: &str, input: Value) -> Result<Value, Error> {
        assert_eq!(name, "get_run");
        match input["run_id"].as_str() {
            Some("run_1") => Ok(json!({ "id": "run_1", "status": "failed", "attempts": 3, "loss": 0.5 })),
            _ => Err(Error::not_found("Run not found")),
        }
    }
}

#[tokio::test]
async fn the_model_answers_from_the_look_ups_that_it_asked_for() {
    let (bedrock, model) = Bedrock::start(vec![
        message(json!([{ "toolUse": { "toolUseId": "t1", "name": "get_run", "input": { "run_id": "run_1" } } }])),
        message(json!([{ "toolUse": { "toolUseId": "t2", "name": "get_run", "input": { "run_id": "run_9" } } }])),
        message(json!([{ "text": "run_1 failed after 3 attempts." }])),
    ])
    .await;
    let answer = model.answer("Answer from the look-ups only.", "Why did run_1 fail?", &tools(), &Runs).await.unwrap();
    assert_eq!(answer, "run_1 failed after 3 attempts.");
    let requests = bedrock.requests.lock().unwrap();
    assert_eq!(requests[0].0, "/model/some.model-v1/converse");
    assert_eq!(requests[0].1["toolConfig"]["tools"][0]["toolSpec"]["name"], "get_run");
    assert_eq!(requests[0].1["toolConfig"]["tools"][0]["toolSpec"]["inputSchema"]["json"]["required"], json!(["run_id"]));
    assert_eq!(requests[0].1["system"][0]["text"], "Answer from the look-ups only.");
    let found = &requests[1].1["messages"][2]["content"][0]["toolResult"];
    assert_eq!((&found["toolUseId"], &found["status"]), (&json!("t1"), &json!("success")));
    assert_eq!(found["content"][0]["json"], json!({ "id": "run_1", "status": "failed", "attempts": 3, "loss": 0.5 }));
    let missing = &requests[2].1["messages"][4]["content"][0]["toolResult"];
    assert_eq!((&missing["status"], &missing["content"][0]["json"]["error"]), (&json!("error"), &json!("Run not found")));
}

#[tokio::test]
async fn a_model_that_never_answers_and_one_that_refuses_are_unavailable() {
    let ask = || message(json!([{ "toolUse": { "toolUseId": "t", "name": "get_run", "input": { "run_id": "run_1" } } }]));
    let (_, model) = Bedrock::start((0..20).map(|_| ask()).collect()).await;
    let error = model.answer("", "?", &tools(), &Runs).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.public_message().contains("some.model-v1"), "{}", error.public_message());
    let (_, model) = Bedrock::start(vec![(400, json!({ "__type": "ValidationException", "message": "The model is not enabled." }))]).await;
    let error = model.answer("", "?", &tools(), &Runs).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.public_message().contains("The model is not enabled."), "{}", error.public_message());
}

#[tokio::test]
async fn an_answer_that_takes_too_long_is_not_waited_for() {
    let ask = message(json!([{ "toolUse": { "toolUseId": "t", "name": "get_run", "input": { "run_id": "run_1" } } }]));
    let (bedrock, model) = Bedrock::start(vec![ask]).await;
    let error = model.with_longest_answer(Duration::from_millis(500)).answer("", "?", &tools(), &Runs).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.public_message().contains("in time"), "{}", error.public_message());
    assert!(!bedrock.requests.lock().unwrap().is_empty());
}
