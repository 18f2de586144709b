//! Executions on disk: one SQLite file, written by one thread that puts what arrives together into one transaction.
//!
//! A write is answered after its transaction is on the disk, so a state that was reported as entered, left or finished
//! still is after `kill -9` or a power cut. Hundreds of executions that move at once share the disk's few syncs.

use std::path::Path;
use std::thread;

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};

use super::clock::epoch_seconds;
use super::record::BranchRecord;

/// The most writes that share a transaction.
const LARGEST_BATCH: usize = 256;
/// The most writes that wait for the thread; further ones wait for their turn.
const LONGEST_QUEUE: usize = 1024;

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS executions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    arn TEXT NOT NULL UNIQUE,
    machine TEXT NOT NULL,
    name TEXT NOT NULL,
    status TEXT NOT NULL,
    definition TEXT NOT NULL,
    input TEXT NOT NULL,
    output TEXT,
    error TEXT,
    cause TEXT,
    started INTEGER NOT NULL,
    stopped INTEGER,
    parent TEXT,
    stop TEXT,
    events INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS executions_by_machine ON executions (machine, id);
CREATE INDEX IF NOT EXISTS executions_by_status ON executions (machine, status, id);
CREATE INDEX IF NOT EXISTS executions_by_end ON executions (stopped) WHERE stopped IS NOT NULL;
CREATE INDEX IF NOT EXISTS executions_running ON executions (id) WHERE stopped IS NULL;
CREATE TABLE IF NOT EXISTS branches (
    execution INTEGER NOT NULL REFERENCES executions (id) ON DELETE CASCADE,
    path TEXT NOT NULL,
    record TEXT NOT NULL,
    PRIMARY KEY (execution, path)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS events (
    execution INTEGER NOT NULL REFERENCES executions (id) ON DELETE CASCADE,
    id INTEGER NOT NULL,
    event TEXT NOT NULL,
    PRIMARY KEY (execution, id)
) WITHOUT ROWID;
";

/// What the store could not do; the execution stands still and goes on after the next start.
#[derive(Debug, Clone, thiserror::Error)]
#[error("cannot read or write the executions in the data folder: {0}")]
pub struct StoreError(pub String);

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        Self(error.to_string())
    }
}

/// An execution's status, in the API's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    /// It goes on.
    Running,
    /// It ended well.
    Succeeded,
    /// It ended with an error.
    Failed,
    /// It ran past the state machine's `TimeoutSeconds`.
    TimedOut,
    /// It was stopped.
    Aborted,
}

impl Status {
    /// Every status.
    pub const ALL: [Self; 5] = [Self::Running, Self::Succeeded, Self::Failed, Self::TimedOut, Self::Aborted];

    /// The API's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "RUNNING",
            Self::Succeeded => "SUCCEEDED",
            Self::Failed => "FAILED",
            Self::TimedOut => "TIMED_OUT",
            Self::Aborted => "ABORTED",
        }
    }

    /// The status of an API's word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == word)
    }
}

/// One execution, as it is stored.
#[derive(Debug, Clone)]
pub struct StoredExecution {
    /// The row; later executions have greater ones.
    pub id: i64,
    /// Its ARN.
    pub arn: String,
    /// The state machine's ARN.
    pub machine: String,
    /// Its name, unique in the state machine.
    pub name: String,
    /// How it stands.
    pub status: Status,
    /// The text of the definition that it runs.
    pub definition: String,
    /// Its input, as it was given.
    pub input: String,
    /// Its output, once it succeeded.
    pub output: Option<String>,
    /// Its error, once it failed or was stopped with one.
    pub error: Option<String>,
    /// The error's cause.
    pub cause: Option<String>,
    /// When it started, in milliseconds since 1970.
    pub started: i64,
    /// When it ended, in milliseconds since 1970.
    pub stopped: Option<i64>,
    /// The task that started it, if one did: the parent's ARN and the task's place in it.
    pub parent: Option<String>,
    /// The request to stop it that is being carried out, as JSON.
    pub stop: Option<String>,
}

const COLUMNS: &str = "id, arn, machine, name, status, definition, input, output, error, cause, started, stopped, parent, stop";

