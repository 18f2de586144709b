//! Asynchronous invocations: kept on disk until they succeeded or were tried often enough.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;

use super::{Lambda, Qualified};
use crate::atomic_file;
use crate::aws_error::AwsError;

/// How many queued invocations run at once.
const RUNNING: usize = 64;
/// How long one may wait for room (Lambda: six hours).
const MAXIMUM_AGE: Duration = Duration::from_secs(6 * 3600);
/// The longest pause while a function has no room.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// The folder of queued invocations.
#[derive(Debug)]
pub struct EventQueue {
    folder: PathBuf,
    retry_delays: [Duration; 2],
    running: Semaphore,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Queued {
    function: String,
    qualifier: Option<String>,
    payload: String,
    /// How often the function itself failed on it.
    failures: u8,
    /// Milliseconds since 1970.
    queued_at: i64,
}

impl EventQueue {
    /// Opens the queue in a folder, which is made if it is not there.
    pub fn open(folder: PathBuf, retry_delays: [Duration; 2]) -> io::Result<Self> {
        std::fs::create_dir_all(&folder)?;
        Ok(Self { folder, retry_delays, running: Semaphore::new(RUNNING) })
    }
}

impl Lambda {
    /// Queues an invocation (type `Event`). When this returns, it survives the cloud; it runs at least once.
    pub async fn queue(self: &Arc<Self>, target: &Qualified, payload: Bytes) -> Result<(), AwsError> {
        let known = self
            .function(&target.name)
            .is_some_and(|function| function.choose_version(target.label()).is_some_and(|label| function.version(label).is_some()));
        if !known {
            return Err(super::invocation::not_found(&self.common.region, target));
        }
        let queued = Queued {
            function: target.name.clone(),
            qualifier: target.qualifier.clone(),
            payload: String::from_utf8_lossy(&payload).into_owned(),
            failures: 0,
            queued_at: jiff::Timestamp::now().as_millisecond(),
        };
        let path = self.events.folder.join(format!("{}.json", uuid::Uuid::now_v7()));
        store(&path, &queued)
            .await
            .map_err(|error| AwsError::new(500, "ServiceException", format!("The event could not be queued: {error}")))?;
        self.drive(path, queued);
        Ok(())
    }

    /// Goes on with what an earlier run of the cloud had queued.
    pub(super) fn resume_events(self: &Arc<Self>) {
        let Ok(entries) = std::fs::read_dir(&self.events.folder) else { return };
        let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        paths.sort();
        for path in paths.into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "json")) {
            match std::fs::read(&path).map(|bytes| serde_json::from_slice(&bytes)) {
                Ok(Ok(queued)) => self.drive(path, queued),
                _ => self.console.problem(format!("{} is no queued event; it was left alone", path.display())),
            }
        }
    }

    fn drive(self: &Arc<Self>, path: PathBuf, queued: Queued) {
        let lambda = Arc::clone(self);
        self.tasks.spawn(async move {
            let stop = lambda.stop.clone();
            tokio::select! {
                () = lambda.drive_to_end(&path, queued) => {}
                // The file stays for the next start.
                () = stop.cancelled() => {}
            }
        });
    }

    async fn drive_to_end(self: &Arc<Self>, path: &Path, mut queued: Queued) {
        let target = Qualified { name: queued.function.clone(), qualifier: queued.qualifier.clone() };
        let mut pause = Duration::from_millis(500);
        loop {
            let Ok(permit) = self.events.running.acquire().await else { return };
            let result = self.invoke(&target, Bytes::from(queued.payload.clone())).await;
            drop(permit);
            match result {
                Ok(invocation) if invocation.function_error.is_none() => break,
                Ok(invocation) => {
                    let attempts = self.function(&target.name).map_or(0, |function| function.maximum_retry_attempts);
                    if queued.failures >= attempts {
                        self.console.problem(format!(
                            "{} failed on an event {} times; it was given up: {}",
                            target.name,
                            queued.failures + 1,
                            String::from_utf8_lossy(&invocation.payload)
                        ));
                        break;
                    }
                    let delay = self.events.retry_delays[usize::from(queued.failures).min(1)];
                    queued.failures += 1;
                    if let Err(error) = store(path, &queued).await {
                        self.console.problem(format!("a retry could not be noted: {error}"));
                    }
                    tokio::time::sleep(delay).await;
                }
                Err(error) if error.status == 404 => {
                    self.console.problem(format!("an event was dropped: {error}"));
                    break;
                }
                // No room, or not ready: that is not the function's failure.
                Err(error) => {
                    let age = jiff::Timestamp::now().as_millisecond() - queued.queued_at;
                    if age > MAXIMUM_AGE.as_millis() as i64 {
                        self.console.problem(format!("an event for {} waited too long: {error}", target.name));
                        break;
                    }
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
        if let Err(error) = tokio::fs::remove_file(path).await {
            self.console.problem(format!("{} cannot be removed; its event runs again: {error}", path.display()));
        }
    }
}

async fn store(path: &Path, queued: &Queued) -> io::Result<()> {
    let bytes = serde_json::to_vec(queued)?;
    let path = path.to_owned();
    tokio::task::spawn_blocking(move || atomic_file::write(&path, &bytes)).await.map_err(io::Error::other)?
}
