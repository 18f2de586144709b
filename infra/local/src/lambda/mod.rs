//! Lambda: functions are processes, started on the first call, more of them under load, stopped when idle.

pub mod control;
mod environment;
mod events;
mod function_url;
pub mod images;
mod invocation;
mod layers;
mod limits;
pub mod model;
mod pool;
mod qualified;
mod registry;
mod runtime_api;
mod variables;

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use events::EventQueue;
pub use images::{Images, PreparedImage};
pub use invocation::Invocation;
pub use layers::Layers;
pub use qualified::Qualified;
pub use variables::Common;

use crate::console::Console;
use crate::gateway::Callers;
use crate::logs::Logs;
use crate::options::Options;
use crate::template::Template;
use function_url::Urls;
use limits::Limits;
use model::{Code, Version};
use pool::Pool;
use registry::Registry;

/// The longest event of a synchronous invocation: 6 MB.
pub const REQUEST_LIMIT: usize = 6 * 1024 * 1024;

/// The longest answer of one: Lambda's 6 MB and a little.
pub const RESPONSE_LIMIT: usize = 6_291_556;

/// The Lambda service.
pub struct Lambda {
    pub(crate) console: Console,
    pub(crate) logs: Arc<Logs>,
    common: Common,
    callers: Callers,
    program: PathBuf,
    supervisor: PathBuf,
    layers: Arc<Layers>,
    images: Arc<dyn Images>,
    registry: Registry,
    limits: Arc<Limits>,
    start_permits: Semaphore,
    pools: Mutex<HashMap<(String, String), Arc<Pool>>>,
    urls: Urls,
    environment_ids: AtomicU64,
    zip_idle: Duration,
    container_idle: Duration,
    stopping: AtomicBool,
    stop: CancellationToken,
    tasks: TaskTracker,
    events: EventQueue,
}

impl fmt::Debug for Lambda {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Lambda").finish_non_exhaustive()
    }
}

/// What the Lambda service is made from.
pub struct Parts {
    /// The screen.
    pub console: Console,
    /// The log.
    pub logs: Arc<Logs>,
    /// What all functions' environments have in common.
    pub common: Common,
    /// Under which names function URLs are asked.
    pub callers: Callers,
    /// The layers.
    pub layers: Arc<Layers>,
    /// Where container images come from.
    pub images: Arc<dyn Images>,
}

impl Lambda {
    /// Opens the service with the template's functions and those that were made through its API before; calls that were
    /// queued go on. Must be called within a Tokio runtime.
    pub async fn open(template: &Template, options: &Options, parts: Parts) -> std::io::Result<Arc<Self>> {
        let folder = options.data.join("lambda");
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        let lambda = Arc::new(Self {
            console: parts.console,
            logs: parts.logs,
            common: parts.common,
            callers: parts.callers,
            program: options.program.clone(),
            supervisor: options.supervisor.clone(),
            layers: parts.layers,
            images: parts.images,
            registry: Registry::open(folder.join("functions"), template)?,
            limits: Limits::new(options.account_concurrency),
            start_permits: Semaphore::new(cores * 4),
            pools: Mutex::default(),
            urls: Urls::default(),
            environment_ids: AtomicU64::new(1),
            zip_idle: options.zip_idle,
            container_idle: options.container_idle,
            stopping: AtomicBool::new(false),
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
            events: EventQueue::open(folder.join("events"), options.event_retry_delays)?,
        });
        for function in lambda.registry.all() {
            lambda.serve_urls(&function).await;
            lambda.finish_preparing(&function);
            lambda.reconcile_provisioned(&function);
        }
        lambda.tasks.spawn(stop_idle(Arc::downgrade(&lambda), lambda.stop.clone()));
        lambda.resume_events();
        Ok(lambda)
    }

    /// A function as it is now.
    pub fn function(&self, name: &str) -> Option<Arc<model::Function>> {
        self.registry.get(name)
    }

    /// How many processes of a function are running.
    pub fn running_environments(&self, name: &str) -> usize {
        let pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
        pools.iter().filter(|((function, _), _)| function == name).map(|(_, pool)| pool.running()).sum()
    }

    /// The digests of the images that functions may be started from.
    pub fn image_digests(&self) -> std::collections::HashSet<String> {
        let mut digests = std::collections::HashSet::new();
        for function in self.registry.all() {
            for version in std::iter::once(&function.latest).chain(function.versions.values()) {
                if let Code::Image { resolved_uri, .. } = &version.configuration.code {
                    digests.extend(resolved_uri.split_once('@').map(|(_, digest)| digest.to_owned()));
                }
            }
        }
        digests
    }

    /// Stops every process and waits until all of them are gone.
    pub async fn shutdown(&self) {
        self.stopping.store(true, Ordering::SeqCst);
        self.stop.cancel();
        let pools: Vec<Arc<Pool>> = self.pools.lock().unwrap_or_else(PoisonError::into_inner).drain().map(|(_, pool)| pool).collect();
        for pool in &pools {
            pool.kill();
        }
        self.tasks.close();
        let _ = tokio::time::timeout(Duration::from_secs(10), self.tasks.wait()).await;
    }

    /// The pool of a version; one of an older revision of `$LATEST` gives way.
    fn pool(&self, function: &str, version: &Version) -> Arc<Pool> {
        let key = (function.to_owned(), version.version.clone());
        let mut pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pool) = pools.get(&key) {
            if pool.version().revision_id == version.revision_id {
                return Arc::clone(pool);
            }
            pool.close();
        }
        let pool = Pool::new(function, version.clone());
        pools.insert(key, Arc::clone(&pool));
        pool
    }

    /// Stops the processes of a function, or of one version of it.
    fn close_pools(&self, function: &str, version: Option<&str>) {
        let mut pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
        pools.retain(|(name, label), pool| {
            let affected = name == function && version.is_none_or(|version| version == label);
            if affected {
                pool.close();
            }
            !affected
        });
    }

    /// Keeps as many environments ready as the function's configuration says.
    fn reconcile_provisioned(self: &Arc<Self>, function: &model::Function) {
        let targets = function.provisioned_by_version();
        for (label, count) in &targets {
            if let Some(version) = function.version(label) {
                self.pool(&function.name, version).provision(self, *count as usize);
            }
        }
        let pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
        for ((name, label), pool) in pools.iter() {
            if *name == function.name && !targets.contains_key(label) {
                pool.provision(self, 0);
            }
        }
    }

    fn next_environment_id(&self) -> u64 {
        self.environment_ids.fetch_add(1, Ordering::Relaxed)
    }

    fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }

    fn idle_limit(&self, version: &Version) -> Duration {
        match version.configuration.code {
            Code::Folder { .. } => self.zip_idle,
            Code::Image { .. } => self.container_idle,
        }
    }
}

/// Stops idle processes, again and again, while the service lives.
async fn stop_idle(lambda: std::sync::Weak<Lambda>, stop: CancellationToken) {
    loop {
        let pause = match lambda.upgrade() {
            None => return,
            Some(lambda) => {
                let mut pools = lambda.pools.lock().unwrap_or_else(PoisonError::into_inner);
                pools.retain(|_, pool| !(pool.stop_idle(lambda.idle_limit(pool.version())) && Arc::strong_count(pool) == 1));
                lambda.zip_idle.min(lambda.container_idle) / 4
            }
        };
        let pause = pause.clamp(Duration::from_millis(20), Duration::from_secs(1));
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = stop.cancelled() => return,
        }
    }
}
