//! Jobs in the table: made once, moved forward by conditional writes, listed newest first.

use serde::{Deserialize, Serialize};

use super::Store;
use super::idempotency::{Idempotency, IdempotencyRecord};
use super::keys::{Index, Key, sortable};
use super::query::Query;
use super::update::Update;
use super::write::{NewItem, Outcome, Write};
use crate::domain::deployment::ModelMetadata;
use crate::domain::job::{Job, JobKind, JobStatus, Stage};
use crate::domain::outcome::TrainingOutcome;
use crate::identity::Caller;
use crate::paging::{self, Page, PageRequest};
use crate::{Error, Result, Timestamp};

const OPEN_JOBS: &str = "OPEN_JOBS";

/// A piece of a job's output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogChunk {
    /// The text.
    pub text: String,
}

/// What became of a request to make a job.
#[derive(Debug, Clone, PartialEq)]
pub enum Created {
    /// The job was made.
    New,
    /// An earlier request with the same Idempotency-Key made this job.
    Before(Box<Job>),
}

/// Changes that go with a step of a job.
#[derive(Debug, Clone, Default)]
pub struct JobChange {
    /// The run that logged the model.
    pub run_id: Option<String>,
    /// The version that was registered.
    pub model_version: Option<u64>,
    /// The deployment that is served.
    pub deployment_id: Option<String>,
    /// Where the model answers.
    pub deployment_url: Option<String>,
    /// The image.
    pub image_uri: Option<String>,
    /// The published version of the function.
    pub function_version: Option<String>,
    /// Why it failed.
    pub error: Option<String>,
    /// The object that it wrote.
    pub result_key: Option<String>,
    /// How many records it looked at.
    pub result_rows: Option<u64>,
}

fn key(id: &str) -> Key {
    Key::new(format!("JOB#{id}"), "JOB")
}

/// The list of the jobs of a kind that a user asked for, or nobody in particular.
fn list_of(kind: JobKind, owner: Option<&str>) -> String {
    format!("JOBS#{}#{}", kind.key(), owner.unwrap_or("anyone"))
}

fn counter_key(kind: JobKind, owner: Option<&str>) -> Key {
    Key::new(format!("COUNTER#{}_JOBS#{}", kind.key(), owner.unwrap_or("anyone")), "COUNTER")
}

impl Store {
    /// Makes a job, once for each Idempotency-Key.
    ///
    /// # Errors
    /// `Unprocessable` when the key was used for another request; `Internal` when DynamoDB does not answer.
    pub async fn create_job(&self, job: &Job, idempotency: Option<&Idempotency>) -> Result<Created> {
        let created = self.create_job_and(job, idempotency, Vec::new()).await?;
        created.ok_or_else(|| Error::broken(format!("job {} exists already", job.id)))
    }

    /// Makes a job, once for each Idempotency-Key, in one transaction with other writes. `None` when the conditions of
    /// those do not hold.
    pub(crate) async fn create_job_and(&self, job: &Job, idempotency: Option<&Idempotency>, also: Vec<Write>) -> Result<Option<Created>> {
        let new = NewItem::new(&key(&job.id), job)?
            .listed(Index::First, list_of(job.kind, job.owner.as_deref()), &job.id)
            .listed(Index::Second, OPEN_JOBS, &job.id)
            .if_absent();
        let counted = Update::new(counter_key(job.kind, job.owner.as_deref())).add("total", 1)?;
        let mut writes = vec![Write::Put(new), Write::Update(counted)];
        let record_at = writes.len();
        if let Some(idempotency) = idempotency {
            writes.push(Write::Put(idempotency.record(&job.id)?));
        }
        writes.extend(also);
        let refused = match self.transact(writes).await? {
            Outcome::Done(()) => return Ok(Some(Created::New)),
            Outcome::Refused(refused) => refused,
        };
        let Some(idempotency) = idempotency.filter(|_| refused.contains(&record_at)) else { return Ok(None) };
        let record: IdempotencyRecord = self.get(&idempotency.key()).await?.ok_or_else(|| {
            Error::new(crate::ErrorKind::Unavailable, "The first request with this Idempotency-Key is still being answered; try again.")
        })?;
        idempotency.check(&record)?;
        let job = self.job(&record.job_id).await?;
        let job = job.ok_or_else(|| Error::broken(format!("job {} of an idempotency record is gone", record.job_id)))?;
        Ok(Some(Created::Before(Box::new(job))))
    }

