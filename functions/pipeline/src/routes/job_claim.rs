//! `POST /pipeline/jobs/{job_id}/claim`: the training program exchanges its ticket for a token and all that it needs.

use std::time::Duration;

use shared::domain::requirement;
use shared::http::response;
use shared::objects::keys;
use shared::{Error, Platform, Request, Response, Result, token};

use crate::training::access;
use crate::training::protocol::{Claim, ScriptFile, Ticket};

/// For how long the script can be fetched.
const SCRIPT_URL_VALID: Duration = Duration::from_secs(15 * 60);

/// Answers with a [`Claim`]. A ticket is good once, and for the running attempt only.
///
/// # Errors
/// `Unauthorized` when the ticket is not good; `NotFound` when there is no such job; `Conflict` when the job is not in
/// its training.
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let id = request.path_parameter("job_id")?;
    let Ticket { ticket } = request.json()?;
    let store = platform.store()?;
    let job = store.job(id).await?.ok_or_else(|| Error::not_found(format!("Job {id} not found")))?;
    access::require_training(&job)?;
    let secret = token::new_secret();
    let job = store.claim_job(id, &ticket, &token::hash(&secret)).await?;
    let script = job.script.ok_or_else(|| Error::conflict(format!("Job {id} has no script to run.")))?;
    let mut files = Vec::with_capacity(job.files.len());
    for name in job.files {
        let url = platform.objects()?.presign_get(&keys::job_file(&job.id, &name), SCRIPT_URL_VALID).await?;
        files.push(ScriptFile { name, url });
    }
    response::ok(&Claim {
        token: token::job_token(&job.id, &secret),
        attempt: job.attempt,
        script_url: platform.objects()?.presign_get(&keys::script(&job.id), SCRIPT_URL_VALID).await?,
        script_name: script.script_name,
        requirements: requirement::with_mlflow(script.requirements),
        environment_vars: script.environment_vars,
        timeout_seconds: script.timeout_seconds,
        experiment_name: job.experiment_name.unwrap_or_else(|| "Default".to_owned()),
        run_id: job.recipe_run_id,
        files,
    })
}
