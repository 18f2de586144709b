//! `POST and GET registered-models/get-latest-versions`: the latest version in each of the stages asked for.

use serde_json::json;
use shared::domain::registered_model::Stage;
use shared::domain::tracking_rules as rules;
use shared::http::response;
use shared::{Platform, Request, Response, Result};

use crate::access::Caller;
use crate::message::Message;
use crate::model_versions::stage;
use crate::shapes;

/// Takes `name`, `stages` (all when there is none); gives `model_versions`.
///
/// # Errors
/// In MLflow's shape and codes.
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let caller = Caller::of(platform, &request).await?;
    let message = Message::of(&request)?;
    let name = message.required("name")?;
    rules::check_model_name(&name)?;
    let stages = message.texts("stages")?;
    let stages = match stages.is_empty() {
        true => Stage::ALL.to_vec(),
        false => stages.iter().map(|name| stage::of_name(name)).collect::<Result<Vec<_>>>()?,
    };
    let versions = caller.store(platform)?.latest_versions_of_model(&name, &stages).await?;
    let versions: Vec<_> = versions.iter().map(shapes::model_version).collect();
    response::ok(&shapes::object(json!({ "model_versions": versions })))
}