    /// The job that an earlier request with this Idempotency-Key made, if there was one.
    ///
    /// # Errors
    /// `Unprocessable` when the key was used for another request; `Internal` when DynamoDB does not answer.
    pub async fn job_of_idempotency_key(&self, idempotency: &Idempotency) -> Result<Option<Job>> {
        let Some(record) = self.get::<IdempotencyRecord>(&idempotency.key()).await? else { return Ok(None) };
        idempotency.check(&record)?;
        self.job(&record.job_id).await
    }

    /// A job by its id.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn job(&self, id: &str) -> Result<Option<Job>> {
        if !crate::id::is_id(id) {
            return Ok(None);
        }
        self.get(&key(id)).await
    }

    /// Jobs of a kind that a caller may see, newest first: their own, and those that nobody in particular asked for.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn jobs_for(&self, caller: &Caller, kind: JobKind, page: &PageRequest) -> Result<Page<Job>> {
        let list = |owner: Option<&str>| Query::index(Index::First, list_of(kind, owner)).newest_first();
        let Some(user) = caller.user_id() else { return self.page(&list(None), page).await };
        let (theirs, anyones) = (list(Some(user)), list(None));
        let (theirs, anyones) = tokio::try_join!(self.page::<Job>(&theirs, page), self.page::<Job>(&anyones, page))?;
        let more = theirs.next_page_token.is_some() || anyones.next_page_token.is_some();
        let mut items = [theirs.items, anyones.items].concat();
        // Ids sort by the time they were made; both lists go on behind the same one.
        items.sort_by(|one, other| other.id.cmp(&one.id));
        let more = more || items.len() > page.limit as usize;
        items.truncate(page.limit as usize);
        let next_page_token = items.last().filter(|_| more).map(|job| paging::encode(&job.id));
        Ok(Page { items, next_page_token })
    }

    /// How many jobs of a kind there are that a caller may see.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn count_jobs_for(&self, caller: &Caller, kind: JobKind) -> Result<u64> {
        let anyones = self.count_of(counter_key(kind, None)).await?;
        match caller.user_id() {
            Some(user) => Ok(anyones + self.count_of(counter_key(kind, Some(user))).await?),
            None => Ok(anyones),
        }
    }

    /// Jobs that have not ended, oldest first.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn open_jobs(&self, page: &PageRequest) -> Result<Page<Job>> {
        self.page(&Query::index(Index::Second, OPEN_JOBS), page).await
    }

    /// Moves a job to a status from those that may precede it, with what this step brought. The time of the stage is
    /// kept from the first time it is reached.
    ///
    /// # Errors
    /// `Conflict` when the job is not where it may leave from (it has ended, say); `NotFound` when there is none;
    /// `Internal` when DynamoDB does not answer.
    pub async fn move_job(&self, id: &str, to: JobStatus, change: JobChange) -> Result<Job> {
        let current = self.job(id).await?.ok_or_else(|| Error::not_found(format!("Job {id} not found")))?;
        let now = Timestamp::now();
        let mut update = Update::new(key(id)).if_exists().if_one_of("status", to.reached_from())?.set("status", &to)?;
        if current.status != to {
            update = update.append("stages", &[Stage { status: to, started_at: now }])?;
        }
        if matches!(to, JobStatus::Running | JobStatus::Building) && current.started_at.is_none() {
            update = update.set("started_at", &now)?;
        }
        if to.is_final() {
            update = update.remove("gsi2pk").remove("gsi2sk").remove("token_hash").remove("ticket_hash");
            if current.completed_at.is_none() {
                update = update.set("completed_at", &now)?;
            }
        }
        for (attribute, value) in [
            ("run_id", &change.run_id),
            ("deployment_id", &change.deployment_id),
            ("deployment_url", &change.deployment_url),
            ("image_uri", &change.image_uri),
            ("function_version", &change.function_version),
            ("error", &change.error),
            ("result_key", &change.result_key),
        ] {
            if let Some(value) = value {
                update = update.set(attribute, value)?;
            }
        }
        if let Some(rows) = change.result_rows {
            update = update.set("result_rows", &rows)?;
        }
        if let Some(version) = change.model_version {
            update = update.set("model_version", &version)?;
        }
        match self.update(update).await? {
            Outcome::Done(job) => {
                self.follow_job(&job).await?;
                Ok(job)
            }
            Outcome::Refused(_) => {
                let status = self.job(id).await?.map(|job| job.status);
                Err(Error::conflict(format!("Job {id} cannot become {to:?}: it is {status:?}")))
            }
        }
    }

    /// Begins an attempt at a job's training: earlier attempts' tickets and tokens are void from here on.
    ///
    /// # Errors
    /// `Conflict` when the job has ended; `Internal` when DynamoDB does not answer.
    pub async fn begin_attempt(&self, id: &str, ticket_hash: &str) -> Result<Job> {
        let job = self.job(id).await?.ok_or_else(|| Error::not_found(format!("Job {id} not found")))?;
        let status = match job.kind {
            JobKind::Training => JobStatus::Running,
            JobKind::Deployment => JobStatus::Training,
            _ => return Err(Error::conflict(format!("Job {id} trains nothing"))),
        };
        let update = Update::new(key(id))
            .if_exists()
            .if_one_of("status", &[JobStatus::first(job.kind), status])?
            .set("status", &status)?
            .set_once("begun", &true)?
            .set("ticket_hash", ticket_hash)?
            .remove("token_hash")
            .remove("outcome")
            .add("attempt", 1)?;
        let update = if job.started_at.is_none() { update.set("started_at", &Timestamp::now())? } else { update };
        let update =
            if job.status == status { update } else { update.append("stages", &[Stage { status, started_at: Timestamp::now() }])? };
        match self.update(update).await? {
            Outcome::Done(job) => {
                self.follow_job(&job).await?;
                Ok(job)
            }
            Outcome::Refused(_) => Err(Error::conflict(format!("Job {id} has ended or is past its training"))),
        }
    }

    /// Exchanges the running attempt's ticket for a token. A ticket is good once.
    ///
    /// # Errors
    /// `Unauthorized` when the ticket is not the running attempt's or was used; `Internal` when DynamoDB does not
    /// answer.
    pub async fn claim_job(&self, id: &str, ticket: &str, token_hash: &str) -> Result<Job> {
        let refused = || Error::unauthorized("The ticket is not good for this job, or was used before.");
        let update = Update::new(key(id))
            .if_exists()
            .if_compares("ticket_hash", "=", &crate::token::hash(ticket))?
            .if_one_of("status", &JobStatus::OPEN)?
            .set("token_hash", token_hash)?
            .remove("ticket_hash");
        match self.update(update).await? {
            Outcome::Done(job) => Ok(job),
            Outcome::Refused(_) => Err(refused()),
        }
    }

    /// The job that a bearer token of a training script is good for.
    ///
    /// # Errors
    /// `Unauthorized` when the token is void: malformed, of another attempt, or the job has ended.
    pub async fn job_of_token(&self, token: &str) -> Result<Job> {
        let refused = || Error::unauthorized("The job's token is not valid, or the job has ended.");
        let (job_id, secret) = crate::token::parse_job_token(token).ok_or_else(refused)?;
        let job = self.job(job_id).await?.ok_or_else(refused)?;
        match &job.token_hash {
            Some(hash) if !job.status.is_final() && crate::token::matches(secret, hash) => Ok(job),
            _ => Err(refused()),
        }
    }

    /// Keeps how the script ended, as the training program reported it.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn set_outcome(&self, id: &str, outcome: &TrainingOutcome) -> Result<()> {
        let update = Update::new(key(id)).if_exists().set("outcome", outcome)?;
        self.update::<serde::de::IgnoredAny>(update).await.map(drop)
    }

    /// Keeps what is known of the model that a job deploys.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn set_job_model(&self, id: &str, model: &ModelMetadata) -> Result<()> {
        let update = Update::new(key(id)).if_exists().set("model", model)?;
        self.update::<serde::de::IgnoredAny>(update).await.map(drop)
    }

    /// Asks that a job be cancelled; the training program and the tasks see it.
    ///
    /// # Errors
    /// `Conflict` when it has ended; `Internal` when DynamoDB does not answer.
    pub async fn request_cancel(&self, id: &str) -> Result<Job> {
        let update = Update::new(key(id)).if_exists().if_one_of("status", &JobStatus::OPEN)?.set("cancel_requested", &true)?;
        match self.update(update).await? {
            Outcome::Done(job) => Ok(job),
            Outcome::Refused(_) => Err(Error::conflict(format!("Job {id} has ended already; there is nothing to cancel"))),
        }
    }

    /// Adds to a job's output. `sequence` orders the pieces; writing a piece again does no harm.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn append_log(&self, id: &str, attempt: u32, sequence: u64, text: &str) -> Result<()> {
        let sort = format!("LOG#{}#{}", sortable(u64::from(attempt)), sortable(sequence));
        let chunk = LogChunk { text: text.to_owned() };
        self.put(NewItem::new(&Key::new(format!("JOB#{id}"), sort), &chunk)?).await.map(drop)
    }

    /// A job's whole output so far.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn job_logs(&self, id: &str) -> Result<String> {
        let chunks: Vec<LogChunk> = self.all(&Query::table(format!("JOB#{id}")).prefix("LOG#")).await?;
        Ok(chunks.into_iter().map(|chunk| chunk.text).collect())
    }
}
