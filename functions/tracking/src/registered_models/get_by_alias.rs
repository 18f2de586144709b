//! `GET registered-models/alias`: the version for which an alias stands; `latest` stands for the newest.

use serde_json::json;
use shared::domain::tracking_rules as rules;
use shared::http::response;
use shared::{Error, Platform, Request, Response, Result};

use crate::access::Caller;
use crate::message::Message;
use crate::shapes;

/// Takes `name`, `alias`; gives `model_version`.
///
/// # Errors
/// In MLflow's shape and codes.
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let caller = Caller::of(platform, &request).await?;
    let message = Message::of(&request)?;
    let (name, alias) = (message.required("name")?, message.required("alias")?);
    rules::check_model_name(&name)?;
    rules::check_alias(&alias)?;
    let store = caller.store(platform)?;
    let model = store.registered_model(&name).await?;
    let model = model.ok_or_else(|| Error::not_found(format!("Registered Model with name={name} not found")))?;
    let version = if alias.eq_ignore_ascii_case("latest") {
        let latest = store.latest_version(&name).await?;
        latest.ok_or_else(|| Error::not_found(format!("Latest version not found for model {name}.")))?
    } else {
        let unknown = || Error::bad_request(format!("Registered model alias {alias} not found."));
        let number = *model.aliases.get(&alias).ok_or_else(unknown)?;
        store.model_version(&name, number).await?.ok_or_else(unknown)?
    };
    response::ok(&json!({ "model_version": shapes::model_version(&version) }))
}
