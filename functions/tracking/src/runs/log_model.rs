//! `POST runs/log-model`: records a model that an older client logged.

use serde_json::{Value, json};
use shared::http::response;
use shared::{Error, Platform, Request, Response, Result};

use crate::access::Caller;
use crate::message::Message;

/// Takes `run_id`, `model_json` (the content of an `MLmodel` file); gives nothing.
///
/// # Errors
/// In MLflow's shape and codes.
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let caller = Caller::of(platform, &request).await?;
    let message = Message::of(&request)?;
    let (run_id, text) = (message.run_id()?, message.required("model_json")?);
    let model: Value =
        serde_json::from_str(&text).map_err(|_| Error::bad_request(format!("Malformed model info. \n {text} \n is not a valid JSON.")))?;
    let missing: Vec<&str> =
        ["artifact_path", "flavors", "utc_time_created", "run_id"].into_iter().filter(|field| model.get(field).is_none()).collect();
    if !missing.is_empty() {
        return Err(Error::bad_request(format!("Model json is missing mandatory fields: {{{}}}", missing.join(", "))));
    }
    caller.may_write_run(platform, &run_id).await?;
    platform.store()?.record_logged_model(&run_id, &model).await?;
    response::ok(&json!({}))
}
