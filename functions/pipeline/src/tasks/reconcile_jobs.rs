//! Brings jobs and their executions together, on a schedule: what a lost answer or a lost machine left apart does not
//! stay so.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use shared::domain::job::Job;
use shared::paging::PageRequest;
use shared::state_machines::Execution;
use shared::{Error, Platform, Result, Timestamp};

use super::record_failure::{Failure, fail, reason};

/// A job younger than this, in seconds, is left alone: its route is about to start it.
const YOUNG: f64 = 60.0;
const PAGE_SIZE: u32 = 100;
/// So many pages are read at the most; Step Functions answers some fifteen questions a second for long.
const MOST_PAGES: usize = 10;

/// What was done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reconciled {
    /// Open jobs that were looked at.
    pub looked_at: u32,
    /// Executions that were missing and are started.
    pub started: u32,
    /// Jobs whose execution had ended without a record.
    pub failed: u32,
    /// Jobs that could not be looked at; the next run tries again.
    pub troubled: u32,
}

/// Starts the executions that are missing, and fails the jobs whose execution has ended.
///
/// # Errors
/// `Internal` when the open jobs cannot be listed.
pub async fn perform(platform: &Platform, _schedule: Value) -> Result<Reconciled> {
    let done = reconcile_all(platform).await?;
    // Last, since an alias that cannot follow takes its time: the projects' routes do without it.
    route(platform).await?;
    Ok(done)
}

async fn reconcile_all(platform: &Platform) -> Result<Reconciled> {
    let mut done = Reconciled::default();
    let mut page = PageRequest { limit: PAGE_SIZE, after: None };
    for _ in 0..MOST_PAGES {
        let jobs = platform.store()?.open_jobs(&page).await?;
        let now = Timestamp::now();
        for job in &jobs.items {
            if now.seconds_since(job.created_at) < YOUNG {
                continue;
            }
            done.looked_at += 1;
            match reconcile(platform, job).await {
                Ok(Step::Nothing) => {}
                Ok(Step::Started) => done.started += 1,
                Ok(Step::Failed) => done.failed += 1,
                Err(error) => {
                    tracing::error!(%error, job_id = job.id, "the job cannot be reconciled with its execution");
                    done.troubled += 1;
                }
            }
        }
        let Some(token) = jobs.next_page_token else { return Ok(done) };
        page = PageRequest::new(PAGE_SIZE, PAGE_SIZE, Some(&token))?;
    }
    tracing::warn!(?done, "there are more open jobs than one run looks at");
    Ok(done)
}

/// Lets the aliases of projects' functions follow the table where they could not when it changed.
async fn route(platform: &Platform) -> Result<()> {
    let unrouted = platform.store()?.unrouted_projects(&PageRequest { limit: PAGE_SIZE, after: None }).await?;
    for project in unrouted.items {
        if let Err(error) = shared::projects::routing::apply(platform, &project.id).await {
            tracing::error!(%error, project_id = project.id, "the alias of the project's function cannot follow");
        }
    }
    Ok(())
}

enum Step {
    Nothing,
    Started,
    Failed,
}

async fn reconcile(platform: &Platform, listed: &Job) -> Result<Step> {
    let execution = platform.state_machines().execution(listed).await?;
    if execution == Execution::Running {
        return Ok(Step::Nothing);
    }
    // The list is a little behind, and the job may have ended while the execution was asked about.
    let job = platform.store()?.job(&listed.id).await?.ok_or_else(|| Error::not_found(format!("Job {} not found", listed.id)))?;
    if job.status.is_final() {
        return Ok(Step::Nothing);
    }
    match execution {
        Execution::Running => Ok(Step::Nothing),
        Execution::Missing if job.cancel_requested => {
            fail(platform, &job, "Cancelled by request".to_owned()).await?;
            Ok(Step::Failed)
        }
        Execution::Missing => {
            platform.state_machines().start(&job).await?;
            tracing::info!(job_id = job.id, "started an execution that was missing");
            Ok(Step::Started)
        }
        Execution::Ended { status, cause } => {
            fail(platform, &job, reason_of_end(&job, status, cause)).await?;
            Ok(Step::Failed)
        }
    }
}

fn reason_of_end(job: &Job, status: String, cause: Option<String>) -> String {
    if status == "SUCCEEDED" {
        return "The execution ended without recording its result".to_owned();
    }
    reason(job, &Failure { error: Some(status), cause })
}

#[cfg(test)]
mod tests {
    use shared::domain::job::JobKind;

    use super::*;

    #[test]
    fn an_end_without_a_record_has_a_reason() {
        let mut job = Job::new(JobKind::Deployment, "m".to_owned());
        for (status, cause, expected) in [
            ("SUCCEEDED", None, "The execution ended without recording its result"),
            ("TIMED_OUT", None, "Timeout exceeded: The training took longer than the platform allows and was stopped"),
            ("ABORTED", None, "The training was stopped"),
            ("FAILED", Some("no room".to_owned()), "no room"),
            ("FAILED", None, "The training failed: FAILED"),
        ] {
            assert_eq!(reason_of_end(&job, status.to_owned(), cause), expected);
        }
        job.cancel_requested = true;
        assert_eq!(reason_of_end(&job, "ABORTED".to_owned(), None), "Cancelled by request");
    }
}
