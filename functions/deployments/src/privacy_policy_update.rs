//! `PATCH /api/mlops/privacy-policies/{policy_id}`: a privacy policy is changed.

use shared::http::fields::Fields;
use shared::http::response;
use shared::{Error, Platform, Request, Response, Result, Timestamp};

use crate::privacy_policy_fields::{Given, LONGEST_BODY, PrivacyPolicyRequest, PrivacyPolicyView};
use crate::privacy_policy_get::find;
use crate::views::problem::Problem;

/// Change a privacy policy
///
/// What is not named stays; `actions` and `column_map` are replaced whole. It holds from the next prediction on; what was stored
/// before stays as it is.
#[utoipa::path(
    patch,
    path = "/api/mlops/privacy-policies/{policy_id}",
    operation_id = "deployments_privacy_policy_update",
    tag = "Privacy",
    params(("policy_id" = String, Path, description = "The policy")),
    request_body = PrivacyPolicyRequest,
    responses(
        (status = 200, description = "The policy as it is now", body = PrivacyPolicyView),
        (status = 401, description = "Not signed in", body = Problem),
        (status = 404, description = "None of the caller's projects has such a policy", body = Problem),
        (status = 409, description = "Somebody else changed it at the same moment", body = Problem),
        (status = 422, description = "A field does not hold what it must", body = Problem),
    )
)]
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let mut policy = find(platform, &request).await?;
    let mut fields = Fields::of_body(&request, LONGEST_BODY)?;
    let given = Given::take(&mut fields);
    fields.finish()?;
    given.change(&mut policy);
    let read_at = std::mem::replace(&mut policy.updated_at, Timestamp::now());
    let changed = platform.store()?.change_privacy_policy(&policy, read_at).await?;
    let changed = changed.ok_or_else(|| {
        Error::conflict("The policy was changed or deleted by somebody else at the same moment; look at it and try again.")
    })?;
    response::ok(&PrivacyPolicyView::from(changed))
}
