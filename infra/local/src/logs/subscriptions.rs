//! Passes log events on to a function, at least once each, in order, in small batches.
//!
//! Events wait in a file: it outlives a cloud that is killed, and a function that fails gets them again.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::pattern::Pattern;
use super::{LogEvent, file_name};
use crate::account::ACCOUNT_ID;
use crate::console::Console;
use crate::invoke::Invoke;
use crate::template::SubscriptionFilter;

/// How long events gather before they are sent.
const GATHER: Duration = Duration::from_millis(150);
/// The most that one batch holds, in bytes of the waiting file.
const BATCH_BYTES: usize = 1024 * 1024;
/// The most events in one batch.
const BATCH_EVENTS: usize = 1000;
/// The file starts again when everything in it was sent and it is at least this long.
const RESET_LENGTH: u64 = 4 * 1024 * 1024;
/// No more events are kept when this much waits.
const WAITING_LIMIT: u64 = 512 * 1024 * 1024;
/// After so many failures in a row of the function itself, a batch is given up.
const ATTEMPTS: u32 = 12;
/// The longest pause between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Where a batch of events ends in the file, and its events by stream.
type Batch = (u64, BTreeMap<String, Vec<Value>>);

/// A subscription and the events that wait for it.
#[derive(Debug)]
pub struct Subscription {
    filter: SubscriptionFilter,
    pattern: Pattern,
    offset_path: PathBuf,
    /// Holds where the batch ends that was begun last: a cloud that is killed before it knows that a batch arrived sends the
    /// same batch again, as CloudWatch does, and not one with more in it.
    begun_path: PathBuf,
    waiting: Mutex<Waiting>,
    arrived: Notify,
}

#[derive(Debug)]
struct Waiting {
    file: File,
    length: u64,
    sent: u64,
}

#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    stream: String,
    timestamp: i64,
    message: String,
}

