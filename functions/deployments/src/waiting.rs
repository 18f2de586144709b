//! Waiting for a deployment that is being made: whoever made it may use it right away.

use std::time::{Duration, Instant};

use shared::domain::deployment::{Deployment, DeploymentStatus, ServingStage};
use shared::{Error, ErrorKind, Platform, Result};

/// How long a deployment is waited for; the gateway waits for 30 seconds.
pub const LONGEST_WAIT: Duration = Duration::from_secs(24);
/// The pause between two looks at the deployment.
const PAUSE: Duration = Duration::from_millis(250);

/// The deployment, once a version of it answers.
///
/// # Errors
/// `Conflict` when it was deactivated or failed; `Unavailable` when it does not answer yet; `Internal` when DynamoDB does not
/// answer.
pub async fn until_live(platform: &Platform, mut deployment: Deployment) -> Result<Deployment> {
    let began = Instant::now();
    loop {
        if deployment.stage == ServingStage::Archived {
            return Err(Error::conflict("The deployment is inactive: it was deactivated, or another one took its place in production."));
        }
        if deployment.is_live() {
            return Ok(deployment);
        }
        if deployment.status == DeploymentStatus::Failed {
            let reason = deployment.error.as_deref().unwrap_or("its job failed without a reason");
            return Err(Error::conflict(format!("The deployment failed: {reason}")));
        }
        if began.elapsed() >= LONGEST_WAIT {
            return Err(Error::new(ErrorKind::Unavailable, "The deployment is still being brought up; try again in a few seconds."));
        }
        tokio::time::sleep(PAUSE).await;
        let found = platform.store()?.deployment(&deployment.id).await?;
        deployment = found.ok_or_else(|| Error::not_found(format!("Deployment {} not found", deployment.id)))?;
    }
}
