//! Has drift computed, on a schedule, for every deployment in production whose training data is known.

use serde::Serialize;
use serde_json::Value;
use shared::domain::deployment::Deployment;
use shared::identity::Caller;
use shared::paging::PageRequest;
use shared::projects::analysis;
use shared::{Platform, Result};

const PAGE_SIZE: u32 = 100;
/// So many pages are read at the most.
const MOST_PAGES: usize = 20;

/// What was done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Scheduled {
    /// Deployments that take production traffic.
    pub looked_at: u32,
    /// Jobs that were asked for.
    pub started: u32,
}

/// Asks for the jobs.
///
/// # Errors
/// `Internal` when the deployments cannot be listed.
pub async fn perform(platform: &Platform, _schedule: Value) -> Result<Scheduled> {
    let mut done = Scheduled::default();
    let mut page = PageRequest { limit: PAGE_SIZE, after: None };
    for _ in 0..MOST_PAGES {
        let deployments = platform.store()?.deployments_in_production(&page).await?;
        for deployment in &deployments.items {
            done.looked_at += 1;
            match start(platform, deployment).await {
                Ok(started) => done.started += u32::from(started),
                Err(error) => tracing::error!(%error, deployment_id = deployment.id, "drift cannot be asked for"),
            }
        }
        let Some(token) = deployments.next_page_token else { return Ok(done) };
        page = PageRequest::new(PAGE_SIZE, PAGE_SIZE, Some(&token))?;
    }
    tracing::warn!(?done, "there are more deployments in production than one run looks at");
    Ok(done)
}

async fn start(platform: &Platform, deployment: &Deployment) -> Result<bool> {
    if analysis::baseline(platform, deployment).await?.is_none() {
        return Ok(false);
    }
    let caller = deployment.owner.clone().map_or(Caller::Anyone, Caller::User);
    analysis::run_drift(platform, &caller, deployment).await?;
    Ok(true)
}
