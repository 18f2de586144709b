//! A small platform: it has the job routes, and one job.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use axum::{Json, Router};
use pipeline::training::protocol::{Claim, LogAnswer, LogPost, Ticket};
use serde_json::{Value, json};
use shared::domain::outcome::TrainingOutcome;
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

use crate::tools;

pub const TICKET: &str = "the-ticket";
const TOKEN: &str = "the-token";
/// The longest a test waits for a training.
const PATIENCE: Duration = Duration::from_secs(120);

/// What the platform saw.
#[derive(Default)]
pub struct Seen {
    pub posts: Vec<(Instant, LogPost)>,
    pub outcome: Option<TrainingOutcome>,
    pub claims: u32,
    /// So many requests are answered with 503 before they are taken.
    pub failures: u32,
    pub cancel: bool,
    pub gone: bool,
}

#[derive(Clone)]
pub struct Platform {
    pub seen: Arc<Mutex<Seen>>,
    changed: Arc<Notify>,
    job: Arc<Job>,
    pub url: String,
    pub job_id: String,
}

/// A job for the program.
pub struct Job {
    pub script: String,
    pub name: String,
    pub requirements: Vec<String>,
    pub variables: BTreeMap<String, String>,
    pub timeout: u32,
    pub memory_mb: Option<u32>,
}

impl Job {
    pub fn new(script: &str) -> Self {
        Self {
            script: script.to_owned(),
            name: "train.py".to_owned(),
            requirements: Vec::new(),
            variables: BTreeMap::new(),
            timeout: 60,
            memory_mb: None,
        }
    }
}

/// A training under way.
pub struct Training {
    pub platform: Platform,
    pub temporary: tempfile::TempDir,
    child: Child,
}

/// A training that has ended.
pub struct Ended {
    pub status: ExitStatus,
    pub outcome: Option<TrainingOutcome>,
    pub logs: String,
    pub posts: Vec<(Instant, LogPost)>,
    pub errors: String,
    pub temporary: tempfile::TempDir,
}

/// Runs a job to its end.
pub async fn run(job: Job) -> Ended {
    start(job).await.end().await
}

/// Starts a job, with a temporary folder of its own.
pub async fn start(job: Job) -> Training {
    start_in(job, tempfile::tempdir().unwrap()).await
}

/// Starts a job with that temporary folder.
pub async fn start_in(job: Job, temporary: tempfile::TempDir) -> Training {
    let platform = Platform::start(job).await;
    start_on(platform, temporary).await
}

/// Starts the program against a platform.
pub async fn start_on(platform: Platform, temporary: tempfile::TempDir) -> Training {
    let tools = tools::folder();
    let path = format!("{}:{}", tools.display(), std::env::var("PATH").unwrap());
    let mut command = Command::new(env!("CARGO_BIN_EXE_pipeline"));
    command.arg("train").env_clear().kill_on_drop(true).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    for (name, value) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.contains("CERT") || text.contains("PROXY") || text.contains("proxy") || text == "HOME" {
            command.env(name, value);
        }
    }
    command.envs([("PATH", path.as_str()), ("API_URL", &platform.url), ("JOB_ID", &platform.job_id), ("TICKET", TICKET)]);
    command.env("TMPDIR", temporary.path()).env("UV_CACHE_DIR", tools::cache());
    if let Some(memory) = platform.job.memory_mb {
        command.env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", memory.to_string());
    }
    let child = command.spawn().unwrap();
    Training { platform, temporary, child }
}

impl Training {
    /// Waits for the end.
    pub async fn end(self) -> Ended {
        let output = timeout(PATIENCE, self.child.wait_with_output()).await.expect("the training ends").unwrap();
        let seen = self.platform.seen.lock().unwrap();
        Ended {
            status: output.status,
            outcome: seen.outcome.clone(),
            logs: seen.posts.iter().map(|(_, post)| post.text.as_str()).collect(),
            posts: seen.posts.clone(),
            errors: String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr),
            temporary: self.temporary,
        }
    }

    /// Waits until the logs contain a text.
    pub async fn says(&self, text: &str) {
        let wait = async {
            loop {
                let changed = self.platform.changed.notified();
                if self.platform.logs().contains(text) {
                    return;
                }
                changed.await;
            }
        };
        if timeout(PATIENCE, wait).await.is_err() {
            panic!("{text:?} is not in {:?}", self.platform.logs());
        }
    }

    /// A number that the logs hold behind a text.
    pub fn number_behind(&self, text: &str) -> i32 {
        let logs = self.platform.logs();
        let rest = logs.split_once(text).unwrap().1;
        rest.chars().take_while(char::is_ascii_digit).collect::<String>().parse().unwrap()
    }
}

