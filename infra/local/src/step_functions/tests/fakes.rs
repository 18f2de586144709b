//! A clock that moves when told, functions that answer as told, processes that end when told.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::sync::{Notify, oneshot, watch};

use super::super::clock::Clock;
use crate::aws_error::AwsError;
use crate::code_build::{BuildCommand, BuildProcess, StartProcess};
use crate::invoke::{InvocationOutput, Invoke};

/// A clock that stands still until a test moves it to when the next sleeper wakes.
#[derive(Clone)]
pub struct ManualClock(Arc<Mutex<Dial>>, Arc<Notify>);

struct Dial {
    now: Timestamp,
    sleepers: Vec<(Timestamp, oneshot::Sender<()>)>,
}

impl Default for ManualClock {
    fn default() -> Self {
        let now = "2030-01-01T00:00:00Z".parse().unwrap();
        Self(Arc::new(Mutex::new(Dial { now, sleepers: Vec::new() })), Arc::default())
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        self.0.lock().unwrap().now
    }

    fn sleep_until(&self, deadline: Timestamp) -> BoxFuture<'static, ()> {
        let mut dial = self.0.lock().unwrap();
        if deadline <= dial.now {
            return async {}.boxed();
        }
        let (wake, woken) = oneshot::channel();
        dial.sleepers.push((deadline, wake));
        self.1.notify_waiters();
        woken.map(|_| ()).boxed()
    }
}

impl ManualClock {
    /// Waits until somebody sleeps for at most this many seconds, then moves on to when the first of them wakes.
    /// Gives how many seconds that was.
    pub async fn advance(&self, within_seconds: i64) -> f64 {
        let wait = async {
            loop {
                let notified = self.1.notified();
                tokio::pin!(notified);
                notified.as_mut().enable();
                if let Some(seconds) = self.try_advance(within_seconds) {
                    return seconds;
                }
                notified.await;
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(30), wait).await.expect("somebody sleeps")
    }

    fn try_advance(&self, within_seconds: i64) -> Option<f64> {
        let mut dial = self.0.lock().unwrap();
        dial.sleepers.retain(|(_, wake)| !wake.is_closed());
        let limit = dial.now + SignedDuration::from_secs(within_seconds);
        let next = dial.sleepers.iter().map(|(deadline, _)| *deadline).filter(|deadline| *deadline <= limit).min()?;
        let seconds = dial.now.duration_until(next).as_secs_f64();
        dial.now = next;
        for (deadline, wake) in std::mem::take(&mut dial.sleepers) {
            if deadline <= next {
                let _ = wake.send(());
            } else {
                dial.sleepers.push((deadline, wake));
            }
        }
        Some(seconds)
    }

    /// Whether somebody sleeps, for less than the hour between two clean-ups.
    pub fn sleeping(&self) -> bool {
        let dial = self.0.lock().unwrap();
        let limit = dial.now + SignedDuration::from_secs(3599);
        dial.sleepers.iter().any(|(deadline, wake)| !wake.is_closed() && *deadline <= limit)
    }

    /// Moves on although nobody may be sleeping: time that passes while the cloud is not running.
    pub fn pass(&self, seconds: i64) {
        let mut dial = self.0.lock().unwrap();
        dial.now += SignedDuration::from_secs(seconds);
    }
}

pub type Answer = Result<InvocationOutput, AwsError>;
type Function = Arc<dyn Fn(Value, usize) -> BoxFuture<'static, Answer> + Send + Sync>;

/// Functions by name; what they were called with, in order.
#[derive(Clone)]
pub struct Functions {
    functions: Arc<Mutex<HashMap<String, Function>>>,
    calls: watch::Sender<Vec<(String, Value)>>,
    gates: Arc<Mutex<HashMap<String, watch::Sender<bool>>>>,
    finished: watch::Sender<usize>,
}

impl Default for Functions {
    fn default() -> Self {
        Self { functions: Arc::default(), calls: watch::channel(Vec::new()).0, gates: Arc::default(), finished: watch::channel(0).0 }
    }
}

pub fn answer(payload: &Value) -> Answer {
    Ok(InvocationOutput { payload: Bytes::from(payload.to_string()), function_error: None, executed_version: "$LATEST".to_owned() })
}

pub fn function_error(document: &Value) -> Answer {
    Ok(InvocationOutput {
        payload: Bytes::from(document.to_string()),
        function_error: Some("Unhandled".to_owned()),
        executed_version: "$LATEST".to_owned(),
    })
}

impl Functions {
    /// A function that gets its event and how often it was called before.
    pub fn define(&self, name: &str, function: impl Fn(Value, usize) -> Answer + Send + Sync + 'static) {
        let function: Function = Arc::new(move |event, before| futures::future::ready(function(event, before)).boxed());
        self.functions.lock().unwrap().insert(name.to_owned(), function);
    }

