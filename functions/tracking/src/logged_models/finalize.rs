//! `PATCH logged-models/{model_id}`: says that a model's files are there, or that their upload failed.

use serde_json::json;
use shared::domain::logged_model::LoggedModelStatus;
use shared::http::response;
use shared::{Error, Platform, Request, Response, Result};

use crate::access::Caller;
use crate::message::Message;
use crate::shapes;

const STATUSES: [&str; 3] = ["LOGGED_MODEL_PENDING", "LOGGED_MODEL_READY", "LOGGED_MODEL_UPLOAD_FAILED"];

/// Takes `status`; gives `model`.
///
/// # Errors
/// In MLflow's shape and codes.
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let caller = Caller::of(platform, &request).await?;
    let status = match Message::of(&request)?.choice("status", &STATUSES, 1)? {
        Some("LOGGED_MODEL_PENDING") => LoggedModelStatus::Pending,
        Some("LOGGED_MODEL_READY") => LoggedModelStatus::Ready,
        Some(_) => LoggedModelStatus::UploadFailed,
        None => return Err(Error::bad_request("Missing value for required parameter 'status'.")),
    };
    let id = request.path_parameter("model_id")?;
    caller.may_write_model(platform, id).await?;
    let model = platform.store()?.finalize_logged_model(id, status).await?;
    response::ok(&json!({ "model": shapes::logged_model(&model) }))
}
