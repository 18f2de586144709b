//! `DELETE logged-models/{model_id}`: deletes a logged model; its files stay.

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
    let id = request.path_parameter("model_id")?;
    caller.may_write_model(platform, id).await?;
    platform.store()?.delete_logged_model(id).await?;
    response::ok(&json!({}))
}