    /// A function that answers its event, but not before [`Functions::open_gate`].
    pub fn define_gated(&self, name: &str) {
        let gate = watch::channel(false).0;
        self.gates.lock().unwrap().insert(name.to_owned(), gate.clone());
        let finished = self.finished.clone();
        let function: Function = Arc::new(move |event, _| {
            let (mut gate, finished) = (gate.subscribe(), finished.clone());
            async move {
                gate.wait_for(|open| *open).await.unwrap();
                finished.send_modify(|count| *count += 1);
                answer(&event)
            }
            .boxed()
        });
        self.functions.lock().unwrap().insert(name.to_owned(), function);
    }

    pub fn open_gate(&self, name: &str) {
        self.gates.lock().unwrap()[name].send_replace(true);
    }

    /// Waits until functions were called this often in all.
    pub async fn called(&self, count: usize) -> Vec<(String, Value)> {
        let mut calls = self.calls.subscribe();
        let wait = calls.wait_for(|calls| calls.len() >= count);
        tokio::time::timeout(std::time::Duration::from_secs(30), wait).await.expect("the functions are called").unwrap().to_vec()
    }

    /// Waits until this many gated functions came to their end.
    pub async fn finished(&self, count: usize) {
        self.finished.subscribe().wait_for(|finished| *finished >= count).await.unwrap();
    }

    pub fn calls(&self) -> Vec<(String, Value)> {
        self.calls.borrow().clone()
    }

    /// The events that one function got.
    pub fn events(&self, name: &str) -> Vec<Value> {
        self.calls().into_iter().filter(|(called, _)| called == name).map(|(_, event)| event).collect()
    }
}

impl Invoke for Functions {
    fn invoke(&self, function: &str, payload: Bytes) -> BoxFuture<'static, Answer> {
        let event: Value = serde_json::from_slice(&payload).unwrap();
        let before = self.events(function).len();
        self.calls.send_modify(|calls| calls.push((function.to_owned(), event.clone())));
        let known = self.functions.lock().unwrap().get(function).cloned();
        match known {
            Some(function) => function(event, before),
            None => futures::future::ready(Err(AwsError::new(404, "ResourceNotFoundException", format!("Function not found: {function}"))))
                .boxed(),
        }
    }
}

/// Processes of builds; each ends when a test gives it an exit code.
#[derive(Clone)]
pub struct FakeProcesses(watch::Sender<Vec<Started>>);

#[derive(Clone)]
pub struct Started {
    pub program: String,
    pub arguments: Vec<String>,
    pub environment: std::collections::BTreeMap<String, String>,
    pub exit: watch::Sender<Option<i32>>,
    pub killed: watch::Sender<bool>,
}

impl Default for FakeProcesses {
    fn default() -> Self {
        Self(watch::channel(Vec::new()).0)
    }
}

impl FakeProcesses {
    /// Waits for the process of this place in the order of starts (from 0).
    pub async fn started(&self, index: usize) -> Started {
        let mut started = self.0.subscribe();
        let wait = started.wait_for(|started| started.len() > index);
        let started = tokio::time::timeout(std::time::Duration::from_secs(30), wait).await.expect("the process is started").unwrap();
        started[index].clone()
    }

    pub fn count(&self) -> usize {
        self.0.borrow().len()
    }
}

impl StartProcess for FakeProcesses {
    fn start(&self, command: BuildCommand) -> BoxFuture<'static, Result<Box<dyn BuildProcess>, String>> {
        (command.output)("started");
        let started = Started {
            program: command.program,
            arguments: command.arguments,
            environment: command.environment,
            exit: watch::channel(None).0,
            killed: watch::channel(false).0,
        };
        self.0.send_modify(|all| all.push(started.clone()));
        futures::future::ready(Ok(Box::new(started) as Box<dyn BuildProcess>)).boxed()
    }
}

impl BuildProcess for Started {
    fn wait(&mut self) -> BoxFuture<'_, Result<Option<i32>, String>> {
        let mut exit = self.exit.subscribe();
        async move { Ok(*exit.wait_for(Option::is_some).await.unwrap()) }.boxed()
    }

    fn kill(&mut self) -> BoxFuture<'_, ()> {
        self.killed.send_replace(true);
        async {}.boxed()
    }
}

/// The document of a function that died.
pub fn died() -> Value {
    json!({"errorType": "Runtime.ExitError", "errorMessage": "RequestId: 1 Error: Runtime exited with error: signal: killed"})
}
