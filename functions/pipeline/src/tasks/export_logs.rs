//! Writes a deployment's records of predictions to a file in the bucket.

use shared::domain::job::JobStatus;
use shared::objects::keys;
use shared::projects::analysis;
use shared::store::jobs::JobChange;
use shared::{Error, Platform, Result};

use super::JobEvent;
use crate::export::parquet::ParquetFile;
use crate::export::{COLUMNS, row, upload};

/// The most records of one file.
const MOST_RECORDS: u64 = 1_000_000;
/// The largest file, in bytes: it is written to the function's own disk first.
const LARGEST_FILE: u64 = 400 * 1024 * 1024;
/// So many records are one row group.
const GROUP: u32 = 1000;

/// Writes the records between the job's times, the newest first.
///
/// # Errors
/// `BadRequest` when there are more than one file takes.
pub async fn perform(platform: &Platform, event: JobEvent) -> Result<JobEvent> {
    let store = platform.store()?;
    let job = super::job(platform, &event.job_id).await?;
    if job.status == JobStatus::Completed {
        return Ok(event);
    }
    store.move_job(&job.id, JobStatus::Running, JobChange::default()).await?;
    let deployment = super::deployment(platform, &job).await?;
    let span = analysis::span(platform, job.since, job.until)?;
    let mut file = ParquetFile::create(COLUMNS)?;
    let (mut start, mut written) = (None, 0);
    loop {
        let (records, next) = store.inference_logs_page(&deployment.id, span, start, GROUP).await?;
        written += records.len() as u64;
        if !records.is_empty() {
            file.write(&records.iter().map(row).collect::<Vec<_>>())?;
        }
        if written > MOST_RECORDS || file.bytes() > LARGEST_FILE {
            return Err(Error::bad_request(
                "There are more records than one file takes; export them in parts with \"since\" and \"until\".",
            ));
        }
        if next.is_none() {
            break;
        }
        start = next;
    }
    let key = keys::export(&job.id);
    upload(platform.objects()?, &key, file.finish()?).await?;
    let change = JobChange { result_key: Some(key), result_rows: Some(written), ..JobChange::default() };
    store.move_job(&job.id, JobStatus::Completed, change).await?;
    Ok(event)
}
