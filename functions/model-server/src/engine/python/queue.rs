//! Requests that wait for a worker, first come, first served.

use crate::{
    engine::{Asked, Problem},
    inputs::{Batch, Data, Numbers},
    outputs::Outputs,
};
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::{
    sync::{Notify, oneshot},
    time::Instant,
};

/// Most requests that wait at once.
const LENGTH_LIMIT: usize = 2048;
/// Most rows of one merged prediction call.
const MERGED_ROWS: usize = 256;

/// One request.
#[derive(Debug)]
pub struct Job {
    pub batch: Arc<Batch>,
    /// What is asked besides the predictions.
    pub asked: Asked,
    pub deadline: Instant,
    /// Whether it must not share a prediction call: it was part of one that ended badly.
    pub alone: bool,
    /// Where the answer goes; closed where nobody waits for it any more.
    pub reply: oneshot::Sender<Result<Outputs, Problem>>,
}

/// The waiting requests.
#[derive(Debug, Default)]
pub struct Queue {
    jobs: Mutex<VecDeque<Job>>,
    arrival: Notify,
}

impl Queue {
    /// Adds a request at the end.
    ///
    /// # Errors
    /// [`Problem::Busy`] where too many wait already.
    pub fn push(&self, job: Job) -> Result<(), Problem> {
        {
            let mut jobs = self.lock();
            if jobs.len() >= LENGTH_LIMIT {
                return Err(Problem::Busy);
            }
            jobs.push_back(job);
        }
        self.arrival.notify_one();
        Ok(())
    }

    /// Waits for the first request that somebody still waits for; with `merge` also takes what can share its prediction call.
    pub async fn take(&self, merge: bool) -> Vec<Job> {
        loop {
            if let Some(jobs) = self.take_now(merge) {
                return jobs;
            }
            self.arrival.notified().await;
        }
    }

    fn take_now(&self, merge: bool) -> Option<Vec<Job>> {
        let mut jobs = self.lock();
        let first = loop {
            let job = jobs.pop_front()?;
            if job.reply.is_closed() {
                continue;
            }
            if job.deadline <= Instant::now() {
                let _ = job.reply.send(Err(Problem::Late));
                continue;
            }
            break job;
        };
        let mut taken = vec![first];
        let mut rows = taken[0].batch.rows;
        while merge && let Some(next) = jobs.front() {
            if rows + next.batch.rows > MERGED_ROWS || !alike(&taken[0], next) {
                break;
            }
            rows += next.batch.rows;
            taken.extend(jobs.pop_front());
        }
        if !jobs.is_empty() {
            self.arrival.notify_one();
        }
        Some(taken)
    }

    /// Puts requests of a call that ended badly back to the front, each to run alone.
    pub fn put_back(&self, taken: Vec<Job>) {
        let mut jobs = self.lock();
        for job in taken.into_iter().rev() {
            jobs.push_front(Job { alone: true, ..job });
        }
        drop(jobs);
        self.arrival.notify_one();
    }

    /// Answers all that wait with the same problem.
    pub fn refuse_all(&self, problem: &Problem) {
        for job in self.lock().drain(..) {
            let _ = job.reply.send(Err(problem.clone()));
        }
    }

    /// Whether nobody waits.
    pub fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Job>> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether two requests can share a prediction call: the same kind of matrix, and nulls in neither, so that a model that
/// refuses nulls refuses the right request.
fn alike(first: &Job, second: &Job) -> bool {
    let same_shape = match (&first.batch.data, &second.batch.data) {
        (Data::Matrix { width: a, numbers: x, .. }, Data::Matrix { width: b, numbers: y, .. }) => {
            a == b && std::mem::discriminant(x) == std::mem::discriminant(y)
        }
        _ => false,
    };
    same_shape
        && !first.alone
        && !second.alone
        && first.asked == second.asked
        && !first.asked.contributions
        && first.batch.nulls.is_empty()
        && second.batch.nulls.is_empty()
        && !second.reply.is_closed()
}

/// The rows of several alike requests in one batch. `None` where they are not all matrices.
pub fn merged(jobs: &[Job]) -> Option<Batch> {
    let rows = jobs.iter().map(|job| job.batch.rows).sum();
    let mut wide = Vec::new();
    let mut narrow = Vec::new();
    for job in jobs {
        match &job.batch.data {
            Data::Matrix { numbers: Numbers::F64(values), .. } => wide.extend_from_slice(values),
            Data::Matrix { numbers: Numbers::F32(values), .. } => narrow.extend_from_slice(values),
            _ => return None,
        }
    }
    let Data::Matrix { width, names, .. } = &jobs.first()?.batch.data else { return None };
    let numbers = if narrow.is_empty() { Numbers::F64(wide) } else { Numbers::F32(narrow) };
    Some(Batch { rows, data: Data::Matrix { width: *width, numbers, names: names.clone() }, nulls: Vec::new() })
}
