//! `POST runs/delete`: deletes a run; it can be restored.

use serde_json::json;
use shared::domain::lifecycle::LifecycleStage;
use shared::http::response;
use shared::{Platform, Request, Response, Result};

use crate::access::Caller;
use crate::message::Message;

/// Takes `run_id`; gives nothing.
///
/// # Errors
/// In MLflow's shape and codes.
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let caller = Caller::of(platform, &request).await?;
    let run_id = Message::of(&request)?.run_id()?;
    caller.may_write_run(platform, &run_id).await?;
    platform.store()?.set_run_stage(&run_id, LifecycleStage::Deleted).await?;
    response::ok(&json!({}))
}
