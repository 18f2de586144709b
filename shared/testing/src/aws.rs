//! AWS as the tests have it: one HTTP endpoint for all services.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use dynoxide::Database;
use http::{HeaderMap, Method};
use http_body_util::BodyExt as _;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use serde_json::{Value, json};

use crate::{ACCESS_KEY, BUCKET, SECRET_KEY, TABLE};

/// A call of a service, as it came.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// The service's name in signatures, for example `states`.
    pub service: String,
    /// The operation where the protocol names one in a header (`StartExecution`), else the method and path.
    pub operation: String,
    /// The body as JSON; null where it has none.
    pub body: Value,
}

/// What calls of an operation are answered with, by a part of the operation's name.
type Answers = Arc<Mutex<Vec<(String, Value)>>>;

pub struct Aws {
    pub address: SocketAddr,
    calls: Arc<Mutex<Vec<Call>>>,
    answers: Answers,
    _folder: tempfile::TempDir,
}

#[derive(Clone)]
struct Services {
    tables: SocketAddr,
    client: reqwest::Client,
    objects: S3Service,
    calls: Arc<Mutex<Vec<Call>>>,
    answers: Answers,
}

impl Aws {
    pub async fn start() -> Self {
        let database = Database::memory().unwrap();
        database.create_table(serde_json::from_value(table()).unwrap()).unwrap();
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let tables = listener.local_addr().unwrap();
        tokio::spawn(dynoxide::server::serve_on(listener, database));

        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join(BUCKET)).unwrap();
        let mut objects = S3ServiceBuilder::new(s3s_fs::FileSystem::new(folder.path()).unwrap());
        objects.set_auth(SimpleAuth::from_single(ACCESS_KEY, SECRET_KEY));

        let calls = Arc::default();
        let answers = Answers::default();
        // Every client of this kind needs one, even for plain HTTP. The second installation is refused.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().no_proxy();
        let services = Services {
            tables,
            client: client.build().unwrap(),
            objects: objects.build(),
            calls: Arc::clone(&calls),
            answers: Arc::clone(&answers),
        };
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = axum::Router::new().fallback(answer).with_state(services);
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, calls, answers, _folder: folder }
    }

    pub fn answer_with(&self, operation: &str, body: Value) {
        self.answers.lock().unwrap().push((operation.to_owned(), body));
    }

    pub fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap().clone()
    }
}

/// The table as `template.yaml` describes it.
fn table() -> Value {
    let attributes = ["pk", "sk", "gsi1pk", "gsi1sk", "gsi2pk", "gsi2sk"];
    let keys = |partition: &str, sort: &str| json!([{ "AttributeName": partition, "KeyType": "HASH" }, { "AttributeName": sort, "KeyType": "RANGE" }]);
    let index = |name: &str| {
        json!({
            "IndexName": name,
            "KeySchema": keys(&format!("{name}pk"), &format!("{name}sk")),
            "Projection": { "ProjectionType": "ALL" },
        })
    };
    json!({
        "TableName": TABLE,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": attributes.map(|name| json!({ "AttributeName": name, "AttributeType": "S" })),
        "KeySchema": keys("pk", "sk"),
        "GlobalSecondaryIndexes": [index("gsi1"), index("gsi2")],
    })
}

async fn answer(State(services): State<Services>, request: Request) -> Response {
    let service = service_of(request.headers(), request.uri().query().unwrap_or_default());
    if service == "s3" {
        let request = request.map(s3s::Body::http_body_unsync);
        return services.objects.call(request).await.unwrap().map(Body::new).into_response();
    }
    let (parts, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    if service == "dynamodb" {
        return services.dynamodb(parts.headers, body).await;
    }
    let target = parts.headers.get("x-amz-target").map(|value| value.to_str().unwrap().rsplit('.').next().unwrap().to_owned());
    let operation = target.unwrap_or_else(|| format!("{} {}", parts.method, parts.uri.path()));
    let call = Call { service, operation, body: serde_json::from_slice(&body).unwrap_or(Value::Null) };
    let prepared =
        services.answers.lock().unwrap().iter().rev().find(|(part, _)| call.operation.contains(part)).map(|(_, body)| body.clone());
    let answer = prepared.map_or_else(|| worked(&call, &parts.method), |body| axum::Json(body).into_response());
    services.calls.lock().unwrap().push(call);
    answer
}

impl Services {
    async fn dynamodb(&self, headers: HeaderMap, body: Bytes) -> Response {
        let answer = self.client.post(format!("http://{}/", self.tables)).headers(headers).body(body).send().await.unwrap();
        let (status, headers) = (answer.status(), answer.headers().clone());
        (status, headers, answer.bytes().await.unwrap()).into_response()
    }
}

/// The answer of a call that worked, as far as the platform reads it.
fn worked(call: &Call, method: &Method) -> Response {
    let body = match call.operation.as_str() {
        "StartExecution" => json!({ "executionArn": "arn:aws:states:us-east-1:000000000000:execution:x:y", "startDate": 1.0 }),
        "DescribeExecution" => json!({
            "executionArn": "arn:aws:states:us-east-1:000000000000:execution:x:y",
            "stateMachineArn": "arn:aws:states:us-east-1:000000000000:stateMachine:x", "startDate": 1.0, "status": "FAILED",
        }),
        // What the SDK insists on in the description of a state machine.
        "DescribeStateMachine" => json!({
            "stateMachineArn": "x", "name": "x", "definition": "{}", "roleArn": "x", "type": "STANDARD", "creationDate": 1.0,
        }),
        "StopExecution" => json!({ "stopDate": 1.0 }),
        _ => json!({}),
    };
    if method == Method::DELETE { http::StatusCode::NO_CONTENT.into_response() } else { axum::Json(body).into_response() }
}

/// The service that a signature is for.
fn service_of(headers: &HeaderMap, query: &str) -> String {
    let signature = headers.get("authorization").map_or(query, |value| value.to_str().unwrap_or_default()).replace("%2F", "/");
    let scope = signature.split("Credential=").nth(1).unwrap_or_default();
    scope.split('/').nth(3).unwrap_or_default().to_owned()
}
