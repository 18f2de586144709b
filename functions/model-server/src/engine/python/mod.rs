//! The engine that keeps the model in Python processes of its own and talks to them over pipes.

mod frame;
mod lane;
mod queue;
mod worker;

use crate::{
    Options,
    engine::{Asked, Engine, Pending, Problem, Ready, contributions::Ensembles},
    inputs::Batch,
    outputs::Outputs,
    served::Served,
};
use queue::{Job, Queue};
use serde_json::json;
use std::{path::Path, sync::Arc};
use tokio::{
    sync::{Notify, oneshot, watch},
    time::{Duration, Instant, timeout_at},
};

/// What computes contributions, for the worker to run once they are asked for.
const CONTRIBUTIONS: &str = include_str!("contributions.py");
/// Variables that a worker gets from the server's environment. Nothing else: no credentials, no Runtime API.
const PASSED: [&str; 9] = ["PATH", "LANG", "LC_ALL", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "DEPLOYMENT_ID", "MODEL_NAME", "MODEL_VERSION"];
/// Variables of the numeric libraries that set how many threads they start.
const THREADS: [&str; 5] = ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"];
/// How long after a failed start of the process the next request tries again.
const RETRY_AFTER: Duration = Duration::from_secs(10);

/// The engine.
pub struct Python {
    shared: Arc<Shared>,
}

/// What the lanes and the engine share.
struct Shared {
    recipe: worker::Recipe,
    queue: Queue,
    status: watch::Sender<Status>,
    /// Wakes the lanes after a failed start, to try again.
    retry: Notify,
    /// A request body that predicts, for warming up.
    example: Option<Vec<u8>>,
    served: Arc<Served>,
    merge: bool,
}

/// Where the engine is.
#[derive(Clone)]
enum Status {
    Starting,
    Ready(Arc<Ready>),
    Failed { reason: String, retry_at: Option<Instant> },
}

impl Python {
    /// Starts the engine in the background.
    pub fn start(served: &Arc<Served>, options: &Options, in_lambda: bool) -> Self {
        let cpus = std::thread::available_parallelism().map_or(1, usize::from);
        let workers = match (in_lambda, options.workers) {
            (true, _) => Some(1),
            (false, workers) => workers.map(usize::from),
        };
        let threads = (cpus / workers.unwrap_or(1)).max(1);
        let recipe = worker::Recipe {
            python: options.python.clone(),
            environment: environment(&served.root, threads),
            order: json!({
                "model": served.root.join("model"),
                "packages": served.root.join("python"),
                "flavors": served.flavors,
                "text": served.signature.has_text(),
                "named": served.signature.is_named(),
                "contributions": CONTRIBUTIONS,
            }),
            ensembles: Ensembles::default(),
        };
        let example = served.example.as_ref().map(|example| example.to_string().into_bytes());
        let shared = Arc::new(Shared {
            recipe,
            queue: Queue::default(),
            status: watch::Sender::new(Status::Starting),
            retry: Notify::new(),
            example,
            served: Arc::clone(served),
            merge: options.merge,
        });
        tokio::spawn(lane::all(Arc::clone(&shared), workers, cpus));
        Self { shared }
    }
}

/// A worker's whole environment.
fn environment(root: &Path, threads: usize) -> Vec<(String, String)> {
    let mut environment: Vec<(String, String)> =
        PASSED.iter().filter_map(|name| Some(((*name).to_owned(), std::env::var(name).ok()?))).collect();
    let scratch = std::env::var("TMPDIR").unwrap_or_else(|_| "/tmp".to_owned());
    let fixed = [
        ("HOME", scratch.clone()),
        ("MPLCONFIGDIR", scratch),
        // Threads that wait for work must not burn the CPU that the server answers with.
        ("OMP_WAIT_POLICY", "PASSIVE".to_owned()),
        ("MLFLOW_DISABLE_TELEMETRY", "true".to_owned()),
        ("DO_NOT_TRACK", "true".to_owned()),
        // A deployed model tracks nothing. MLflow's default would be a database file, which it may not be able to open.
        ("MLFLOW_TRACKING_URI", "http://127.0.0.1:9".to_owned()),
        ("MODEL_SERVER_ROOT", root.display().to_string()),
    ];
    environment.extend(fixed.into_iter().map(|(name, value)| (name.to_owned(), value)));
    environment.extend(THREADS.iter().map(|name| ((*name).to_owned(), threads.to_string())));
    if !environment.iter().any(|(name, _)| name == "LANG") {
        environment.push(("LANG".to_owned(), "C.UTF-8".to_owned()));
    }
    environment
}

impl Engine for Python {
    fn ready(&self) -> Pending<'_, Result<Arc<Ready>, Problem>> {
        Box::pin(async {
            let mut status = self.shared.status.subscribe();
            loop {
                let now = status.borrow_and_update().clone();
                match now {
                    Status::Ready(ready) => return Ok(ready),
                    Status::Starting => {}
                    Status::Failed { retry_at: Some(at), .. } if at <= Instant::now() => {
                        self.shared.status.send_replace(Status::Starting);
                        self.shared.retry.notify_waiters();
                        continue;
                    }
                    Status::Failed { reason, .. } => return Err(Problem::Unavailable(reason)),
                }
                if status.changed().await.is_err() {
                    return Err(Problem::Unavailable("The server is ending.".to_owned()));
                }
            }
        })
    }

    fn is_ready(&self) -> bool {
        matches!(&*self.shared.status.borrow(), Status::Ready(_))
    }

    fn predict(&self, batch: Arc<Batch>, asked: Asked, deadline: Instant) -> Pending<'_, Result<Outputs, Problem>> {
        Box::pin(async move {
            let (reply, answer) = oneshot::channel();
            self.shared.queue.push(Job { batch, asked, deadline, alone: false, reply })?;
            // The worker keeps the same deadline; the margin lets its own word on it arrive.
            match timeout_at(deadline + Duration::from_millis(100), answer).await {
                Ok(Ok(answer)) => finished(answer?, deadline).await,
                Ok(Err(_)) => Err(Problem::Ended("it was stopped".to_owned())),
                Err(_) => Err(Problem::Late),
            }
        })
    }
}

/// Runs an answer's rows through the model's trees where contributions were asked for, aside, for that is work for a processor.
async fn finished(mut outputs: Outputs, deadline: Instant) -> Result<Outputs, Problem> {
    let Some(unfinished) = outputs.unfinished.take() else { return Ok(outputs) };
    let finish = tokio::task::spawn_blocking(move || unfinished.finish(deadline.into_std()));
    let contributions = finish.await.map_err(|problem| Problem::Ended(format!("its trees could not be explained: {problem}")))?;
    outputs.contributions = Some(contributions?);
    Ok(outputs)
}
