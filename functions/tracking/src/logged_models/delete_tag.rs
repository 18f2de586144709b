//! `DELETE logged-models/{model_id}/tags/{tag_key}`: removes a tag of a logged model.

use serde_json::json;
use shared::http::response;
use shared::{Platform, Request, Response, Result};

use crate::access::Caller;

/// Gives nothing.
///
/// # Errors
/// In MLflow's shape and codes.
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let caller = Caller::of(platform, &request).await?;
    let (id, key) = (request.path_parameter("model_id")?, request.path_parameter("tag_key")?);
    caller.may_write_model(platform, id).await?;
    platform.store()?.delete_logged_model_tag(id, key).await?;
    response::ok(&json!({}))
}