impl StoredExecution {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        let status: String = row.get(4)?;
        Ok(Self {
            id: row.get(0)?,
            arn: row.get(1)?,
            machine: row.get(2)?,
            name: row.get(3)?,
            status: Status::from_word(&status).ok_or(rusqlite::Error::InvalidQuery)?,
            definition: row.get(5)?,
            input: row.get(6)?,
            output: row.get(7)?,
            error: row.get(8)?,
            cause: row.get(9)?,
            started: row.get(10)?,
            stopped: row.get(11)?,
            parent: row.get(12)?,
            stop: row.get(13)?,
        })
    }
}

/// How an execution ended.
#[derive(Debug, Clone)]
pub struct End {
    /// Any but running.
    pub status: Status,
    /// The output, of one that succeeded.
    pub output: Option<String>,
    /// The error, of one that did not.
    pub error: Option<String>,
    /// The error's cause.
    pub cause: Option<String>,
    /// When, in milliseconds since 1970.
    pub stopped: i64,
}

/// What a start of an execution found.
#[derive(Debug)]
pub enum Created {
    /// There was none of that name: it exists now, with its first event.
    New(Box<StoredExecution>),
    /// There is one of that name already.
    Existing(Box<StoredExecution>),
    /// As many run as may run.
    TooMany,
}

/// A history event that has no number yet: the store gives it the next one when it is written.
#[derive(Debug, Clone)]
pub struct NewEvent {
    /// Its type, for example `TaskStateEntered`.
    pub kind: String,
    /// When it happened, in milliseconds since 1970.
    pub time: i64,
    /// The name of the member that holds its details, and the details.
    pub details: Option<(&'static str, Value)>,
}

/// A history event with its number.
#[derive(Debug, Clone)]
pub struct StoredEvent {
    /// Counts from 1 within the execution.
    pub id: i64,
    /// The event in the API's shape.
    pub event: Value,
}

/// An execution that goes on, with its branches by path; or what is wrong with their records.
pub type Resumable = (StoredExecution, Result<Vec<(String, BranchRecord)>, StoreError>);

type Reply = Box<dyn FnOnce(Result<(), StoreError>) + Send>;
type Job = Box<dyn FnOnce(&Connection) -> Reply + Send>;

/// The executions of one data folder.
pub struct Store {
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Drop for Store {
    /// Ends the thread once it has written what was sent to it, so that the file can be opened anew.
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // A panic of the thread was already answered to whoever waited for it.
            let _ = thread.join();
        }
    }
}

