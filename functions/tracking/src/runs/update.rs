//! `POST runs/update`: changes a run's status, end or name.

use serde_json::json;
use shared::domain::run::RunStatus;
use shared::http::response;
use shared::store::runs::RunChange;
use shared::{Platform, Request, Response, Result};

use crate::access::Caller;
use crate::message::Message;
use crate::shapes;

const STATUSES: [&str; 5] = ["RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED"];

/// Takes `run_id`, `status`, `end_time` (milliseconds), `run_name`; gives `run_info`.
///
/// # Errors
/// In MLflow's shape and codes.
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let caller = Caller::of(platform, &request).await?;
    let message = Message::of(&request)?;
    let run_id = message.run_id()?;
    caller.may_write_run(platform, &run_id).await?;
    let status = message.choice("status", &STATUSES, 1)?.map(|name| match name {
        "RUNNING" => RunStatus::Running,
        "SCHEDULED" => RunStatus::Scheduled,
        "FINISHED" => RunStatus::Finished,
        "FAILED" => RunStatus::Failed,
        _ => RunStatus::Killed,
    });
    let change = RunChange { status, end_time: message.integer("end_time")?, name: message.text("run_name")? };
    let run = platform.store()?.update_run(&run_id, change).await?;
    response::ok(&json!({ "run_info": shapes::run_info(&run) }))
}
