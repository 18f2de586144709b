//! The environments of one version: started on demand, used again, stopped when idle.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::Lambda;
use super::environment::{Environment, StartFailure};
use super::model::{Code, Version};

/// How long a call waits for a busy container before another one is started: a quick model answers several calls in this
/// time, and loading it once more would only take the cores from those that answer.
const PATIENCE: Duration = Duration::from_millis(25);

/// How a version's environments are started.
#[derive(Debug, Clone, Copy)]
struct Manner {
    /// How long a call waits for a busy environment before another one is started.
    patience: Duration,
    /// How many are started at once where calls wait for them.
    at_once: usize,
}

impl Manner {
    fn of(code: &Code) -> Self {
        match code {
            // Small processes, which are there in no time.
            Code::Folder { .. } => Self { patience: Duration::ZERO, at_once: usize::MAX },
            // More at once than there are cores would all come later, and take the cores from those that answer.
            Code::Image { .. } => Self { patience: PATIENCE, at_once: std::thread::available_parallelism().map_or(2, usize::from) },
        }
    }
}

/// The environments of one version of a function.
#[derive(Debug)]
pub struct Pool {
    function: String,
    version: Version,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Those with nothing to do; the one used last is used next, so that the others can end.
    idle: Vec<Arc<Environment>>,
    /// Every one that runs.
    all: HashMap<u64, Arc<Environment>>,
    /// Invocations that wait for one; there are never more of them than `starting`.
    waiting: VecDeque<Waiter>,
    /// Starts on their way, or held back to see whether they are needed.
    starting: usize,
    /// Those of them that are on their way.
    launched: usize,
    /// How many are kept ready.
    provisioned: usize,
    closed: bool,
}

/// An invocation that waits for an environment.
#[derive(Debug)]
struct Waiter {
    since: Instant,
    sender: oneshot::Sender<Result<Arc<Environment>, StartFailure>>,
}

/// What becomes of a start.
#[derive(Debug, PartialEq, Eq)]
enum Start {
    Now,
    /// Perhaps then.
    After(Duration),
    Never,
}

impl State {
    /// Whether a start that was asked for is needed: for those that are to be kept ready, or for the first who waits that
    /// none on its way is for. Where there is an environment at all, that one's patience is used up first.
    fn start(&self, manner: Manner, now: Instant) -> Start {
        let running = self.all.len() + self.launched;
        if running < self.provisioned {
            return Start::Now;
        }
        let Some(waiter) = self.waiting.get(self.launched) else { return Start::Never };
        // Beside one that answers, they come one after another.
        let at_once = if self.all.is_empty() { manner.at_once } else { 1 };
        if self.launched >= at_once {
            return Start::After(manner.patience);
        }
        let patience = if running == 0 { Duration::ZERO } else { manner.patience };
        match patience.saturating_sub(now.saturating_duration_since(waiter.since)) {
            Duration::ZERO => Start::Now,
            pause => Start::After(pause),
        }
    }
}

impl Pool {
    /// An empty pool.
    pub fn new(function: &str, version: Version) -> Arc<Self> {
        Arc::new(Self { function: function.to_owned(), version, state: Mutex::default() })
    }

    /// The version that its environments run.
    pub fn version(&self) -> &Version {
        &self.version
    }

    /// Gets an environment for one invocation: an idle one, or the first that is free or started.
    pub async fn acquire(self: &Arc<Self>, lambda: &Arc<Lambda>) -> Result<Arc<Environment>, StartFailure> {
        let receiver = {
            let mut state = self.lock();
            while let Some(environment) = state.idle.pop() {
                if !environment.is_dead() {
                    return Ok(environment);
                }
            }
            let (sender, receiver) = oneshot::channel();
            state.waiting.push_back(Waiter { since: Instant::now(), sender });
            if state.starting < state.waiting.len() {
                self.start_one(lambda, &mut state, false);
            }
            receiver
        };
        receiver.await.unwrap_or_else(|_| Err(StartFailure::new("Runtime.Shutdown", "the laptop cloud is stopping")))
    }

    /// Gives an environment back after an invocation.
    pub fn release(&self, environment: Arc<Environment>) {
        let mut state = self.lock();
        if environment.is_dead() {
            return;
        }
        if state.closed {
            environment.stop();
            return;
        }
        environment.touch();
        hand_over(&mut state, environment);
    }

    /// Keeps `count` environments ready from now on.
    pub fn provision(self: &Arc<Self>, lambda: &Arc<Lambda>, count: usize) {
        let mut state = self.lock();
        state.provisioned = count;
        while !state.closed && state.all.len() + state.starting < count {
            self.start_one(lambda, &mut state, true);
        }
    }

    /// How many environments are running.
    pub fn running(&self) -> usize {
        self.lock().all.len()
    }

    /// Stops those that have had nothing to do for `limit`; gives whether the pool is empty now.
    pub fn stop_idle(&self, limit: Duration) -> bool {
        let mut state = self.lock();
        // The ones used longest ago are at the front.
        while state.all.len() > state.provisioned
            && state.idle.first().is_some_and(|oldest| oldest.is_dead() || oldest.idle_time() >= limit)
        {
            let environment = state.idle.remove(0);
            state.all.remove(&environment.id);
            environment.stop();
        }
        state.all.is_empty() && state.starting == 0 && state.waiting.is_empty() && state.provisioned == 0
    }

