//! One execution environment: a process of a function version, which runs one invocation at a time.

use std::collections::VecDeque;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde_json::json;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::Lambda;
use super::model::{Code, Version};
use super::runtime_api::{Delivery, RuntimeApi};
use crate::logs::{EVENT_LIMIT, Logs};
use crate::supervise::{self, Lifeline};

/// How long a process has to become ready (Lambda: 10 s), if its function's timeout is not longer.
const INIT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a process has between being asked to stop and being killed.
const STOP_GRACE: Duration = Duration::from_millis(500);

/// How long the last lines of a process that is gone are waited for.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// How much of the log's end Lambda gives back with an answer.
const LOG_TAIL: usize = 4096;

/// A process that is ready for invocations.
#[derive(Debug)]
pub struct Environment {
    /// Its number in this cloud.
    pub id: u64,
    deliveries: mpsc::Sender<Delivery>,
    lifeline: Lifeline,
    dead: AtomicBool,
    /// When it last finished something.
    idle_since: Mutex<Instant>,
    output: Arc<Output>,
}

/// Why a start failed: Lambda's error document.
#[derive(Debug, Clone)]
pub struct StartFailure(pub Bytes);

impl StartFailure {
    /// A failure with Lambda's error type and a message.
    pub fn new(kind: &str, message: &str) -> Self {
        Self(json!({ "errorType": kind, "errorMessage": message }).to_string().into())
    }
}

/// Where the lines of a process go.
#[derive(Debug)]
struct Output {
    logs: Arc<Logs>,
    group: String,
    stream: String,
    function: String,
    tail: Mutex<VecDeque<u8>>,
}

impl Output {
    fn line(&self, line: &str) {
        self.logs.append(&self.group, &self.stream, &self.function, line);
        let mut tail = self.tail.lock().unwrap_or_else(PoisonError::into_inner);
        tail.extend(line.as_bytes());
        tail.push_back(b'\n');
        let excess = tail.len().saturating_sub(LOG_TAIL);
        tail.drain(..excess);
    }
}

impl Environment {
    /// Starts a process and waits until it is ready. `ended` is called once, when it is gone.
    pub async fn start(
        lambda: &Arc<Lambda>,
        function: &str,
        version: &Version,
        provisioned: bool,
        ended: impl FnOnce(u64) + Send + 'static,
    ) -> Result<Arc<Self>, StartFailure> {
        let id = lambda.next_environment_id();
        let configuration = &version.configuration;
        // In a log group that is not the function's own, a stream's name has the function's.
        let own_group = configuration.log_group == format!("/aws/lambda/{function}");
        let of_function = if own_group { "" } else { function };
        let day = jiff::Timestamp::now().strftime("%Y/%m/%d");
        let stream = format!("{day}/{of_function}[{}]{}", version.version, crate::account::random_hex(16));
        let output = Arc::new(Output {
            logs: Arc::clone(&lambda.logs),
            group: configuration.log_group.clone(),
            stream: stream.clone(),
            function: function.to_owned(),
            tail: Mutex::default(),
        });
        let fail = |kind: &str, message: String| {
            output.line(&format!("{kind}: {message}"));
            StartFailure::new(kind, &message)
        };
        let internal = |error: std::io::Error| fail("Runtime.StartFailed", error.to_string());

        let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(internal)?;
        let address = listener.local_addr().map_err(internal)?.to_string();
        let command = lambda.command(function, version, &address, &stream, provisioned).await;
        let command = command.map_err(|message| fail("Runtime.InvalidEntrypoint", message))?;

        let (ready_sender, ready) = oneshot::channel();
        let (deliveries, receiver) = mpsc::channel(1);
        let api = RuntimeApi::new(ready_sender, receiver);
        let stop_api = CancellationToken::new();
        tokio::spawn(Arc::clone(&api).serve(listener, stop_api.clone()));
        let mut process = supervise::spawn(&command).map_err(internal)?;
        let lifeline = process.lifeline();
        let environment = Arc::new(Self {
            id,
            deliveries,
            lifeline: lifeline.clone(),
            dead: AtomicBool::new(false),
            idle_since: Mutex::new(Instant::now()),
            output: Arc::clone(&output),
        });

        let readers = [
            process.stdout.take().map(|stream| tokio::spawn(read_lines(stream, Arc::clone(&output)))),
            process.stderr.take().map(|stream| tokio::spawn(read_lines(stream, Arc::clone(&output)))),
        ];
        let watched = Arc::clone(&environment);
        lambda.tasks.spawn(async move {
            let status = process.wait().await;
            watched.dead.store(true, Ordering::SeqCst);
            // What it wrote last belongs into the log before anybody hears of its end.
            for reader in readers.into_iter().flatten() {
                // Where the system cannot find all that came of it, something may still hold the other end.
                let _ = tokio::time::timeout(LAST_WORDS, reader).await;
            }
            api.close(&describe_end(status.as_ref().ok())).await;
            stop_api.cancel();
            ended(id);
        });

        let allowed = INIT_TIMEOUT.max(Duration::from_secs(u64::from(configuration.timeout)));
        let ready = tokio::select! {
            ready = tokio::time::timeout(allowed, ready) => ready,
            () = lambda.stop.cancelled() => {
                lifeline.cut();
                return Err(StartFailure::new("Runtime.Shutdown", "the laptop cloud is stopping"));
            }
        };
        match ready {
            Ok(Ok(Ok(()))) => Ok(environment),
            Ok(Ok(Err(error))) => {
                lifeline.cut();
                Err(StartFailure(error))
            }
            Ok(Err(_)) => Err(StartFailure::new("Runtime.ExitError", "Error: Runtime exited without providing a reason")),
            Err(_) => {
                lifeline.cut();
                let message = format!("Error: Task timed out after {:.2} seconds", allowed.as_secs_f64());
                Err(fail("Sandbox.Timedout", message))
            }
        }
    }

