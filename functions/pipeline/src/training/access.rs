//! Who may use the job routes: the training program of the running attempt, while the job trains.

use shared::domain::job::{Job, JobKind, JobStatus};
use shared::{Error, ErrorKind, Platform, Request, Result};

/// The job of the path, where the request's token is good for it and it still trains.
///
/// # Errors
/// `Unauthorized` without a valid token; `Forbidden` with another job's; `Conflict` when the job is past its training.
pub async fn training_job(platform: &Platform, request: &Request) -> Result<Job> {
    let id = request.path_parameter("job_id")?;
    let token = request.bearer_token().ok_or_else(|| Error::unauthorized("The job's token is missing: send Authorization: Bearer …"))?;
    let job = platform.store()?.job_of_token(token).await?;
    if job.id != id {
        return Err(Error::new(ErrorKind::Forbidden, "The token is good for another job."));
    }
    require_training(&job)?;
    Ok(job)
}

/// That a job is in its training.
///
/// # Errors
/// `Conflict` when it has not begun, is past it or has ended.
pub fn require_training(job: &Job) -> Result<()> {
    let trains = match job.kind {
        JobKind::Training => Some(JobStatus::Running),
        JobKind::Deployment => Some(JobStatus::Training),
        _ => None,
    };
    if Some(job.status) == trains {
        return Ok(());
    }
    Err(Error::conflict(format!("Job {} is not in its training (it is {:?}).", job.id, job.status)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_job_in_training_is_reported_to() {
        let mut job = Job::new(JobKind::Training, "m".to_owned());
        assert!(require_training(&job).is_err(), "it is queued");
        job.status = JobStatus::Running;
        assert!(require_training(&job).is_ok());
        job.status = JobStatus::Completed;
        assert!(require_training(&job).is_err());
        let mut job = Job::new(JobKind::Deployment, "m".to_owned());
        assert!(require_training(&job).is_ok());
        job.status = JobStatus::Building;
        assert!(require_training(&job).is_err());
    }
}
