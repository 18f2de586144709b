//! CloudWatch Logs, as far as functions need it: groups that keep what functions write, and subscriptions that pass it on.

mod pattern;
mod subscriptions;

use std::collections::{HashMap, VecDeque};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::json;

pub use pattern::Pattern;

use crate::console::Console;
use crate::invoke::Invoke;
use crate::template::SubscriptionFilter;
use subscriptions::Subscription;

/// How many events of a group stay in memory.
const EVENTS_KEPT: usize = 2_000;

/// A group's file is set aside when it is this long; one older file is kept.
const FILE_LIMIT: u64 = 8 * 1024 * 1024;

/// The longest event: CloudWatch Logs' 256 KB, without its overhead.
pub const EVENT_LIMIT: usize = 262_118;

/// One line that a function wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEvent {
    /// The stream: one for each execution environment.
    pub stream: String,
    /// Milliseconds since 1970.
    pub timestamp: i64,
    /// The line.
    pub message: String,
}

/// The log of the cloud.
#[derive(Debug)]
pub struct Logs {
    folder: PathBuf,
    console: Console,
    groups: Mutex<HashMap<String, Group>>,
    subscriptions: Mutex<Vec<Arc<Subscription>>>,
}

#[derive(Debug, Default)]
struct Group {
    events: VecDeque<LogEvent>,
    file: Option<File>,
    written: u64,
}

impl Logs {
    /// Opens the log in a folder, which is made if it is not there.
    pub fn open(folder: PathBuf, console: Console) -> io::Result<Self> {
        std::fs::create_dir_all(&folder)?;
        Ok(Self { folder, console, groups: Mutex::default(), subscriptions: Mutex::default() })
    }

    /// Starts passing events on; what an earlier run of the cloud could not deliver goes first. Must be called within a
    /// Tokio runtime; ends when `stop` is cancelled.
    pub fn subscribe(
        &self,
        filters: &[SubscriptionFilter],
        invoke: &Arc<dyn Invoke>,
        stop: &tokio_util::sync::CancellationToken,
    ) -> io::Result<()> {
        for filter in filters {
            let subscription = Arc::new(Subscription::open(&self.folder, filter)?);
            tokio::spawn(Arc::clone(&subscription).deliver(Arc::clone(invoke), self.console.clone(), stop.clone()));
            self.subscriptions.lock().unwrap_or_else(PoisonError::into_inner).push(subscription);
        }
        Ok(())
    }

    /// Adds a line that `function` wrote; one longer than [`EVENT_LIMIT`] is cut.
    pub fn append(&self, group: &str, stream: &str, function: &str, message: &str) {
        let message = cut(message, EVENT_LIMIT);
        self.console.output(function, message);
        let event = LogEvent { stream: stream.to_owned(), timestamp: jiff::Timestamp::now().as_millisecond(), message: message.to_owned() };
        let subscriptions = self.subscriptions.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for subscription in subscriptions.iter().filter(|subscription| subscription.wants(group, message)) {
            if let Err(error) = subscription.push(&event) {
                self.console.problem(format!("a log event for {} could not be kept: {error}", subscription.name()));
            }
        }
        let mut groups = self.groups.lock().unwrap_or_else(PoisonError::into_inner);
        let state = groups.entry(group.to_owned()).or_default();
        // The file is for people; it must not stop a function.
        let _ = state.write(&self.folder, group, &event);
        if state.events.len() == EVENTS_KEPT {
            state.events.pop_front();
        }
        state.events.push_back(event);
    }

    /// The newest events of a group, oldest first.
    pub fn events(&self, group: &str) -> Vec<LogEvent> {
        let groups = self.groups.lock().unwrap_or_else(PoisonError::into_inner);
        groups.get(group).map(|state| state.events.iter().cloned().collect()).unwrap_or_default()
    }
}

impl Group {
    fn write(&mut self, folder: &Path, group: &str, event: &LogEvent) -> io::Result<()> {
        let path = folder.join(format!("{}.log", file_name(group)));
        if self.file.is_some() && self.written > FILE_LIMIT {
            self.file = None;
            std::fs::rename(&path, path.with_extension("log.1"))?;
        }
        let file = match &mut self.file {
            Some(file) => file,
            None => {
                let file = OpenOptions::new().create(true).append(true).open(&path)?;
                self.written = file.metadata()?.len();
                self.file.insert(file)
            }
        };
        let line = json!({ "timestamp": event.timestamp, "stream": event.stream, "message": event.message });
        let line = format!("{line}\n");
        self.written += line.len() as u64;
        file.write_all(line.as_bytes())
    }
}

/// A group's name as a file name: `/aws/lambda/train` becomes `aws.lambda.train`.
fn file_name(name: &str) -> String {
    let safe = |character: char| if character.is_ascii_alphanumeric() || "-_.".contains(character) { character } else { '.' };
    name.trim_matches('/').chars().map(safe).take(200).collect()
}

/// The first `limit` bytes of a text, without breaking a character.
fn cut(text: &str, limit: usize) -> &str {
    &text[..text.floor_char_boundary(limit)]
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn events_are_kept_in_order_and_bounded() {
        let folder = tempfile::tempdir().unwrap();
        let logs = Logs::open(folder.path().to_owned(), Console::start(false, true)).unwrap();
        for number in 0..EVENTS_KEPT + 10 {
            logs.append("/aws/lambda/f", "stream", "f", &format!("line {number}"));
        }
        let events = logs.events("/aws/lambda/f");
        assert_eq!(events.len(), EVENTS_KEPT);
        assert_eq!(events[0].message, "line 10");
        assert!(folder.path().join("aws.lambda.f.log").is_file());
    }
}
