//! A platform for the handlers' tests: a real table (DynamoDB by `dynoxide`, in memory) and a real bucket (S3 by `s3s`, in
//! a temporary folder) that each test has for itself. Calls of other services are recorded and answered as if they had
//! worked. The laptop cloud, which runs everything, is for the end-to-end tests.
//!
//! Only tests use this crate, and what cannot be set up here ends the test.
#![allow(clippy::unwrap_used)]

mod aws;

use aws_config::{BehaviorVersion, Region};
use aws_credential_types::Credentials;
use bytes::Bytes;
use http::Method;
use serde_json::Value;
use shared::config::{self, Config};
use shared::{FunctionSet, Platform, Request, Response, functions};

pub use aws::Call;

pub(crate) const TABLE: &str = "table";
pub(crate) const BUCKET: &str = "bucket";
pub(crate) const ACCESS_KEY: &str = "test";
pub(crate) const SECRET_KEY: &str = "secret";

macro_rules! values {
    ($($more:expr),*) => {
        &[
            (config::TABLE_NAME, TABLE),
            (config::BUCKET_NAME, BUCKET),
            (config::TRAIN_STATE_MACHINE_ARN, "arn:aws:states:us-east-1:000000000000:stateMachine:train"),
            (config::DEPLOY_STATE_MACHINE_ARN, "arn:aws:states:us-east-1:000000000000:stateMachine:deploy"),
            (config::MODEL_FUNCTION_PREFIX, "serveml-model-"),
            (config::AUTHENTICATION, "documented"),
            (config::REGISTRATION, "open"),
            (config::INFERENCE_LOG_DAYS, "30"),
            (config::WEBHOOK_NETWORKS, "any"),
            (config::WEBHOOK_RETRY_SECONDS, "10"),
            (config::MODEL_MEMORY_MB, "2048"),
            (config::MODEL_TIMEOUT_SECONDS, "60"),
            (config::REPOSITORY_NAME, "repository"),
            $($more),*
        ]
    };
}

const VALUES: &[(config::Variable, &str)] = values!();
/// With what only those functions have that tell webhooks.
const TELLING_VALUES: &[(config::Variable, &str)] = values!(
    (config::WEBHOOK_STATE_MACHINE_ARN, "arn:aws:states:us-east-1:000000000000:stateMachine:webhook"),
    (config::API_URL, "https://api.serveml.com")
);

/// A platform of a test's own.
pub struct TestPlatform {
    /// What handlers are given.
    pub platform: Platform,
    aws: aws::Aws,
}

impl TestPlatform {
    /// A platform with an empty table and an empty bucket.
    pub async fn start() -> Self {
        Self::start_with(VALUES).await
    }

    /// The same, whose functions have webhooks told of what they change.
    pub async fn start_telling() -> Self {
        Self::start_with(TELLING_VALUES).await
    }

    /// The same with further values of the configuration, each instead of what it was before; the last
    /// one of a name counts. They are kept for the rest of the process.
    pub async fn start_telling_with(more: Vec<(config::Variable, String)>) -> Self {
        let others = TELLING_VALUES.iter().filter(|(name, _)| more.iter().all(|(other, _)| other != name)).copied();
        let more = more.iter().rev().map(|(name, value)| (*name, &*value.clone().leak()));
        Self::start_with(others.chain(more).collect::<Vec<_>>().leak()).await
    }

    async fn start_with(values: &'static [(config::Variable, &'static str)]) -> Self {
        let aws = aws::Aws::start().await;
        let sdk = aws_config::defaults(BehaviorVersion::v2026_01_12())
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new(ACCESS_KEY, SECRET_KEY, None, None, "test"))
            .endpoint_url(format!("http://{}", aws.address));
        Self { platform: Platform::load(Config::of(values), sdk).await, aws }
    }

    /// The calls that were made so far of services other than DynamoDB and S3.
    pub fn calls(&self) -> Vec<Call> {
        self.aws.calls()
    }

    /// Lets calls of other services, whose operation's name has this part, be answered with a body from here on.
    pub fn answer_with(&self, operation: &str, body: Value) {
        self.aws.answer_with(operation, body);
    }

    /// Sends a request through a function set's routes as API Gateway and Lambda would; errors are rendered in its style.
    pub async fn send(&self, set: FunctionSet, request: Request) -> Response {
        let path = request.path.split('?').next().unwrap().to_owned();
        let found = set.routes.iter().filter(|route| *route.method == request.method).filter_map(|route| {
            let parameters = matching(route.path, &path)?;
            Some((parameters.len(), route, parameters))
        });
        // A literal path goes before one with parameters, and what takes the rest of any path goes last.
        let (_, route, parameters) = found
            .min_by_key(|(count, route, _)| (route.path.ends_with("+}"), *count))
            .unwrap_or_else(|| panic!("no route answers {} {path}", request.method));
        let request = Request { path_parameters: parameters.into_iter().collect(), ..request };
        functions::answer(&self.platform, set, *route, request).await
    }
}

fn matching(route: &str, path: &str) -> Option<Vec<(String, String)>> {
    let (route, path): (Vec<_>, Vec<_>) = (route.split('/').collect(), path.split('/').collect());
    let mut parameters = Vec::new();
    for (at, expected) in route.iter().enumerate() {
        // `{name+}` takes the rest of the path.
        if let Some(name) = expected.strip_prefix('{').and_then(|name| name.strip_suffix("+}")) {
            let rest = path.get(at..)?.join("/");
            return (!rest.is_empty()).then(|| parameters.into_iter().chain([(name.to_owned(), rest)]).collect());
        }
        let given = path.get(at)?;
        match expected.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
            Some(name) => parameters.push((name.to_owned(), (*given).to_owned())),
            None if expected == given => {}
            None => return None,
        }
    }
    (route.len() == path.len()).then_some(parameters)
}

/// A request; `path` may have a query, whose values are taken as they are.
pub fn request(method: Method, path: &str) -> Request {
    let query = path.split_once('?').map(|(_, query)| query).unwrap_or_default();
    let query = query.split('&').filter_map(|pair| pair.split_once('=')).map(|(name, value)| (name.to_owned(), value.to_owned()));
    Request {
        method,
        path: path.to_owned(),
        query: query.collect(),
        base_url: "http://127.0.0.1:1".to_owned(),
        request_id: "request".to_owned(),
        ..Request::default()
    }
}

/// The same request with a body.
pub fn with_body(request: Request, body: impl Into<Bytes>) -> Request {
    Request { body: body.into(), ..request }
}

/// The same request with a JSON body.
pub fn with_json(request: Request, body: &Value) -> Request {
    with_body(request, body.to_string())
}

/// The same request with a header.
pub fn with_header(mut request: Request, name: &'static str, value: &str) -> Request {
    request.headers.insert(name, value.parse().unwrap());
    request
}

/// A response's body as JSON.
pub fn json_of(response: &Response) -> Value {
    serde_json::from_slice(response.body()).unwrap_or_else(|error| panic!("{error}: {:?}", response.body()))
}