    /// Stops the idle ones now and the others after their invocation; nothing is started any more.
    pub fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.provisioned = 0;
        for environment in state.idle.drain(..) {
            environment.stop();
        }
    }

    /// Kills every environment.
    pub fn kill(&self) {
        self.close();
        for environment in self.lock().all.values() {
            environment.kill();
        }
    }

    fn start_one(self: &Arc<Self>, lambda: &Arc<Lambda>, state: &mut State, provisioned: bool) {
        state.starting += 1;
        let pool = Arc::clone(self);
        let lambda = Arc::clone(lambda);
        tokio::spawn(async move {
            // Many small processes at once would only slow each other down.
            let permit = match pool.version.configuration.code {
                Code::Folder { .. } => lambda.start_permits.acquire().await.ok(),
                Code::Image { .. } => None,
            };
            let manner = Manner::of(&pool.version.configuration.code);
            loop {
                let pause = {
                    let mut state = pool.lock();
                    if lambda.is_stopping() {
                        // Dropping the senders tells those who wait.
                        state.waiting.clear();
                        state.starting -= 1;
                        return;
                    }
                    match state.start(manner, Instant::now()) {
                        Start::Now => {
                            state.launched += 1;
                            break;
                        }
                        Start::After(pause) => pause,
                        Start::Never => {
                            state.starting -= 1;
                            return;
                        }
                    }
                };
                tokio::time::sleep(pause).await;
            }
            let ended = {
                let (pool, lambda) = (Arc::clone(&pool), Arc::clone(&lambda));
                move |id| pool.ended(&lambda, id)
            };
            let started = Environment::start(&lambda, &pool.function, &pool.version, provisioned, ended).await;
            drop(permit);
            let mut state = pool.lock();
            state.starting -= 1;
            state.launched -= 1;
            match started {
                Ok(environment) => {
                    state.all.insert(environment.id, Arc::clone(&environment));
                    if environment.is_dead() {
                        // It ended before it was known here.
                        state.all.remove(&environment.id);
                    }
                    hand_over(&mut state, environment);
                }
                Err(failure) => {
                    while let Some(waiting) = state.waiting.pop_front() {
                        if waiting.sender.send(Err(failure.clone())).is_ok() {
                            break;
                        }
                    }
                }
            }
        });
    }

    /// Forgets an environment whose process is gone, and replaces it where one is to be kept ready.
    fn ended(self: &Arc<Self>, lambda: &Arc<Lambda>, id: u64) {
        let mut state = self.lock();
        state.all.remove(&id);
        state.idle.retain(|environment| environment.id != id);
        if !state.closed && !lambda.is_stopping() && state.all.len() + state.starting < state.provisioned {
            let (pool, lambda) = (Arc::clone(self), Arc::clone(lambda));
            tokio::spawn(async move {
                // One that ends at once is not started without pause.
                tokio::time::sleep(Duration::from_secs(1)).await;
                let count = pool.lock().provisioned;
                pool.provision(&lambda, count);
            });
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Gives an environment to the invocation that has waited longest, else keeps it.
fn hand_over(state: &mut State, environment: Arc<Environment>) {
    let mut environment = environment;
    while let Some(waiting) = state.waiting.pop_front() {
        match waiting.sender.send(Ok(environment)) {
            Ok(()) => return,
            // That invocation was given up.
            Err(Ok(back)) => environment = back,
            Err(Err(_)) => return,
        }
    }
    if state.closed {
        environment.stop();
    } else {
        state.idle.push(environment);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_start_waits_while_a_container_may_still_be_free_in_time() {
        let begun = Instant::now();
        let waiter = || Waiter { since: begun, sender: oneshot::channel().0 };
        let container = Manner { patience: PATIENCE, at_once: 2 };
        let small = Manner { patience: Duration::ZERO, at_once: usize::MAX };
        let mut state = State::default();
        assert_eq!(state.start(container, begun), Start::Never, "nobody waits");
        state.waiting.push_back(waiter());
        assert_eq!(state.start(container, begun), Start::Now, "nothing runs");
        state.launched = 1;
        assert_eq!(state.start(container, begun), Start::Never, "one is on its way");
        state.waiting.push_back(waiter());
        assert_eq!(state.start(container, begun + PATIENCE / 5), Start::After(PATIENCE * 4 / 5));
        assert_eq!(state.start(container, begun + PATIENCE), Start::Now);
        assert_eq!(state.start(small, begun), Start::Now, "a small process is started at once");
        state.launched = 2;
        state.waiting.push_back(waiter());
        assert_eq!(state.start(container, begun + PATIENCE), Start::After(PATIENCE), "as many as there are cores are on their way");
        state.provisioned = 3;
        assert_eq!(state.start(container, begun), Start::Now, "three are to be ready");
    }
}
