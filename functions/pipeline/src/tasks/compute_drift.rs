//! Compares a deployment's recent inputs with the data on which its model was trained.

use drift::{Comparison, Outcome};
use shared::alerts::evaluate;
use shared::domain::drift_report::DriftReport;
use shared::domain::job::JobStatus;
use shared::projects::analysis;
use shared::store::jobs::JobChange;
use shared::{Error, Platform, Result, Timestamp};

use super::JobEvent;

/// So many of the newest rows are compared.
const MOST_ROWS: u64 = 10_000;
/// So many records are looked at for them: some failed, or were kept without inputs.
const MOST_RECORDS: usize = 20_000;
const PAGE: u32 = 500;

/// Computes the population stability index of each feature, and keeps the report.
///
/// # Errors
/// `BadRequest` with the reason when nothing can be said: no baseline, too few rows, other features.
pub async fn perform(platform: &Platform, event: JobEvent) -> Result<JobEvent> {
    let store = platform.store()?;
    let job = super::job(platform, &event.job_id).await?;
    if job.status == JobStatus::Completed {
        return Ok(event);
    }
    store.move_job(&job.id, JobStatus::Running, JobChange::default()).await?;
    let deployment = super::deployment(platform, &job).await?;
    let outcome = match analysis::baseline(platform, &deployment).await? {
        None => Err(analysis::NO_BASELINE.to_owned()),
        Some(mut profile) => {
            let treated = analysis::treated_columns(platform, &deployment).await?;
            profile.features.retain(|feature, _| !treated.contains(feature));
            compare(platform, &deployment.id, &profile).await?
        }
    };
    match outcome {
        Ok(report) => {
            let rows = report.inference_rows;
            store.keep_drift_report(&DriftReport::new(&deployment, &job.id, report)).await?;
            let change = JobChange { result_rows: Some(rows), ..JobChange::default() };
            store.move_job(&job.id, JobStatus::Completed, change).await?;
            // The report stands whatever becomes of the rules; the schedule evaluates them again.
            if let Err(error) = evaluate::after_drift(platform, &deployment, Timestamp::now()).await {
                tracing::error!(%error, deployment_id = deployment.id, "the alert rules about drift cannot be evaluated");
            }
            Ok(event)
        }
        Err(reason) => {
            store.keep_drift_problem(&deployment.id, &reason).await?;
            Err(Error::bad_request(reason))
        }
    }
}

async fn compare(platform: &Platform, deployment_id: &str, profile: &drift::Profile) -> Result<Result<drift::Report, String>> {
    let store = platform.store()?;
    let span = analysis::span(platform, None, None)?;
    let mut comparison = Comparison::new(profile);
    let (mut start, mut looked_at) = (None, 0);
    loop {
        let (records, next) = store.inference_logs_page(deployment_id, span, start, PAGE).await?;
        looked_at += records.len();
        for record in records.iter().filter(|record| record.status < 400) {
            if let Some(columns) = record.inputs.as_ref().and_then(serde_json::Value::as_object) {
                comparison.add_columns(columns);
            }
            if comparison.rows() >= MOST_ROWS {
                break;
            }
        }
        if next.is_none() || comparison.rows() >= MOST_ROWS || looked_at >= MOST_RECORDS {
            break;
        }
        start = next;
    }
    Ok(match comparison.finish() {
        Outcome::Computed(report) => Ok(report),
        Outcome::TooFewRows { rows, needed } => {
            Err(format!("There are {rows} recent rows with inputs, and {needed} are needed to tell drift from chance."))
        }
        Outcome::TooFewTrainingRows { rows, needed } => {
            Err(format!("The baseline is of {rows} rows, and {needed} are needed; post a larger one with POST …/drift/baseline."))
        }
        Outcome::NoSharedFeatures => {
            Err("The recent inputs have none of the baseline's features, but for columns that a privacy policy treats.".to_owned())
        }
    })
}
