//! `POST registered-models/rename`: gives a registered model another name.

use serde_json::json;
use shared::domain::registered_model::Stage;
use shared::domain::tracking_rules as rules;
use shared::http::response;
use shared::{Platform, Request, Response, Result};

use crate::access::Caller;
use crate::message::Message;
use crate::shapes;

/// Takes `name`, `new_name`; gives `registered_model`. A model that is deployed keeps its name.
///
/// # Errors
/// In MLflow's shape and codes.
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let caller = Caller::of(platform, &request).await?;
    caller.may_administer()?;
    let message = Message::of(&request)?;
    let (name, new_name) = (message.required("name")?, message.text_or_empty("new_name")?);
    rules::check_model_name(&name)?;
    if new_name.trim().is_empty() {
        return Err(rules::missing_value("new_name"));
    }
    rules::check_model_name(&new_name)?;
    let store = caller.store(platform)?;
    let model = store.rename_registered_model(&name, &new_name).await?;
    let latest = store.latest_versions_of_model(&new_name, &Stage::ALL).await?;
    response::ok(&json!({ "registered_model": shapes::registered_model(&model, &latest) }))
}
