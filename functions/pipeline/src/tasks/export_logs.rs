//! Writes a deployment's records of predictions to a file in the bucket.

use shared::domain::job::JobStatus;
use shared::objects::keys;
use shared::projects::analysis;
use shared::store::jobs::JobChange;
use shared::{Error, Platform, Result};

use super::JobEvent;
use crate::export::{ParquetFile, upload};

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
    let mut file = ParquetFile::create()?;
    let (mut start, mut written) = (None, 0);
    loop {
        let (records, next) = store.inference_logs_page(&deployment.id, span, start, GROUP).await?;
        written += records.len() as u64;
        if !records.is_empty() {
            file.write(&records)?;
        }
        if written > MOST_RECORDS || file.bytes()? > LARGEST_FILE {
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use parquet::file::reader::{FileReader as _, SerializedFileReader};
    use parquet::record::RowAccessor as _;
    use serde_json::json;
    use shared::domain::inference_log::InferenceLog;
    use shared::domain::job::{Job, JobKind};
    use shared::store::jobs::Created;

    use super::*;

    #[tokio::test]
    async fn numbers_are_exported_as_they_were() {
        let test = testing::TestPlatform::start().await;
        let store = test.platform.store().unwrap();
        let deployment = store.ensure_deployment("prices", "serveml-model-").await.unwrap();
        let record = InferenceLog {
            prediction_id: shared::id::new_id(),
            deployment_id: deployment.id.clone(),
            status: 200,
            rows: 2,
            inputs: Some(json!({ "size": [50.0, 50] })),
            predictions: Some(json!([3.0, 1e300])),
            ..InferenceLog::default()
        };
        store.keep_inference_logs(&[record], 30).await.unwrap();
        let job = Job { deployment_id: Some(deployment.id), ..Job::new(JobKind::Export, "prices".to_owned()) };
        assert!(matches!(store.create_job(&job, None).await.unwrap(), Created::New));
        perform(&test.platform, JobEvent { job_id: job.id.clone() }).await.unwrap();
        let file = test.platform.objects().unwrap().get(&keys::export(&job.id)).await.unwrap().unwrap();
        let reader = SerializedFileReader::new(file).unwrap();
        let row = reader.get_row_iter(None).unwrap().next().unwrap().unwrap();
        assert_eq!((row.get_string(8).unwrap().as_str(), row.get_string(9).unwrap().as_str()), (r#"{"size":[50.0,50]}"#, "[3.0,1e+300]"));
    }
}
