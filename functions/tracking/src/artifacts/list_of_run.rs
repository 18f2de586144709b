//! `GET artifacts/list`: one level of a run's artifacts.

use shared::http::response;
use shared::{Error, Platform, Request, Response, Result};

use crate::access::Caller;
use crate::artifacts::paths;
use crate::message::Message;

/// Takes `run_id`, `path`; gives `root_uri`, `files` by their paths under it.
///
/// # Errors
/// In MLflow's shape and codes.
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let caller = Caller::of(platform, &request).await?;
    let message = Message::of(&request)?;
    let run_id = message.run_id()?;
    let run = platform.store()?.run(&run_id).await?;
    let run = run.ok_or_else(|| Error::not_found(format!("Run with id={run_id} not found")))?;
    response::ok(&paths::listing_of(platform, &caller, &run.artifact_uri, message.text("path")?.as_deref()).await?)
}
