//! `POST model-versions/transition-stage`: moves a version to a stage.

use serde_json::json;
use shared::domain::tracking_rules as rules;
use shared::http::response;
use shared::{Error, Platform, Request, Response, Result};

use crate::access::Caller;
use crate::message::Message;
use crate::model_versions::stage;
use crate::shapes;

/// Takes `name`, `version`, `stage`, `archive_existing_versions`; gives `model_version`.
///
/// # Errors
/// In MLflow's shape and codes.
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let caller = Caller::of(platform, &request).await?;
    caller.may_administer()?;
    let message = Message::of(&request)?;
    let name = message.required("name")?;
    rules::check_model_name(&name)?;
    let version = rules::version_number(&message.required("version")?)?;
    let stage_name = message.required("stage")?;
    let stage = stage::of_name(&stage_name)?;
    let archive = message.flag("archive_existing_versions")?;
    if archive && !matches!(stage.name(), "Staging" | "Production") {
        return Err(Error::bad_request(format!(
            "Model version transition cannot archive existing model versions because '{stage_name}' is not an Active stage. \
             Valid stages are ['Staging', 'Production']"
        )));
    }
    let moved = caller.store(platform)?.set_stage(&name, version, stage, archive).await?;
    response::ok(&json!({ "model_version": shapes::model_version(&moved) }))
}