impl Store {
    /// Opens, or creates, the file `executions.sqlite` in `folder`.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        std::fs::create_dir_all(folder).map_err(|error| StoreError(format!("{}: {error}", folder.display())))?;
        let connection = Connection::open(folder.join("executions.sqlite"))?;
        connection.busy_timeout(std::time::Duration::from_secs(10))?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "foreign_keys", "ON")?;
        connection.set_prepared_statement_cache_capacity(64);
        connection.execute_batch(SCHEMA)?;
        let (jobs, queue) = mpsc::channel(LONGEST_QUEUE);
        let thread = thread::Builder::new()
            .name("executions".to_owned())
            .spawn(move || serve(connection, queue))
            .map_err(|error| StoreError(error.to_string()))?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread) })
    }

    /// Runs `work` in a transaction of its own or a shared one, and answers when that is on the disk.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            let outcome = in_savepoint(connection, work);
            Box::new(move |committed| {
                // Whoever asked may have gone, which changes nothing about what was written.
                let _ = answer.send(committed.and(outcome.map_err(StoreError::from)));
            })
        });
        let gone = || StoreError("the store is closed".to_owned());
        let jobs = self.jobs.as_ref().ok_or_else(gone)?;
        jobs.send(job).await.map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?
    }

    /// Adds an execution with its first event, unless its name is taken or `most_running` run already.
    pub async fn create(&self, execution: StoredExecution, event: NewEvent, most_running: usize) -> Result<Created, StoreError> {
        self.run(move |connection| {
            if let Some(existing) = find(connection, &execution.arn)? {
                return Ok(Created::Existing(Box::new(existing)));
            }
            let running: i64 =
                connection.prepare_cached("SELECT count(*) FROM executions WHERE stopped IS NULL")?.query_row([], |row| row.get(0))?;
            if usize::try_from(running).unwrap_or(usize::MAX) >= most_running {
                return Ok(Created::TooMany);
            }
            connection
                .prepare_cached(
                    "INSERT INTO executions (arn, machine, name, status, definition, input, started, parent) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                )?
                .execute(params![
                    execution.arn,
                    execution.machine,
                    execution.name,
                    execution.status.as_str(),
                    execution.definition,
                    execution.input,
                    execution.started,
                    execution.parent,
                ])?;
            let id = connection.last_insert_rowid();
            insert_events(connection, id, 0, vec![event])?;
            Ok(Created::New(Box::new(StoredExecution { id, ..execution })))
        })
        .await
    }

    /// The execution with an ARN.
    pub async fn get(&self, arn: &str) -> Result<Option<StoredExecution>, StoreError> {
        let arn = arn.to_owned();
        self.run(move |connection| find(connection, &arn)).await
    }

    /// Executions of a state machine, newest first, older than the row `before`.
    pub async fn list(&self, machine: &str, status: Option<Status>, before: i64, limit: usize) -> Result<Vec<StoredExecution>, StoreError> {
        let machine = machine.to_owned();
        self.run(move |connection| {
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            match status {
                None => connection
                    .prepare_cached(&format!("SELECT {COLUMNS} FROM executions WHERE machine = ? AND id < ? ORDER BY id DESC LIMIT ?"))?
                    .query_map(params![machine, before, limit], StoredExecution::from_row)?
                    .collect(),
                Some(status) => connection
                    .prepare_cached(&format!(
                        "SELECT {COLUMNS} FROM executions WHERE machine = ? AND status = ? AND id < ? ORDER BY id DESC LIMIT ?"
                    ))?
                    .query_map(params![machine, status.as_str(), before, limit], StoredExecution::from_row)?
                    .collect(),
            }
        })
        .await
    }

    /// Events of an execution, oldest or newest first, from beyond the event `from`.
    pub async fn events(&self, execution: i64, newest_first: bool, from: i64, limit: usize) -> Result<Vec<StoredEvent>, StoreError> {
        self.run(move |connection| {
            let sql = if newest_first {
                "SELECT id, event FROM events WHERE execution = ? AND id < ? ORDER BY id DESC LIMIT ?"
            } else {
                "SELECT id, event FROM events WHERE execution = ? AND id > ? ORDER BY id LIMIT ?"
            };
            connection
                .prepare_cached(sql)?
                .query_map(params![execution, from, i64::try_from(limit).unwrap_or(i64::MAX)], |row| {
                    let event: String = row.get(1)?;
                    Ok(StoredEvent { id: row.get(0)?, event: from_text(&event)? })
                })?
                .collect()
        })
        .await
    }

    /// Writes where a branch stands, with the events that led there; `clear_children` forgets the branches below it.
    ///
    /// Gives the number of the branch's last event, which is also put into the record.
    pub async fn save_branch(
        &self,
        execution: i64,
        path: String,
        mut record: BranchRecord,
        events: Vec<NewEvent>,
        clear_children: bool,
    ) -> Result<i64, StoreError> {
        self.run(move |connection| {
            if clear_children {
                connection.prepare_cached("DELETE FROM branches WHERE execution = ? AND path > ? AND path < ?")?.execute(params![
                    execution,
                    format!("{path}/"),
                    format!("{path}0")
                ])?;
            }
            record.last_event = insert_events(connection, execution, record.last_event, events)?;
            connection
                .prepare_cached(
                    "INSERT INTO branches (execution, path, record) VALUES (?, ?, ?)
                     ON CONFLICT (execution, path) DO UPDATE SET record = excluded.record",
                )?
                .execute(params![execution, path, to_text(&record)?])?;
            Ok(record.last_event)
        })
        .await
    }

    /// Notes that an execution is to stop, before it does: a stop survives a crash too. The first request holds.
    pub async fn request_stop(&self, execution: i64, stop: String) -> Result<(), StoreError> {
        self.run(move |connection| {
            connection
                .prepare_cached("UPDATE executions SET stop = coalesce(stop, ?) WHERE id = ? AND stopped IS NULL")?
                .execute(params![stop, execution])?;
            Ok(())
        })
        .await
    }

    /// Ends an execution, with its last event, which follows the event `previous`.
    pub async fn finish(&self, execution: i64, end: End, previous: i64, event: NewEvent) -> Result<(), StoreError> {
        self.run(move |connection| {
            connection
                .prepare_cached(
                    "UPDATE executions SET status = ?, output = ?, error = ?, cause = ?, stopped = ?, stop = NULL WHERE id = ?",
                )?
                .execute(params![end.status.as_str(), end.output, end.error, end.cause, end.stopped, execution])?;
            connection.prepare_cached("DELETE FROM branches WHERE execution = ?")?.execute([execution])?;
            insert_events(connection, execution, previous, vec![event])?;
            Ok(())
        })
        .await
    }

    /// Every execution that goes on.
    pub async fn running(&self) -> Result<Vec<Resumable>, StoreError> {
        self.run(|connection| {
            let executions: Vec<StoredExecution> = connection
                .prepare_cached(&format!("SELECT {COLUMNS} FROM executions WHERE stopped IS NULL ORDER BY id"))?
                .query_map([], StoredExecution::from_row)?
                .collect::<rusqlite::Result<_>>()?;
            let mut running = Vec::with_capacity(executions.len());
            for execution in executions {
                let branches = connection
                    .prepare_cached("SELECT path, record FROM branches WHERE execution = ?")?
                    .query_map([execution.id], |row| {
                        let record: String = row.get(1)?;
                        Ok((row.get(0)?, from_text(&record)?))
                    })?
                    .collect::<rusqlite::Result<_>>()
                    .map_err(StoreError::from);
                running.push((execution, branches));
            }
            Ok(running)
        })
        .await
    }

    /// Forgets executions that ended before a time, at most `limit` of them; gives how many.
    pub async fn prune(&self, ended_before: i64, limit: usize) -> Result<usize, StoreError> {
        self.run(move |connection| {
            connection
                .prepare_cached("DELETE FROM executions WHERE id IN (SELECT id FROM executions WHERE stopped < ? LIMIT ?)")?
                .execute(params![ended_before, i64::try_from(limit).unwrap_or(i64::MAX)])
        })
        .await
    }
}

