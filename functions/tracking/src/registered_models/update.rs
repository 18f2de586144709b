//! `PATCH registered-models/update`: changes a registered model's description.

use serde_json::json;
use shared::domain::registered_model::Stage;
use shared::domain::tracking_rules as rules;
use shared::http::response;
use shared::{Platform, Request, Response, Result};

use crate::access::Caller;
use crate::message::Message;
use crate::shapes;

/// Takes `name`, `description`; gives `registered_model`.
///
/// # Errors
/// In MLflow's shape and codes.
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let caller = Caller::of(platform, &request).await?;
    caller.may_administer()?;
    let message = Message::of(&request)?;
    let (name, description) = (message.required("name")?, message.text("description")?);
    rules::check_model_name(&name)?;
    description.as_deref().map_or(Ok(()), rules::check_description)?;
    let store = caller.store(platform)?;
    let model = store.describe_registered_model(&name, description.as_deref()).await?;
    let latest = store.latest_versions_of_model(&name, &Stage::ALL).await?;
    response::ok(&json!({ "registered_model": shapes::registered_model(&model, &latest) }))
}
