//! `POST runs/create`: starts a run.

use serde_json::json;
use shared::domain::tracking_rules as rules;
use shared::http::response;
use shared::store::runs::NewRun;
use shared::{Platform, Request, Response, Result};

use crate::access::Caller;
use crate::message::Message;
use crate::shapes;

/// Takes `experiment_id`, `user_id`, `run_name`, `start_time` (milliseconds), `tags`; gives `run`. A run that a job's script starts is
/// recorded with the job.
///
/// # Errors
/// In MLflow's shape and codes.
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let caller = Caller::of(platform, &request).await?;
    let message = Message::of(&request)?;
    let experiment_id = message.text_or_empty("experiment_id")?;
    if !experiment_id.is_empty() {
        rules::check_experiment_id(&experiment_id)?;
    }
    let tags = message.map("tags")?;
    rules::check_tags(&tags, |name, value| rules::check_tag(name, value, "").map(drop))?;
    let new = NewRun {
        experiment_id,
        name: message.text_or_empty("run_name")?,
        user_id: message.text_or_empty("user_id")?,
        start_time: message.integer("start_time")?.unwrap_or(0),
        tags,
        job_id: caller.job_id().map(str::to_owned),
    };
    let run = platform.store()?.create_run(new).await?;
    response::ok(&json!({ "run": shapes::run(&run, Vec::new()) }))
}