fn find(connection: &Connection, arn: &str) -> rusqlite::Result<Option<StoredExecution>> {
    connection
        .prepare_cached(&format!("SELECT {COLUMNS} FROM executions WHERE arn = ?"))?
        .query_row([arn], StoredExecution::from_row)
        .optional()
}

/// Numbers and adds events; gives the number of the last one, or `previous` where there are none.
fn insert_events(connection: &Connection, execution: i64, mut previous: i64, events: Vec<NewEvent>) -> rusqlite::Result<i64> {
    if events.is_empty() {
        return Ok(previous);
    }
    let count = i64::try_from(events.len()).unwrap_or(i64::MAX);
    let last: i64 = connection
        .prepare_cached("UPDATE executions SET events = events + ? WHERE id = ? RETURNING events")?
        .query_row(params![count, execution], |row| row.get(0))?;
    let mut insert = connection.prepare_cached("INSERT INTO events (execution, id, event) VALUES (?, ?, ?)")?;
    for (id, event) in (last - count + 1..).zip(events) {
        let mut document = json!({
            "id": id,
            "previousEventId": previous,
            "timestamp": epoch_seconds(event.time),
            "type": event.kind,
        });
        if let Some((member, details)) = event.details {
            document[member] = details;
        }
        insert.execute(params![execution, id, document.to_string()])?;
        previous = id;
    }
    Ok(previous)
}

fn to_text(value: &impl Serialize) -> rusqlite::Result<String> {
    serde_json::to_string(value).map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
}

fn from_text<T: serde::de::DeserializeOwned>(text: &str) -> rusqlite::Result<T> {
    serde_json::from_str(text).map_err(|error| rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, Box::new(error)))
}

fn in_savepoint<T>(connection: &Connection, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> rusqlite::Result<T> {
    connection.execute_batch("SAVEPOINT job")?;
    let outcome = work(connection);
    connection.execute_batch(if outcome.is_ok() { "RELEASE job" } else { "ROLLBACK TO job; RELEASE job" })?;
    outcome
}

fn serve(connection: Connection, mut queue: mpsc::Receiver<Job>) {
    while let Some(first) = queue.blocking_recv() {
        let begun = connection.execute_batch("BEGIN IMMEDIATE");
        let mut replies = vec![first(&connection)];
        while replies.len() < LARGEST_BATCH {
            let Ok(job) = queue.try_recv() else { break };
            replies.push(job(&connection));
        }
        let committed = begun.and_then(|()| connection.execute_batch("COMMIT")).map_err(StoreError::from);
        if committed.is_err() && !connection.is_autocommit() {
            // The transaction failed as a whole; without this the next one could not begin.
            let _ = connection.execute_batch("ROLLBACK");
        }
        for reply in replies {
            reply(committed.clone());
        }
    }
}
