//! What can be asked of jobs, whichever API asks: submit one, cancel one, take down what one deployed.

pub mod cancel;
pub mod submit;
pub mod take_down;

use crate::domain::job::{Job, JobKind};
use crate::{Error, Platform, Result};

/// A job of that kind, by its id.
///
/// # Errors
/// `NotFound` when there is none of that kind; `Internal` when DynamoDB does not answer.
pub async fn find(platform: &Platform, kind: JobKind, id: &str) -> Result<Job> {
    let job = platform.store()?.job(id).await?.filter(|job| job.kind == kind);
    job.ok_or_else(|| {
        let what = match kind {
            JobKind::Training => "Training job",
            JobKind::Deployment => "Deployment",
        };
        let shown: String = id.chars().take(80).collect();
        Error::not_found(format!("{what} {shown} not found"))
    })
}
