//! `POST upload-artifact`: writes a small file of a run, as MLflow's web pages do.

use serde_json::json;
use shared::domain::artifact_uri;
use shared::http::response;
use shared::objects::keys::artifact;
use shared::{Error, Platform, Request, Response, Result};

use crate::access::Caller;
use crate::artifacts::paths;

/// Takes `run_uuid` and `path` in the query and the file as the body; gives nothing. Larger files than a request holds come by
/// the routes that clients use.
///
/// # Errors
/// In MLflow's shape and codes.
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let caller = Caller::of(platform, &request).await?;
    let given = |name: &str| {
        let value = request.query_parameter(name).filter(|value| !value.is_empty());
        value.ok_or_else(|| Error::bad_request(format!("Request must specify {name}.")))
    };
    let (run_id, path) = (given("run_uuid")?, paths::checked(given("path")?)?);
    if request.body.is_empty() {
        return Err(Error::bad_request("Request must specify data."));
    }
    let run = platform.store()?.run(run_id).await?.ok_or_else(|| Error::not_found(format!("Run with id={run_id} not found")))?;
    let root = artifact_uri::path(&run.artifact_uri).ok_or_else(|| Error::bad_request("These artifacts are not kept by this server."))?;
    let path = format!("{root}/{path}");
    caller.may_write_artifact(platform, &path).await?;
    platform.objects()?.put(&artifact(&path), request.body.clone()).await?;
    response::ok(&json!({}))
}
