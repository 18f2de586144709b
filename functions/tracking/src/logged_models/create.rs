//! `POST logged-models`: makes a logged model whose files are still to come.

use serde_json::json;
use shared::domain::tracking_rules as rules;
use shared::http::response;
use shared::store::logged_models::NewLoggedModel;
use shared::{Platform, Request, Response, Result};

use crate::access::Caller;
use crate::message::Message;
use crate::shapes;

/// Takes `experiment_id`, `name`, `model_type`, `source_run_id`, `params`, `tags`; gives `model`. A model that a job's script
/// makes is recorded with the job.
///
/// # Errors
/// In MLflow's shape and codes.
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let caller = Caller::of(platform, &request).await?;
    let message = Message::of(&request)?;
    let experiment_id = message.required("experiment_id")?;
    rules::check_experiment_id(&experiment_id)?;
    let name = message.text_or_empty("name")?;
    if !name.is_empty() {
        rules::check_logged_model_name(&name)?;
    }
    let source_run_id = message.text("source_run_id")?.filter(|id| !id.is_empty());
    if let Some(run_id) = &source_run_id {
        rules::check_run_id(run_id)?;
        caller.may_write_run(platform, run_id).await?;
    }
    let (tags, params) = (message.map("tags")?, message.map("params")?);
    rules::check_tags(&tags, |_, _| Ok(()))?;
    rules::check_tags(&params, |_, _| Ok(()))?;
    let new = NewLoggedModel {
        experiment_id,
        name,
        model_type: message.text("model_type")?,
        source_run_id,
        job_id: caller.job_id().map(str::to_owned),
        tags,
        params,
    };
    let model = platform.store()?.create_logged_model(new).await?;
    response::ok(&json!({ "model": shapes::logged_model(&model) }))
}
