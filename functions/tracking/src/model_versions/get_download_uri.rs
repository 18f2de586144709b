//! `GET model-versions/get-download-uri`: where a version's files are.

use serde_json::json;
use shared::domain::tracking_rules as rules;
use shared::http::response;
use shared::{Error, Platform, Request, Response, Result};

use crate::access::Caller;
use crate::message::Message;

/// Takes `name`, `version`; gives `artifact_uri`.
///
/// # Errors
/// In MLflow's shape and codes.
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let caller = Caller::of(platform, &request).await?;
    let message = Message::of(&request)?;
    let name = message.required("name")?;
    rules::check_model_name(&name)?;
    let version = rules::version_number(&message.required("version")?)?;
    let store = caller.store(platform)?;
    let found = store.model_version(&name, version).await?;
    let found = found.ok_or_else(|| Error::not_found(format!("Model Version (name={name}, version={version}) not found")))?;
    let uri = match (&found.artifact_path, &found.model_id) {
        (Some(path), _) => shared::domain::artifact_uri::of_path(path),
        (None, Some(model_id)) => store.logged_model(model_id).await?.map_or(found.source, |model| model.artifact_uri),
        (None, None) => found.location.unwrap_or(found.source),
    };
    response::ok(&json!({ "artifact_uri": uri }))
}
