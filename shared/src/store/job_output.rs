//! What a training script writes, in the table: pieces in their order, counted, with a bound for each job.

use serde::{Deserialize, Serialize};

use super::Store;
use super::jobs::LogChunk;
use super::keys::{Key, sortable};
use super::update::Update;
use super::write::{NewItem, Outcome, Write};
use crate::Result;

/// The most output that is kept of a job, in bytes. The training program leaves out the middle of more than 3 MB, so
/// only a job that was begun several times comes here.
pub const MOST_OUTPUT: u64 = 4 * 1024 * 1024;

/// How far the output of a job has come.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Progress {
    /// The attempt and sequence of the last piece, in their order as text.
    place: String,
    /// How many bytes are kept.
    bytes: u64,
    /// True once the bound was reached.
    #[serde(default)]
    full: bool,
}

impl Store {
    /// Adds a piece to a job's output. Pieces come in the order of `attempt`, then `sequence`; one that is not behind
    /// the last was written before and changes nothing. What exceeds [`MOST_OUTPUT`] is left out, with a notice.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn add_output(&self, job_id: &str, attempt: u32, sequence: u64, text: &str) -> Result<()> {
        let partition = format!("JOB#{job_id}");
        let progress_key = Key::new(&partition, "OUTPUT");
        let progress: Progress = self.get(&progress_key).await?.unwrap_or_default();
        if progress.full {
            return Ok(());
        }
        let full = progress.bytes + text.len() as u64 > MOST_OUTPUT;
        let notice = format!("\n[The rest is left out: the output of a job is kept up to {} MB]\n", MOST_OUTPUT / 1024 / 1024);
        let text = if full { &notice } else { text };
        let place = format!("{}#{}", sortable(u64::from(attempt)), sortable(sequence));
        let piece = LogChunk { text: text.to_owned() };
        let update = Update::new(progress_key)
            .if_absent_or("place", "<", &place)?
            .set("place", &place)?
            .set("full", &full)?
            .add("bytes", i64::try_from(text.len()).unwrap_or(i64::MAX))?;
        let piece = NewItem::new(&Key::new(partition, format!("LOG#{place}")), &piece)?;
        match self.transact(vec![Write::Update(update), Write::Put(piece)]).await? {
            Outcome::Done(()) | Outcome::Refused(_) => Ok(()),
        }
    }
}
