//! `GET get-artifact` and `GET model-versions/get-artifact`: a file of a run or of a version, as MLflow's web pages ask for it.

use shared::domain::artifact_uri;
use shared::domain::tracking_rules as rules;
use shared::{Error, Platform, Request, Response, Result};

use crate::access::Caller;
use crate::artifacts::{file, paths};
use crate::message::Message;

/// Takes `path` and `run_id` (or `run_uuid`), or `path`, `name` and `version`; gives the file's bytes, or 302 to a URL in S3.
///
/// # Errors
/// In MLflow's shape and codes.
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let caller = Caller::of(platform, &request).await?;
    let message = Message::of(&request)?;
    let path = message.required("path")?;
    let path = paths::checked(&path)?;
    let store = caller.store(platform)?;
    let root = match message.text("name")? {
        Some(name) => {
            let version = rules::version_number(&message.required("version")?)?;
            let found = store.model_version(&name, version).await?;
            found.ok_or_else(|| Error::not_found(format!("Model Version (name={name}, version={version}) not found")))?.artifact_path
        }
        None => {
            let run_id = message.run_id()?;
            let run = store.run(&run_id).await?.ok_or_else(|| Error::not_found(format!("Run with id={run_id} not found")))?;
            artifact_uri::path(&run.artifact_uri)
        }
    };
    let root = root.ok_or_else(|| Error::bad_request("These artifacts are not kept by this server."))?;
    file::response(platform, &caller, &format!("{root}/{path}")).await
}