    /// Hands an invocation to the process; it comes back if the process is gone or busy.
    pub fn deliver(&self, delivery: Delivery) -> Result<(), Delivery> {
        self.output.tail.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.deliveries.try_send(delivery).map_err(|error| match error {
            mpsc::error::TrySendError::Full(delivery) | mpsc::error::TrySendError::Closed(delivery) => delivery,
        })
    }

    /// Whether the process has ended or was told to.
    pub fn is_dead(&self) -> bool {
        self.dead.load(Ordering::SeqCst)
    }

    /// Kills the process and all that came of it.
    pub fn kill(&self) {
        self.dead.store(true, Ordering::SeqCst);
        self.lifeline.cut();
    }

    /// Asks the process to end; it is killed when it does not.
    pub fn stop(&self) {
        self.dead.store(true, Ordering::SeqCst);
        self.lifeline.ask_to_stop();
    }

    /// Notes that it has nothing to do from now on.
    pub fn touch(&self) {
        *self.idle_since.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// How long it has had nothing to do.
    pub fn idle_time(&self) -> Duration {
        self.idle_since.lock().unwrap_or_else(PoisonError::into_inner).elapsed()
    }

    /// Adds a line of Lambda's own to its log.
    pub fn log(&self, line: &str) {
        self.output.line(line);
    }

    /// The end of what the current invocation wrote.
    pub fn log_tail(&self) -> Vec<u8> {
        self.output.tail.lock().unwrap_or_else(PoisonError::into_inner).iter().copied().collect()
    }
}

/// The grace time of a function's process.
pub fn stop_grace() -> Duration {
    STOP_GRACE
}

/// How a process ended, in Lambda's words.
fn describe_end(status: Option<&ExitStatus>) -> String {
    match status.map(|status| (status.code(), status.signal())) {
        Some((Some(0), _)) => "Runtime exited without providing a reason".into(),
        Some((Some(code), _)) => format!("Runtime exited with error: exit status {code}"),
        Some((None, Some(signal))) => {
            let name = nix::sys::signal::Signal::try_from(signal);
            let name = match name {
                Ok(nix::sys::signal::Signal::SIGKILL) => "killed".to_owned(),
                Ok(nix::sys::signal::Signal::SIGSEGV) => "segmentation fault".to_owned(),
                Ok(nix::sys::signal::Signal::SIGABRT) => "aborted".to_owned(),
                Ok(nix::sys::signal::Signal::SIGTERM) => "terminated".to_owned(),
                Ok(other) => other.as_str().to_owned(),
                Err(_) => signal.to_string(),
            };
            format!("Runtime exited with error: signal: {name}")
        }
        _ => "Runtime exited without providing a reason".into(),
    }
}

/// Passes a stream on, line by line; a line that is too long for one event becomes several.
async fn read_lines(mut stream: impl AsyncRead + Unpin, output: Arc<Output>) {
    let mut pending: Vec<u8> = Vec::new();
    let mut chunk = vec![0; 16 * 1024];
    loop {
        let count = match stream.read(&mut chunk).await {
            Ok(0) | Err(_) => break,
            Ok(count) => count,
        };
        let mut rest = &chunk[..count];
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            pending.extend_from_slice(&rest[..end]);
            emit(&mut pending, &output);
            rest = &rest[end + 1..];
        }
        pending.extend_from_slice(rest);
        if pending.len() >= EVENT_LIMIT {
            emit(&mut pending, &output);
        }
    }
    emit(&mut pending, &output);
}

fn emit(pending: &mut Vec<u8>, output: &Output) {
    let line = String::from_utf8_lossy(pending);
    let line = line.trim_end_matches('\r');
    if !line.is_empty() {
        output.line(line);
    }
    pending.clear();
}

impl Lambda {
    /// The command that starts a process of a version: the project's program for a zip function, an image's entry point
    /// for a container function. Waits for layers and for the image's files. The error says what is missing.
    async fn command(
        &self,
        function: &str,
        version: &Version,
        runtime_api: &str,
        log_stream: &str,
        provisioned: bool,
    ) -> Result<supervise::Command, String> {
        let configuration = &version.configuration;
        let layers = self.layers.folders(&configuration.layers).await?;
        let temporary = self.common.temporary.join(function);
        std::fs::create_dir_all(&temporary).map_err(|error| format!("{} cannot be made: {error}", temporary.display()))?;
        let mut image_variables = Vec::new();
        let (program, name, arguments, folder) = match &configuration.code {
            Code::Folder { task_root, program } => {
                let folder = task_root.is_dir().then(|| task_root.clone());
                (self.program.clone(), Some(program.into()), Vec::new(), folder)
            }
            Code::Image { resolved_uri, .. } => {
                let prepared = self.images.prepare(resolved_uri).await?;
                image_variables = prepared.environment;
                let arguments = prepared.arguments.into_iter().map(Into::into).collect();
                (prepared.program, None, arguments, Some(prepared.folder))
            }
        };
        let environment = self.common.variables(function, version, runtime_api, log_stream, provisioned, &layers, &image_variables);
        let supervisor = self.supervisor.clone();
        Ok(supervise::Command { supervisor, program, name, arguments, environment, folder, grace: stop_grace() })
    }
}
