//! `POST experiments/create`: makes an experiment.

use serde_json::json;
use shared::domain::tracking_rules as rules;
use shared::http::response;
use shared::{Platform, Request, Response, Result};

use crate::access::Caller;
use crate::message::Message;

/// Takes `name`, `artifact_location`, `tags`; gives `experiment_id`. A training script may make one too: it changes nothing
/// that is there.
///
/// # Errors
/// In MLflow's shape and codes.
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    Caller::of(platform, &request).await?;
    let message = Message::of(&request)?;
    let name = message.required("name")?;
    rules::check_experiment_name(&name)?;
    let location = message.text("artifact_location")?.filter(|location| !location.is_empty());
    if let Some(location) = &location {
        rules::check_artifact_location(location)?;
    }
    let tags = message.map("tags")?;
    rules::check_tags(&tags, rules::check_experiment_tag)?;
    let experiment = platform.store()?.create_experiment(&name, location.as_deref(), tags).await?;
    response::ok(&json!({ "experiment_id": experiment.id }))
}
