//! What all routes share.

use crate::{
    Options,
    engine::{self, Engine},
    log::{PredictionLog, Subject},
    served::Served,
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// Lambda's limit on a request's and an answer's size, in bytes.
const LAMBDA_LIMIT: usize = 6 * 1024 * 1024;
/// The largest body that can be allowed, in bytes: its numbers must fit a frame to a worker.
const BODY_LIMIT: usize = 512 * 1024 * 1024;
/// Room in Lambda's limit for what wraps an answer's body.
const LAMBDA_ENVELOPE: usize = 8 * 1024;

/// The state of the server.
pub struct App {
    pub served: Arc<Served>,
    pub engine: Arc<dyn Engine>,
    pub log: PredictionLog,
    pub limits: Limits,
    /// Whether a prediction was asked for before.
    asked: AtomicBool,
}

/// What bounds a request.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The largest body, in bytes.
    pub body: usize,
    /// The largest answer, in bytes, where something after this server has a limit.
    pub answer: Option<usize>,
    /// The longest that a request may take where Lambda does not say.
    pub time: Duration,
}

impl App {
    /// Puts the server together and begins to load the model.
    ///
    /// # Errors
    /// A sentence, where the image names an engine that this server has not.
    pub fn new(served: Served, options: &Options, in_lambda: bool) -> Result<Self, String> {
        let served = Arc::new(served);
        let engine = engine::start(&served, options, in_lambda)?;
        let subject = Subject {
            deployment_id: served.deployment.id.clone(),
            model_name: served.model.model_name.clone(),
            model_version: served.model.model_version.clone(),
            memory_mb: std::env::var("AWS_LAMBDA_FUNCTION_MEMORY_SIZE").ok().and_then(|size| size.parse().ok()),
        };
        let limits = Limits {
            body: if in_lambda { LAMBDA_LIMIT } else { options.max_body.min(BODY_LIMIT) },
            answer: in_lambda.then_some(LAMBDA_LIMIT - LAMBDA_ENVELOPE),
            time: Duration::from_secs(options.timeout),
        };
        Ok(Self { served, engine, log: PredictionLog::new(subject, in_lambda), limits, asked: AtomicBool::new(false) })
    }

    /// Whose predictions are logged: the deployment's id, where this server is a deployment.
    pub fn log_deployment(&self) -> &str {
        self.served.deployment.id.as_deref().unwrap_or_default()
    }

    /// Notes that a prediction is asked for; gives whether it comes upon a cold server: it is the first, or the model is not
    /// loaded yet.
    pub fn is_cold_start(&self) -> bool {
        !self.asked.swap(true, Ordering::Relaxed) || !self.engine.is_ready()
    }
}
