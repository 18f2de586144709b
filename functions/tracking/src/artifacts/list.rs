//! `GET mlflow-artifacts/artifacts`: one level of a folder under the artifact root.

use serde_json::json;
use shared::http::response;
use shared::{Platform, Request, Response, Result};

use crate::access::Caller;
use crate::artifacts::paths;
use crate::shapes;

/// Takes `path` in the query; gives `files` by their names.
///
/// # Errors
/// In MLflow's shape and codes.
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let caller = Caller::of(platform, &request).await?;
    let folder = match request.query_parameter("path").map(|path| path.trim_matches('/')).filter(|path| !path.is_empty()) {
        Some(path) => paths::checked(path)?,
        None => "",
    };
    let files = paths::listing(platform, &caller, folder, "").await?;
    response::ok(&shapes::object(json!({ "files": files })))
}
