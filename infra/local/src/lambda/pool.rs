//! The environments of one version: started on demand, used again, stopped when idle.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

use super::Lambda;
use super::environment::{Environment, StartFailure};
use super::model::{Code, Version};

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
    /// Invocations that wait for one; there are never more of them than starts on their way.
    waiting: VecDeque<oneshot::Sender<Result<Arc<Environment>, StartFailure>>>,
    starting: usize,
    /// How many are kept ready.
    provisioned: usize,
    closed: bool,
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
            state.waiting.push_back(sender);
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
            // Many small processes at once would only slow each other down; a container's start mostly waits.
            let permit = match pool.version.configuration.code {
                Code::Folder { .. } => lambda.start_permits.acquire().await.ok(),
                Code::Image { .. } => None,
            };
            {
                let mut state = pool.lock();
                if lambda.is_stopping() {
                    // Dropping the senders tells those who wait.
                    state.waiting.clear();
                    state.starting -= 1;
                    return;
                }
                let wanted = !state.waiting.is_empty() || state.all.len() < state.provisioned;
                if !wanted || (state.closed && state.waiting.is_empty()) {
                    state.starting -= 1;
                    return;
                }
            }
            let ended = {
                let (pool, lambda) = (Arc::clone(&pool), Arc::clone(&lambda));
                move |id| pool.ended(&lambda, id)
            };
            let started = Environment::start(&lambda, &pool.function, &pool.version, provisioned, ended).await;
            drop(permit);
            let mut state = pool.lock();
            state.starting -= 1;
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
                        if waiting.send(Err(failure.clone())).is_ok() {
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
        match waiting.send(Ok(environment)) {
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