impl Subscription {
    /// Opens a subscription whose waiting events are in `folder`.
    pub fn open(folder: &Path, filter: &SubscriptionFilter) -> io::Result<Self> {
        let base = folder.join(format!("{}.waiting", file_name(&filter.name)));
        let mut file = OpenOptions::new().read(true).append(true).create(true).open(&base)?;
        let mut length = file.metadata()?.len();
        // A cloud that was killed may have left half a line: it is ended, and skipped as unreadable.
        if length > 0 {
            file.seek(SeekFrom::End(-1))?;
            let mut last = [0];
            file.read_exact(&mut last)?;
            if last[0] != b'\n' {
                file.write_all(b"\n")?;
                length += 1;
            }
        }
        let offset_path = base.with_extension("sent");
        let sent = std::fs::read_to_string(&offset_path).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0);
        Ok(Self {
            pattern: Pattern::parse(&filter.pattern).map_err(io::Error::other)?,
            filter: filter.clone(),
            begun_path: offset_path.with_extension("begun"),
            offset_path,
            waiting: Mutex::new(Waiting { file, length, sent: if sent > length { 0 } else { sent } }),
            arrived: Notify::new(),
        })
    }

    /// The subscription's name.
    pub fn name(&self) -> &str {
        &self.filter.name
    }

    /// Whether an event of a group is to be passed on.
    pub fn wants(&self, group: &str, message: &str) -> bool {
        self.filter.log_group == group && self.pattern.matches(message)
    }

    /// Keeps an event until it was passed on.
    pub fn push(&self, event: &LogEvent) -> io::Result<()> {
        let kept = Kept { stream: event.stream.clone(), timestamp: event.timestamp, message: event.message.clone() };
        let mut line = serde_json::to_vec(&kept)?;
        line.push(b'\n');
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.length - waiting.sent > WAITING_LIMIT {
            return Err(io::Error::other("too many events wait already"));
        }
        waiting.file.write_all(&line)?;
        waiting.length += line.len() as u64;
        drop(waiting);
        self.arrived.notify_one();
        Ok(())
    }

    /// Sends what waits, now and whenever more arrives.
    pub async fn deliver(self: Arc<Self>, invoke: Arc<dyn Invoke>, console: Console, stop: CancellationToken) {
        loop {
            while let Some((end, batch)) = self.next_batch(&console) {
                if let Err(error) = std::fs::write(&self.begun_path, end.to_string()) {
                    console.problem(format!("{} may get events twice: {error}", self.filter.name));
                }
                if !self.send(batch, &invoke, &console, &stop).await {
                    return;
                }
                self.mark_sent(end, &console);
            }
            tokio::select! {
                () = self.arrived.notified() => {}
                () = stop.cancelled() => return,
            }
            tokio::time::sleep(GATHER).await;
        }
    }

    /// The next events by stream, and where they end in the file.
    fn next_batch(&self, console: &Console) -> Option<Batch> {
        let read = || -> io::Result<Option<Batch>> {
            let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            if waiting.sent >= waiting.length {
                return Ok(None);
            }
            let (mut end, length) = (waiting.sent, self.end_of_begun(waiting.sent).unwrap_or(waiting.length));
            let mut file = waiting.file.try_clone()?;
            drop(waiting);
            file.seek(SeekFrom::Start(end))?;
            let mut lines = BufReader::new(file.take(length - end));
            let start = end;
            let mut batch: BTreeMap<String, Vec<Value>> = BTreeMap::new();
            let mut line = Vec::new();
            let mut count = 0;
            while count < BATCH_EVENTS && end - start < BATCH_BYTES as u64 {
                line.clear();
                if lines.read_until(b'\n', &mut line)? == 0 {
                    break;
                }
                let id = format!("{end:056}");
                end += line.len() as u64;
                count += 1;
                if let Ok(kept) = serde_json::from_slice::<Kept>(&line) {
                    let event = json!({ "id": id, "timestamp": kept.timestamp, "message": kept.message });
                    batch.entry(kept.stream).or_default().push(event);
                }
            }
            Ok(Some((end, batch)))
        };
        read().unwrap_or_else(|error| {
            console.problem(format!("events waiting for {} cannot be read: {error}", self.filter.name));
            None
        })
    }

    /// Sends a batch; `false` when the cloud stops meanwhile.
    async fn send(
        &self,
        batch: BTreeMap<String, Vec<Value>>,
        invoke: &Arc<dyn Invoke>,
        console: &Console,
        stop: &CancellationToken,
    ) -> bool {
        for (stream, events) in batch {
            let payload = match self.payload(&stream, events) {
                Ok(payload) => payload,
                Err(error) => {
                    console.problem(format!("a batch for {} cannot be packed: {error}", self.filter.name));
                    continue;
                }
            };
            let mut pause = Duration::from_millis(200);
            let mut attempt = 1;
            loop {
                let call = invoke.invoke(&self.filter.destination, payload.clone());
                let result = tokio::select! {
                    result = call => result,
                    () = stop.cancelled() => return false,
                };
                let reason = match result {
                    Ok(output) if output.function_error.is_none() => break,
                    Ok(output) => {
                        attempt += 1;
                        String::from_utf8_lossy(&output.payload).into_owned()
                    }
                    // The function did not run: it will, once it is there or has room.
                    Err(error) => error.to_string(),
                };
                if attempt > ATTEMPTS {
                    console.problem(format!(
                        "{} log events for {} were given up after {ATTEMPTS} attempts: {reason}",
                        self.filter.log_group, self.filter.destination
                    ));
                    break;
                }
                tokio::select! {
                    () = tokio::time::sleep(pause) => {}
                    () = stop.cancelled() => return false,
                }
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
        true
    }

    fn payload(&self, stream: &str, events: Vec<Value>) -> io::Result<Bytes> {
        let message = json!({
            "messageType": "DATA_MESSAGE",
            "owner": ACCOUNT_ID,
            "logGroup": self.filter.log_group,
            "logStream": stream,
            "subscriptionFilters": [self.filter.name],
            "logEvents": events,
        });
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        serde_json::to_writer(&mut encoder, &message)?;
        let data = base64::engine::general_purpose::STANDARD.encode(encoder.finish()?);
        Ok(json!({ "awslogs": { "data": data } }).to_string().into())
    }

    /// Where the batch ends that was begun, where it is one behind `sent`.
    fn end_of_begun(&self, sent: u64) -> Option<u64> {
        let end = std::fs::read_to_string(&self.begun_path).ok()?.trim().parse().ok()?;
        (end > sent).then_some(end)
    }

    fn mark_sent(&self, end: u64, console: &Console) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.sent = end;
        let mut write = || -> io::Result<()> {
            if waiting.sent == waiting.length && waiting.length > RESET_LENGTH {
                // First the offset: between the two, everything is sent again rather than nothing.
                std::fs::write(&self.offset_path, "0")?;
                std::fs::write(&self.begun_path, "0")?;
                waiting.file.set_len(0)?;
                (waiting.length, waiting.sent) = (0, 0);
                return Ok(());
            }
            std::fs::write(&self.offset_path, waiting.sent.to_string())
        };
        if let Err(error) = write() {
            console.problem(format!("{} may get events twice: {error}", self.filter.name));
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::io::Read;

    use futures::FutureExt;
    use futures::future::BoxFuture;
    use tokio::sync::mpsc;

    use super::*;
    use crate::aws_error::AwsError;
    use crate::invoke::InvocationOutput;

    /// Fails the first calls, then passes payloads to the test.
    struct Receiver {
        failures: Mutex<u32>,
        payloads: mpsc::UnboundedSender<Bytes>,
    }

    impl Invoke for Receiver {
        fn invoke(&self, _: &str, payload: Bytes) -> BoxFuture<'static, Result<InvocationOutput, AwsError>> {
            let mut failures = self.failures.lock().unwrap();
            let function_error = (*failures > 0).then(|| {
                *failures -= 1;
                "Unhandled".to_owned()
            });
            if function_error.is_none() {
                self.payloads.send(payload).unwrap();
            }
            let output = InvocationOutput { payload: Bytes::new(), function_error, executed_version: "$LATEST".into() };
            async move { Ok(output) }.boxed()
        }
    }

    fn filter() -> SubscriptionFilter {
        SubscriptionFilter {
            name: "demo".into(),
            log_group: "/models".into(),
            pattern: String::new(),
            destination: "arn:aws:lambda:us-east-1:000000000000:function:f".into(),
        }
    }

    fn event(message: &str) -> LogEvent {
        LogEvent { stream: "s".into(), timestamp: 1, message: message.into() }
    }

    fn unpack(payload: &Bytes) -> Value {
        let outer: Value = serde_json::from_slice(payload).unwrap();
        let data = base64::engine::general_purpose::STANDARD.decode(outer["awslogs"]["data"].as_str().unwrap()).unwrap();
        let mut text = String::new();
        flate2::read::GzDecoder::new(&data[..]).read_to_string(&mut text).unwrap();
        serde_json::from_str(&text).unwrap()
    }

    #[tokio::test]
    async fn events_arrive_after_a_failure_and_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        // An earlier cloud kept two events and half of a third.
        let earlier = Subscription::open(folder.path(), &filter()).unwrap();
        earlier.push(&event("one")).unwrap();
        earlier.push(&event("two")).unwrap();
        earlier.waiting.lock().unwrap().file.write_all(b"{\"stream\":\"s").unwrap();
        drop(earlier);

        let (payloads, mut received) = mpsc::unbounded_channel();
        let receiver: Arc<dyn Invoke> = Arc::new(Receiver { failures: Mutex::new(2), payloads });
        let stop = CancellationToken::new();
        let subscription = Arc::new(Subscription::open(folder.path(), &filter()).unwrap());
        let task = tokio::spawn(Arc::clone(&subscription).deliver(receiver, Console::start(false, true), stop.clone()));
        let message = unpack(&received.recv().await.unwrap());
        assert_eq!(message["logGroup"], "/models");
        let texts: Vec<&str> = message["logEvents"].as_array().unwrap().iter().map(|event| event["message"].as_str().unwrap()).collect();
        assert_eq!(texts, ["one", "two"]);
        subscription.push(&event("three")).unwrap();
        let message = unpack(&received.recv().await.unwrap());
        assert_eq!(message["logEvents"][0]["message"], "three");
        stop.cancel();
        task.await.unwrap();
    }

    #[tokio::test]
    async fn a_batch_that_was_under_way_comes_again_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let earlier = Subscription::open(folder.path(), &filter()).unwrap();
        earlier.push(&event("one")).unwrap();
        // The cloud was killed after it sent this, and more arrived before the next one sends it again.
        let (end, _) = earlier.next_batch(&Console::start(false, true)).unwrap();
        std::fs::write(&earlier.begun_path, end.to_string()).unwrap();
        drop(earlier);
        let again = Subscription::open(folder.path(), &filter()).unwrap();
        again.push(&event("two")).unwrap();
        let console = Console::start(false, true);
        let texts = |batch: Batch| batch.1["s"].iter().map(|event| event["message"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
        let batch = again.next_batch(&console).unwrap();
        again.mark_sent(batch.0, &console);
        assert_eq!(texts(batch), ["one"]);
        assert_eq!(texts(again.next_batch(&console).unwrap()), ["two"]);
    }
}