impl Platform {
    /// A platform that has that job.
    pub async fn start(job: Job) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let job_id = shared::id::new_id();
        let platform = Self { seen: Arc::default(), changed: Arc::default(), job: Arc::new(job), url, job_id };
        let router = Router::new()
            .route("/script", get(script))
            .route("/pipeline/jobs/{job_id}/claim", post(claim))
            .route("/pipeline/jobs/{job_id}/logs", post(logs))
            .route("/pipeline/jobs/{job_id}/outcome", post(outcome))
            .layer(DefaultBodyLimit::max(512 * 1024))
            .with_state(platform.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        platform
    }

    /// The output so far.
    pub fn logs(&self) -> String {
        self.seen.lock().unwrap().posts.iter().map(|(_, post)| post.text.as_str()).collect()
    }

    fn refuses(&self, headers: &HeaderMap) -> Option<(StatusCode, Json<Value>)> {
        let mut seen = self.seen.lock().unwrap();
        if seen.failures > 0 {
            seen.failures -= 1;
            return Some((StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "detail": "busy" }))));
        }
        let known = headers.get("authorization").is_some_and(|value| value == &format!("Bearer {TOKEN}"));
        (seen.gone || !known).then(|| (StatusCode::UNAUTHORIZED, Json(json!({ "detail": "The job's token is not valid." }))))
    }
}

async fn script(State(platform): State<Platform>) -> String {
    platform.job.script.clone()
}

async fn claim(State(platform): State<Platform>, Json(ticket): Json<Ticket>) -> (StatusCode, Json<Value>) {
    let mut seen = platform.seen.lock().unwrap();
    seen.claims += 1;
    if ticket.ticket != TICKET || seen.claims > 1 {
        return (StatusCode::UNAUTHORIZED, Json(json!({ "detail": "The ticket is not good for this job, or was used before." })));
    }
    let claim = Claim {
        token: TOKEN.to_owned(),
        attempt: 1,
        script_url: format!("{}/script", platform.url),
        script_name: platform.job.name.clone(),
        requirements: platform.job.requirements.clone(),
        environment_vars: platform.job.variables.clone(),
        timeout_seconds: platform.job.timeout,
        experiment_name: "experiment".to_owned(),
        run_id: None,
        files: Vec::new(),
    };
    (StatusCode::OK, Json(serde_json::to_value(claim).unwrap()))
}

async fn logs(State(platform): State<Platform>, headers: HeaderMap, Json(post): Json<LogPost>) -> (StatusCode, Json<Value>) {
    if let Some(refusal) = platform.refuses(&headers) {
        return refusal;
    }
    let mut seen = platform.seen.lock().unwrap();
    let cancel = seen.cancel;
    seen.posts.push((Instant::now(), post));
    platform.changed.notify_waiters();
    (StatusCode::OK, Json(serde_json::to_value(LogAnswer { cancel }).unwrap()))
}

async fn outcome(State(platform): State<Platform>, headers: HeaderMap, Json(outcome): Json<TrainingOutcome>) -> (StatusCode, Json<Value>) {
    if let Some(refusal) = platform.refuses(&headers) {
        return refusal;
    }
    platform.seen.lock().unwrap().outcome = Some(outcome);
    (StatusCode::OK, Json(json!({})))
}

/// True while a process runs.
pub fn runs(process: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let state = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
    !state.is_empty() && !state.starts_with('Z') && !state.starts_with('X')
}

/// The folders under the temporary folder that a training should have removed.
pub fn left_behind(ended: &Ended) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(ended.temporary.path()).unwrap();
    entries.map(|entry| entry.unwrap().path()).filter(|path| !path.ends_with("environments") && !path.ends_with("uv-cache")).collect()
}
