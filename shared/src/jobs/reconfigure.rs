//! Changing what a deployment's function is given: the same image is published anew with it, checked, and takes the
//! traffic.

use super::submit::{self, Submitted, Target};
use crate::domain::deployment::{Configuration, ConfigurationChange, Deployment};
use crate::domain::job::{Job, JobKind};
use crate::{Error, Platform, Result};

/// How many instances may wait for requests at all times.
pub const MIN_INSTANCES: std::ops::RangeInclusive<i64> = 0..=100;

/// Submits a change of the configuration of a deployment that answers.
///
/// # Errors
/// `Unprocessable`, naming the field, when fewer instances may be there than shall wait; `Conflict` when no version of it
/// answers yet; `Internal` when AWS does not answer.
pub async fn reconfigure(platform: &Platform, deployment: &Deployment, change: ConfigurationChange) -> Result<Submitted> {
    if !deployment.is_live() {
        let status = deployment.status.name();
        return Err(Error::conflict(format!("The deployment is {status}: its configuration can be changed once it is active.")));
    }
    check(change.apply(deployment.configuration))?;
    let job = Job {
        owner: deployment.owner.clone(),
        configuration: Some(change),
        model_version: deployment.live_model_version,
        ..Job::new(JobKind::Configuration, deployment.model_name.clone())
    };
    submit::job(platform, job, Target::Deployment(deployment.id.clone()), None).await
}

fn check(configuration: Configuration) -> Result<()> {
    match configuration.max_instances {
        Some(most) if most < configuration.min_instances => {
            let message = format!("must not be more than max_instances, which is {most}");
            Err(Error::field("min_instances", message))
        }
        _ => Ok(()),
    }
}
