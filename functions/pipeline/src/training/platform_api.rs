//! The platform's HTTP API as the training program uses it: patient with a platform that is slow or away, and quick to
//! see that it is refused.

use std::time::Duration;

use reqwest::{Client, RequestBuilder, Response, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use shared::domain::outcome::TrainingOutcome;
use shared::{Error, ErrorKind, Result};
use tokio::time::{Instant, sleep};

use super::protocol::{Claim, LogAnswer, LogPost, Ticket};

const CONNECT_TIME: Duration = Duration::from_secs(10);
const ANSWER_TIME: Duration = Duration::from_secs(35);
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// For how long claiming the job and fetching the script are tried.
const START_PATIENCE: Duration = Duration::from_secs(30);
/// The longest script in bytes, with room for what the platform may add.
const LONGEST_SCRIPT: usize = 2 * 1024 * 1024;
/// The longest file beside a script, in bytes.
const LONGEST_FILE: usize = 16 * 1024 * 1024;
/// The longest answer that is read, in bytes.
const LONGEST_ANSWER: usize = 1024 * 1024;

/// The platform, for one job.
#[derive(Debug, Clone)]
pub struct PlatformApi {
    client: Client,
    job_url: String,
    token: Option<String>,
}

impl PlatformApi {
    /// The platform at `api_url` (no slash at the end), for a job.
    ///
    /// # Errors
    /// `Internal` when no HTTP client can be made.
    pub fn new(api_url: &str, job_id: &str) -> Result<Self> {
        // A second call finds the provider set, which is all that is wanted.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let builder = Client::builder().connect_timeout(CONNECT_TIME).timeout(ANSWER_TIME);
        // A proxy cannot reach this machine itself.
        let builder = if super::variables::is_this_machine(api_url) { builder.no_proxy() } else { builder };
        let client = builder.build().map_err(|error| Error::internal("making an HTTP client", error))?;
        Ok(Self { client, job_url: format!("{api_url}/pipeline/jobs/{job_id}"), token: None })
    }

    /// Exchanges the ticket for a claim; what is asked from here on carries its token.
    ///
    /// # Errors
    /// As the platform refuses it; `Unavailable` when it does not answer.
    pub async fn claim(&mut self, ticket: &str) -> Result<Claim> {
        let ticket = Ticket { ticket: ticket.to_owned() };
        let response = self.post("claim", &ticket, START_PATIENCE).await?;
        let claim: Claim = read_json(response).await?;
        self.token = Some(claim.token.clone());
        Ok(claim)
    }

    /// The script's text.
    ///
    /// # Errors
    /// As the bucket refuses it; `Unavailable` when it does not answer.
    pub async fn script(&self, url: &str) -> Result<Vec<u8>> {
        let response = patiently(START_PATIENCE, || self.client.get(url)).await?;
        read(response, LONGEST_SCRIPT).await
    }

    /// A file that lies beside the script.
    ///
    /// # Errors
    /// As [`PlatformApi::script`].
    pub async fn file(&self, url: &str) -> Result<Vec<u8>> {
        let response = patiently(START_PATIENCE, || self.client.get(url)).await?;
        read(response, LONGEST_FILE).await
    }

    /// Posts a piece of output; returns whether somebody asked to cancel. Tries for as long as `patience`.
    ///
    /// # Errors
    /// As the platform refuses it; `Unavailable` when it does not answer.
    pub async fn log(&self, post: &LogPost, patience: Duration) -> Result<bool> {
        let answer: LogAnswer = read_json(self.post("logs", post, patience).await?).await?;
        Ok(answer.cancel)
    }

    /// Reports how the script ended. Tries for as long as `patience`.
    ///
    /// # Errors
    /// As the platform refuses it; `Unavailable` when it does not answer.
    pub async fn outcome(&self, outcome: &TrainingOutcome, patience: Duration) -> Result<()> {
        self.post("outcome", outcome, patience).await.map(drop)
    }

    async fn post<T: Serialize>(&self, what: &str, body: &T, patience: Duration) -> Result<Response> {
        let url = format!("{}/{what}", self.job_url);
        patiently(patience, || {
            let request = self.client.post(&url).json(body);
            match &self.token {
                Some(token) => request.bearer_auth(token),
                None => request,
            }
        })
        .await
    }
}

/// Sends a request until it is answered with a success or a refusal. Every request of the program does no harm when it
/// is sent again.
async fn patiently(patience: Duration, request: impl Fn() -> RequestBuilder) -> Result<Response> {
    let end = Instant::now() + patience;
    let mut pause = FIRST_PAUSE;
    loop {
        let trouble = match request().send().await {
            Ok(response) if response.status().is_success() => return Ok(response),
            Ok(response) if is_passing(response.status()) => format!("it answered {}", response.status()),
            Ok(response) => return Err(refusal(response).await),
            Err(error) => describe(&error),
        };
        if Instant::now() + pause > end {
            return Err(Error::new(ErrorKind::Unavailable, format!("The platform does not answer the training program: {trouble}")));
        }
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

fn is_passing(status: StatusCode) -> bool {
    status.is_server_error() || matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT)
}

async fn refusal(response: Response) -> Error {
    let status = response.status();
    let kind = match status {
        StatusCode::UNAUTHORIZED => ErrorKind::Unauthorized,
        StatusCode::FORBIDDEN => ErrorKind::Forbidden,
        StatusCode::NOT_FOUND => ErrorKind::NotFound,
        StatusCode::CONFLICT => ErrorKind::Conflict,
        _ => ErrorKind::BadRequest,
    };
    let body = read(response, LONGEST_ANSWER).await.unwrap_or_default();
    let detail = serde_json::from_slice::<serde_json::Value>(&body).ok().and_then(|body| body["detail"].as_str().map(str::to_owned));
    Error::new(kind, detail.unwrap_or_else(|| format!("The platform refused the training program: {status}")))
}

async fn read_json<T: DeserializeOwned>(response: Response) -> Result<T> {
    let body = read(response, LONGEST_ANSWER).await?;
    serde_json::from_slice(&body).map_err(|error| Error::internal("reading the platform's answer", error))
}

async fn read(mut response: Response, most: usize) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(bytes)) if body.len() + bytes.len() > most => return Err(Error::broken("an answer is longer than it may be")),
            Ok(Some(bytes)) => body.extend_from_slice(&bytes),
            Ok(None) => return Ok(body),
            Err(error) => {
                return Err(Error::new(ErrorKind::Unavailable, format!("The platform's answer broke off: {}", describe(&error))));
            }
        }
    }
}

/// The error and its causes, without the URL, which may be signed.
fn describe(error: &reqwest::Error) -> String {
    let mut text = if error.is_timeout() { "it took too long".to_owned() } else { "the connection failed".to_owned() };
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
