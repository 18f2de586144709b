//! `DELETE /api/mlops/privacy-policies/{policy_id}`: a privacy policy is deleted.

use shared::http::response;
use shared::{Platform, Request, Response, Result};

use crate::privacy_policy_get::find;
use crate::views::problem::Problem;

/// Delete a privacy policy
///
/// Its key is gone with it, so that its hashes can be made by nobody any more. A deployment that still names it answers
/// predictions with 409: nothing is stored as it is because its policy is missing.
#[utoipa::path(
    delete,
    path = "/api/mlops/privacy-policies/{policy_id}",
    operation_id = "deployments_privacy_policy_delete",
    tag = "Privacy",
    params(("policy_id" = String, Path, description = "The policy")),
    responses(
        (status = 204, description = "It is deleted"),
        (status = 401, description = "Not signed in", body = Problem),
        (status = 404, description = "None of the caller's projects has such a policy", body = Problem),
    )
)]
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let policy = find(platform, &request).await?;
    platform.store()?.delete_privacy_policy(&policy.id).await?;
    Ok(response::no_content())
}
