//! `PATCH logged-models/{model_id}/tags`: sets tags of a logged model.

use serde_json::json;
use shared::domain::tracking_rules as rules;
use shared::http::response;
use shared::{Platform, Request, Response, Result};

use crate::access::Caller;
use crate::message::Message;

/// Takes `tags`; gives nothing.
///
/// # Errors
/// In MLflow's shape and codes.
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let caller = Caller::of(platform, &request).await?;
    let tags = Message::of(&request)?.map("tags")?;
    rules::check_tags(&tags, |_, _| Ok(()))?;
    let id = request.path_parameter("model_id")?;
    caller.may_write_model(platform, id).await?;
    platform.store()?.set_logged_model_tags(id, &tags).await?;
    response::ok(&json!({}))
}
