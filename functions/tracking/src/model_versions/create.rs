//! `POST model-versions/create`: registers a version.

use serde_json::json;
use shared::domain::registered_model::NewModelVersion;
use shared::domain::tracking_rules as rules;
use shared::http::response;
use shared::{Platform, Request, Response, Result};

use crate::access::Caller;
use crate::message::Message;
use crate::model_versions::source;
use crate::shapes;

/// Takes `name`, `source` (a URI), `run_id`, `run_link`, `model_id`, `description`, `tags`; gives `model_version`. A training
/// script may register what its own job logged.
///
/// # Errors
/// In MLflow's shape and codes.
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let caller = Caller::of(platform, &request).await?;
    let message = Message::of(&request)?;
    let (name, uri) = (message.required("name")?, message.required("source")?);
    rules::check_model_name(&name)?;
    let tags = message.map("tags")?;
    rules::check_tags(&tags, rules::check_registry_tag)?;
    let description = message.text("description")?;
    description.as_deref().map_or(Ok(()), rules::check_description)?;
    let store = caller.store(platform)?;
    let source = source::resolve(&store, &uri, message.text("run_id")?, message.text("model_id")?).await?;
    source.check_access(platform, &caller).await?;
    store.registered_model(&name).await?.ok_or_else(|| source::no_model(&name))?;
    let new = NewModelVersion {
        model_name: name,
        description,
        tags,
        run_id: source.run_id,
        run_link: message.text("run_link")?.filter(|link| !link.is_empty()),
        source: source.uri,
        artifact_path: source.artifact_path,
        location: source.location,
        job_id: None,
        model_id: source.model_id,
        ..NewModelVersion::default()
    };
    let version = store.create_model_version(new).await?;
    // The tag is of a logged model that everybody sees.
    if version.project_id.is_none() {
        store.record_model_version(&version).await?;
    }
    response::ok(&json!({ "model_version": shapes::model_version(&version) }))
}
