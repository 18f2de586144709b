//! `POST registered-models/create`: registers a model that has no version yet.

use serde_json::json;
use shared::domain::tracking_rules as rules;
use shared::http::response;
use shared::{Platform, Request, Response, Result};

use crate::access::Caller;
use crate::message::Message;
use crate::shapes;

/// Takes `name`, `description`, `tags`; gives `registered_model`. A training script may do this too: it changes nothing that
/// is there.
///
/// # Errors
/// In MLflow's shape and codes.
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let caller = Caller::of(platform, &request).await?;
    let message = Message::of(&request)?;
    let name = message.required("name")?;
    rules::check_model_name(&name)?;
    let tags = message.map("tags")?;
    rules::check_tags(&tags, rules::check_registry_tag)?;
    let description = message.text("description")?;
    description.as_deref().map_or(Ok(()), rules::check_description)?;
    let model = caller.store(platform)?.create_registered_model(&name, description, tags).await?;
    response::ok(&json!({ "registered_model": shapes::registered_model(&model, &[]) }))
}
