//! `GET /api/mlops/privacy-policies/{policy_id}`: a privacy policy.

use shared::domain::privacy_policy::PrivacyPolicy;
use shared::http::response;
use shared::{Error, Platform, Request, Response, Result};

use crate::access;
use crate::privacy_policy_fields::PrivacyPolicyView;
use crate::views::problem::Problem;

/// Get a privacy policy
#[utoipa::path(
    get,
    path = "/api/mlops/privacy-policies/{policy_id}",
    operation_id = "deployments_privacy_policy_get",
    tag = "Privacy",
    params(("policy_id" = String, Path, description = "The policy")),
    responses(
        (status = 200, description = "The policy", body = PrivacyPolicyView),
        (status = 401, description = "Not signed in", body = Problem),
        (status = 404, description = "None of the caller's projects has such a policy", body = Problem),
    )
)]
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    response::ok(&PrivacyPolicyView::from(find(platform, &request).await?))
}

/// The policy that the path names, if the caller is in its project.
///
/// # Errors
/// `NotFound` when it is not there for this caller; `Internal` when DynamoDB does not answer.
pub async fn find(platform: &Platform, request: &Request) -> Result<PrivacyPolicy> {
    let id = request.path_parameter("policy_id")?;
    let missing = || Error::not_found(format!("Privacy policy {} not found", id.chars().take(80).collect::<String>()));
    let policy = platform.store()?.privacy_policy(id).await?.ok_or_else(missing)?;
    match access::may_see(platform, request, &policy.project_id, policy.owner.as_deref()).await? {
        true => Ok(policy),
        false => Err(missing()),
    }
}
