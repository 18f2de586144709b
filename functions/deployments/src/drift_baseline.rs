//! `POST /api/mlops/deployments/{deployment_id}/drift/baseline`: rows of the training data, where they are not known from the
//! training.

use drift::{MINIMUM_ROWS, ProfileBuilder};
use serde::Serialize;
use serde_json::Value;
use shared::http::fields::Fields;
use shared::http::response;
use shared::projects::analysis;
use shared::{Platform, Request, Response, Result};
use utoipa::ToSchema;

use crate::access;
use crate::views::problem::Problem;

const LONGEST_BODY: usize = 5 * 1024 * 1024;
const MOST_ROWS: usize = 50_000;

/// Rows of the training data.
#[derive(Debug, ToSchema)]
#[allow(dead_code)]
pub struct BaselineRequest {
    /// At least 100 and at most 50,000, each an object of features.
    #[schema(value_type = Vec<Object>, example = json!([{ "amount": 29.99, "merchant_id": 42, "hour": 14 }]))]
    rows: Vec<Value>,
}

/// It is kept.
#[derive(Debug, Serialize, ToSchema)]
pub struct BaselineStored {
    /// True.
    pub ok: bool,
    /// How many rows there were.
    #[schema(example = 5000)]
    pub rows: u64,
    /// How many features they have.
    #[schema(example = 3)]
    pub features: usize,
}

/// Post a drift baseline
///
/// What is kept is how each feature is distributed, not the rows. It takes the place of what the training told.
#[utoipa::path(
    post,
    path = "/api/mlops/deployments/{deployment_id}/drift/baseline",
    operation_id = "deployments_drift_baseline",
    tag = "Project predictions",
    params(("deployment_id" = String, Path, description = "The deployment")),
    request_body = BaselineRequest,
    responses(
        (status = 200, description = "It is kept", body = BaselineStored),
        (status = 401, description = "Not signed in", body = Problem),
        (status = 404, description = "The caller has no such deployment", body = Problem),
        (status = 413, description = "The body is too long", body = Problem),
        (status = 422, description = "A field does not hold what it must", body = Problem),
    )
)]
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let (_, deployment) = access::deployment(platform, &request).await?;
    let mut fields = Fields::of_body(&request, LONGEST_BODY)?;
    fields.require("rows");
    let rows = fields.list("rows", LONGEST_BODY, 4).unwrap_or_default();
    let enough = usize::try_from(MINIMUM_ROWS).unwrap_or(usize::MAX);
    let mut builder = ProfileBuilder::new();
    for (at, row) in rows.iter().enumerate() {
        match row {
            Value::Object(row) if !row.is_empty() => builder.add_row(row),
            _ => {
                fields.fault(&["rows", &at.to_string()], "value is not an object of features", "type_error.dict");
                break;
            }
        }
    }
    if !(enough..=MOST_ROWS).contains(&rows.len()) {
        fields.fault(&["rows"], format!("ensure this value has from {enough} to {MOST_ROWS} rows"), "value_error.list.min_items");
    }
    fields.finish()?;
    let profile = builder.finish();
    analysis::keep_baseline(platform, &deployment, &profile).await?;
    response::ok(&BaselineStored { ok: true, rows: profile.rows, features: profile.features.len() })
}
