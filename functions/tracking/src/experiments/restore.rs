//! `POST experiments/restore`: brings a deleted experiment back.

use serde_json::json;
use shared::domain::lifecycle::LifecycleStage;
use shared::domain::tracking_rules as rules;
use shared::http::response;
use shared::{Platform, Request, Response, Result};

use crate::access::Caller;
use crate::message::Message;

/// Takes `experiment_id`; gives nothing.
///
/// # Errors
/// In MLflow's shape and codes.
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    Caller::of(platform, &request).await?.may_administer()?;
    let id = Message::of(&request)?.required("experiment_id")?;
    rules::check_experiment_id(&id)?;
    platform.store()?.set_experiment_stage(&id, LifecycleStage::Active).await?;
    response::ok(&json!({}))
}
